package edge.roformer.tokenizer;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Cuts a text at added tokens the way the slow tokenizer of transformers does. */
final class SlowMatcher {
  private final Node root = new Node();

  SlowMatcher(Iterable<String> contents) {
    for (String content : contents) {
      Node node = root;
      for (int code : CodePoints.of(content, "a token")) {
        Node next = node.children.get(code);
        if (next == null) {
          next = new Node();
          node.children.put(code, next);
        }
        node = next;
      }
      node.ends = node != root;
    }
  }

  /** Tells whether any token could begin in a text. */
  boolean mayMatch(Characters text) {
    for (int at = 0; at < text.length; at++) {
      if (root.children.containsKey(text.codes[at])) {
        return true;
      }
    }
    return false;
  }

  /**
   * Cuts a text into pieces, of which some are tokens.
   *
   * <p>Partial matches are followed side by side. The first to be complete ends the search, and of those that began no
   * later the leftmost that can be completed is taken, as long as possible. One that failed on the very character that
   * completed another is still tried, with that character passed over.
   *
   * @return the ends of the pieces
   */
  IntList cut(Characters text) {
    List<Integer> cuts = new ArrayList<>();
    Map<Integer, Node> active = new LinkedHashMap<>();
    int resume = 0;
    for (int at = 0; at < text.length; at++) {
      int code = text.codes[at];
      List<Integer> failed = new ArrayList<>();
      for (Map.Entry<Integer, Node> entry : active.entrySet()) {
        Node node = entry.getValue();
        if (node.ends) {
          resume = complete(text, at, active, entry.getKey(), cuts);
          active = new LinkedHashMap<>();
          break;
        }
        Node next = node.children.get(code);
        if (next == null) {
          failed.add(entry.getKey());
        } else {
          entry.setValue(next);
        }
      }
      for (Integer start : failed) {
        active.remove(start);
      }
      if (at >= resume && root.children.containsKey(code)) {
        active.put(at, root.children.get(code));
      }
    }
    for (Map.Entry<Integer, Node> entry : active.entrySet()) {
      if (entry.getValue().ends) {
        cuts.add(entry.getKey());
        break;
      }
    }
    cuts.add(text.length);
    IntList ends = new IntList();
    int start = 0;
    for (int end : cuts) {
      if (end > start) {
        ends.add(end);
        start = end;
      }
    }
    return ends;
  }

  private static int complete(Characters text, int at, Map<Integer, Node> active, int found, List<Integer> cuts) {
    for (Map.Entry<Integer, Node> entry : active.entrySet()) {
      Node node = entry.getValue();
      int ahead = at + (entry.getKey() < found ? 1 : 0);
      int end = node.ends ? ahead : -1;
      while (ahead < text.length && node.children.containsKey(text.codes[ahead])) {
        node = node.children.get(text.codes[ahead++]);
        end = node.ends ? ahead : end;
      }
      if (end >= 0) {
        cuts.add(entry.getKey());
        cuts.add(end);
        return end;
      }
    }
    throw new IllegalStateException("the match that was found has gone");
  }

  private static final class Node {
    private final Map<Integer, Node> children = new HashMap<>();
    private boolean ends;
  }
}
