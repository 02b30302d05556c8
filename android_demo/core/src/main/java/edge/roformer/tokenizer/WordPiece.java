package edge.roformer.tokenizer;

/** Splits a word into the longest pieces that the vocabulary holds, from left to right. */
final class WordPiece {
  /** The most characters of a word; longer ones are unknown. */
  static final int LONGEST = 100;

  private final TokenMap pieces;

  WordPiece(TokenMap pieces) {
    this.pieces = pieces;
  }

  /**
   * Adds the pieces of a word.
   *
   * @param text what holds the word
   * @param start its first character
   * @param end one more than its last
   * @param places the place of every character in the original text
   * @param into receives the tokens
   * @return false, with nothing added, where the word is unknown
   */
  boolean split(int[] text, int start, int end, int[] places, TokenList into) {
    if (end - start > LONGEST) {
      return false;
    }
    int before = into.size;
    int[] stop = new int[1];
    for (int at = start; at < end; at = stop[0]) {
      int id = pieces.longestAt(text, at, end, at > start, stop);
      if (id == TokenMap.NONE) {
        into.size = before;
        return false;
      }
      into.add(id, places, at, stop[0], at > start || CodePoints.startsWithMark(text, at, stop[0]));
    }
    return true;
  }
}
