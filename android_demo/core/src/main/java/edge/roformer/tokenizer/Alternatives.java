package edge.roformer.tokenizer;

import java.util.HashMap;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Finds the leftmost of several texts, of two at one place the one named earlier. */
final class Alternatives {
  private final Map<Integer, List<int[]>> byHead = new HashMap<>();

  void add(String text) {
    if (!text.isEmpty()) {
      int[] codes = CodePoints.of(text, "a token");
      List<int[]> same = byHead.get(codes[0]);
      if (same == null) {
        same = new ArrayList<>();
        byHead.put(codes[0], same);
      }
      same.add(codes);
    }
  }

  /** Finds starts and ends of all occurrences in turn, none inside another. */
  IntList find(int[] text) {
    IntList found = new IntList();
    int at = 0;
    while (at < text.length) {
      int end = endAt(text, at);
      if (end > at) {
        found.add(at);
        found.add(end);
        at = end;
      } else {
        at++;
      }
    }
    return found;
  }

  private int endAt(int[] text, int at) {
    List<int[]> candidates = byHead.get(text[at]);
    if (candidates != null) {
      for (int[] each : candidates) {
        if (startsWith(text, at, each)) {
          return at + each.length;
        }
      }
    }
    return at;
  }

  private static boolean startsWith(int[] text, int at, int[] other) {
    if (text.length - at < other.length) {
      return false;
    }
    for (int place = 0; place < other.length; place++) {
      if (text[at + place] != other[place]) {
        return false;
      }
    }
    return true;
  }
}
