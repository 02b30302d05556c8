package edge.roformer.tokenizer;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Set;

/** Finds added tokens in a text the way the fast tokenizers do: the leftmost, longest, one behind the other. */
final class FastMatcher {
  private final TokenMap numbers = new TokenMap(0, 0);
  private final BitSet heads = new BitSet();
  private final List<AddedToken> tokens = new ArrayList<>();
  private final List<Integer> ids = new ArrayList<>();
  private final Set<String> special;
  private final UnicodeTables unicode;

  FastMatcher(Set<String> special, UnicodeTables unicode) {
    this.special = special;
    this.unicode = unicode;
  }

  /** Adds a text to look for, unless it is there already or empty. */
  void add(int[] text, int id, AddedToken token) {
    if (text.length > 0 && numbers.get(text) == TokenMap.NONE) {
      numbers.put(text, tokens.size());
      heads.set(text[0]);
      tokens.add(token);
      ids.add(id);
    }
  }

  /** Tells whether any token could begin in a text; cheap, and false for nearly all texts. */
  boolean mayMatch(int[] text, int length) {
    for (int at = 0; at < length; at++) {
      if (heads.get(text[at])) {
        return true;
      }
    }
    return false;
  }

  /**
   * Splits a text into tokens and what lies between them.
   *
   * @param text the text
   * @param length how much of it
   * @param skipSpecial whether special tokens are ordinary text
   * @return every piece that is not empty, in order
   */
  List<Piece> split(int[] text, int length, boolean skipSpecial) {
    List<Piece> pieces = new ArrayList<>();
    int done = 0;
    int white = 0;
    int[] stop = new int[1];
    for (int at = 0; at < length; at++) {
      int number = heads.get(text[at]) ? numbers.longestAt(text, at, length, false, stop) : TokenMap.NONE;
      if (number == TokenMap.NONE) {
        continue;
      }
      AddedToken token = tokens.get(number);
      int coreStart = at;
      int coreEnd = stop[0];
      at = coreEnd - 1;
      if ((skipSpecial && special.contains(token.content)) || (token.singleWord && !standsAlone(text, length, coreStart, coreEnd))) {
        continue;
      }
      int start = coreStart;
      int end = coreEnd;
      if (token.leftStrip) {
        while (start > done && CodePoints.isWhiteSpace(text[start - 1])) {
          start--;
        }
        start = Math.max(start, done);
      }
      if (token.rightStrip) {
        // white space that was run over once is not run over again for every token in it
        end = Math.max(end, Math.max(done, white));
        while (end < length && CodePoints.isWhiteSpace(text[end])) {
          end++;
        }
        white = end;
      }
      if (done < start) {
        pieces.add(new Piece(done, start, done, start, TokenMap.NONE));
      }
      if (start < end) {
        pieces.add(new Piece(start, end, coreStart, coreEnd, ids.get(number)));
      }
      done = end;
    }
    if (done < length) {
      pieces.add(new Piece(done, length, done, done, TokenMap.NONE));
    }
    return pieces;
  }

  private boolean standsAlone(int[] text, int length, int start, int end) {
    return !(start > 0 && (unicode.kind(text[start - 1]) & UnicodeTables.WORD) != 0)
        && !(end < length && (unicode.kind(text[end]) & UnicodeTables.WORD) != 0);
  }

  /** A stretch of a text: a token with the white space that it takes along, or what lies between tokens. */
  static final class Piece {
    final int start;
    final int end;
    final int id;
    private final int coreStart;
    private final int coreEnd;

    private Piece(int start, int end, int coreStart, int coreEnd, int id) {
      this.start = start;
      this.end = end;
      this.coreStart = coreStart;
      this.coreEnd = coreEnd;
      this.id = id;
    }

    /** Adds the token, with its stretch of the original text. */
    void addTo(TokenList into, int[] text, int[] places) {
      int least = places[start];
      int most = places[end - 1];
      // only inside the content may places be out of order
      for (int at = Math.max(start, coreStart); at < Math.min(end, coreEnd); at++) {
        least = Math.min(least, places[at]);
        most = Math.max(most, places[at]);
      }
      into.add(id, least, most + 1, CodePoints.startsWithMark(text, start, end));
    }
  }
}
