package edge.roformer.tokenizer;

import edge.roformer.BundleException;

/** The tokens of a model in the order of their ids: one a line of {@code vocab.txt}. */
final class Vocabulary {
  // the characters of all lines; a token is a stretch of them
  private final int[] codes;
  private final IntList starts = new IntList();
  private final IntList ends = new IntList();
  private final TokenMap ids;

  /**
   * Reads a vocabulary.
   *
   * @param bytes UTF-8, one token a line
   * @throws BundleException it is empty, or not UTF-8
   */
  Vocabulary(byte[] bytes) {
    codes = CodePoints.ofUtf8(bytes);
    if (codes == null) {
      throw new BundleException("the vocabulary is not UTF-8");
    }
    findLines(codes.length > 0 && codes[0] == 0xFEFF ? 1 : 0);
    ids = new TokenMap(starts.size, codes.length);
    boolean empty = true;
    for (int id = 0; id < starts.size; id++) {
      ids.put(codes, starts.items[id], ends.items[id], id);
      empty &= starts.items[id] == ends.items[id];
    }
    if (empty) {
      throw new BundleException("the vocabulary is empty; expected one token a line");
    }
  }

  private void findLines(int first) {
    int start = first;
    for (int at = first; at < codes.length; at++) {
      int code = codes[at];
      if (code == '\n' || code == '\r') {
        starts.add(start);
        ends.add(at);
        if (code == '\r' && at + 1 < codes.length && codes[at + 1] == '\n') {
          at++;
        }
        start = at + 1;
      }
    }
    if (start < codes.length || starts.size == 0) {
      starts.add(start);
      ends.add(codes.length);
    }
  }

  /** Returns ids by token; of a token that stands on several lines the last. */
  TokenMap ids() {
    return ids;
  }

  /** Counts the different tokens. */
  int size() {
    return ids.size();
  }

  /** Counts the lines. */
  int lines() {
    return starts.size;
  }

  /** Returns the token that has an id, or null where there is none or its token has a later one. */
  String token(int id) {
    if (id < 0 || id >= starts.size) {
      return null;
    }
    int start = starts.items[id];
    int end = ends.items[id];
    return ids.get(codes, start, end) == id ? new String(codes, start, end - start) : null;
  }
}
