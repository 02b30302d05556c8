package edge.roformer.tokenizer;

import java.util.Arrays;

/** Ids by token, looked up in the middle of a text without cutting anything out of it. */
final class TokenMap {
  static final int NONE = -1;
  private static final int FACTOR = 31;
  private static final int CONTINUED = '#' * FACTOR + '#';
  private static final int MARK = 2;

  // the characters of all tokens, one behind the other
  private int[] codes;
  private int[] ends;
  private int[] ids;
  private int count;
  // number of a token and one more, by hash
  private int[] table;
  private int longest;

  TokenMap(int tokens, int characters) {
    codes = new int[Math.max(16, characters)];
    ends = new int[Math.max(16, tokens)];
    ids = new int[Math.max(16, tokens)];
    table = new int[Integer.highestOneBit(Math.max(16, tokens)) * 4];
  }

  TokenMap copy() {
    TokenMap other = new TokenMap(0, 0);
    other.codes = codes.clone();
    other.ends = ends.clone();
    other.ids = ids.clone();
    other.table = table.clone();
    other.count = count;
    other.longest = longest;
    return other;
  }

  /** Returns the most characters of a token. */
  int longest() {
    return longest;
  }

  int size() {
    return count;
  }

  /** Sets the id of a token. */
  void put(int[] token, int id) {
    put(token, 0, token.length, id);
  }

  /** Sets the id of the token {@code text[start:end]}. */
  void put(int[] text, int start, int end, int id) {
    int hash = hash(0, text, start, end);
    int found = find(hash, text, start, end, false);
    if (found != NONE) {
      ids[found] = id;
      return;
    }
    if (count == ids.length) {
      ids = Arrays.copyOf(ids, count * 2);
      ends = Arrays.copyOf(ends, count * 2);
    }
    int length = end - start;
    int first = count == 0 ? 0 : ends[count - 1];
    if (first + length > codes.length) {
      codes = Arrays.copyOf(codes, Math.max(codes.length * 2, first + length));
    }
    System.arraycopy(text, start, codes, first, length);
    ids[count] = id;
    ends[count++] = first + length;
    longest = Math.max(longest, length);
    if (count * 2 > table.length) {
      table = new int[table.length * 2];
      for (int each = 0; each < count; each++) {
        int from = each == 0 ? 0 : ends[each - 1];
        plant(each, hash(0, codes, from, ends[each]));
      }
    } else {
      plant(count - 1, hash);
    }
  }

  int get(int[] text) {
    return get(text, 0, text.length);
  }

  /** Looks up the id of {@code text[start:end]}, or {@code NONE}. */
  int get(int[] text, int start, int end) {
    if (end - start > longest) {
      return NONE;
    }
    int found = find(hash(0, text, start, end), text, start, end, false);
    return found == NONE ? NONE : ids[found];
  }

  /**
   * Finds the longest token that begins at a place.
   *
   * @param text the text
   * @param start the place
   * @param limit where the token must have ended
   * @param continuing whether the token has {@code ##} in front, which the text has not
   * @param found receives the end of the token in the text
   * @return its id, or {@code NONE}
   */
  int longestAt(int[] text, int start, int limit, boolean continuing, int[] found) {
    int most = Math.min(limit, start + longest - (continuing ? MARK : 0));
    if (most <= start) {
      return NONE;
    }
    int[] hashes = new int[most - start];
    int hash = continuing ? CONTINUED : 0;
    for (int at = start; at < most; at++) {
      hash = hash * FACTOR + text[at];
      hashes[at - start] = hash;
    }
    for (int end = most; end > start; end--) {
      int token = find(hashes[end - start - 1], text, start, end, continuing);
      if (token != NONE) {
        found[0] = end;
        return ids[token];
      }
    }
    return NONE;
  }

  private static int hash(int seed, int[] text, int start, int end) {
    int hash = seed;
    for (int at = start; at < end; at++) {
      hash = hash * FACTOR + text[at];
    }
    return hash;
  }

  private int find(int hash, int[] text, int start, int end, boolean continuing) {
    int mask = table.length - 1;
    for (int slot = spread(hash) & mask; table[slot] != 0; slot = slot + 1 & mask) {
      if (equals(table[slot] - 1, text, start, end, continuing)) {
        return table[slot] - 1;
      }
    }
    return NONE;
  }

  private boolean equals(int token, int[] text, int start, int end, boolean continuing) {
    int at = token == 0 ? 0 : ends[token - 1];
    int skipped = continuing ? MARK : 0;
    if (ends[token] - at != end - start + skipped) {
      return false;
    }
    if (continuing && (codes[at] != '#' || codes[at + 1] != '#')) {
      return false;
    }
    at += skipped;
    for (int place = start; place < end; place++, at++) {
      if (text[place] != codes[at]) {
        return false;
      }
    }
    return true;
  }

  private void plant(int token, int hash) {
    int mask = table.length - 1;
    int slot = spread(hash) & mask;
    while (table[slot] != 0) {
      slot = slot + 1 & mask;
    }
    table[slot] = token + 1;
  }

  private static int spread(int hash) {
    int mixed = hash * 0x9E3779B9;
    return mixed ^ mixed >>> 15;
  }
}
