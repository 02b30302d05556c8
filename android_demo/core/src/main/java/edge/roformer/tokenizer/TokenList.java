package edge.roformer.tokenizer;

import java.util.Arrays;

/** The tokens of one text: ids, places in the text, and which of them continue a word. */
final class TokenList {
  int[] ids = new int[16];
  int[] starts = new int[16];
  int[] ends = new int[16];
  boolean[] continues = new boolean[16];
  int size;

  void add(int id, int start, int end, boolean continuing) {
    if (size == ids.length) {
      int capacity = size * 2;
      ids = Arrays.copyOf(ids, capacity);
      starts = Arrays.copyOf(starts, capacity);
      ends = Arrays.copyOf(ends, capacity);
      continues = Arrays.copyOf(continues, capacity);
    }
    ids[size] = id;
    starts[size] = start;
    ends[size] = end;
    continues[size++] = continuing;
  }

  /** Adds a token of characters whose places may be in any order. */
  void add(int id, int[] places, int start, int end, boolean continuing) {
    int least = places[start];
    int most = least;
    for (int at = start + 1; at < end; at++) {
      least = Math.min(least, places[at]);
      most = Math.max(most, places[at]);
    }
    add(id, least, most + 1, continuing);
  }
}
