package edge.roformer.tasks;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * How the labels of tokens are read: which letters say where an entity begins and ends.
 *
 * <p>What a letter means is decided by the label set as a whole, for {@code E-mail} has the look of one and is none.
 */
final class TagScheme {
  private static final String LETTERS = "BIMELSU";
  private static final String BEGINS = "BSU";
  private static final String ENDS = "ELSU";
  private static final String GOES_ON = "IMEL";
  private static final String SEPARATORS = "-_:./|";
  private static final String NAMELESS = "_";
  private static final Tag OUTSIDE = new Tag("", "");

  private final Map<String, Tag> tags = new HashMap<>();

  TagScheme(List<String> labels) {
    Map<String, Tag> best = null;
    for (boolean behind : new boolean[] {false, true}) {
      for (char separator : SEPARATORS.toCharArray()) {
        best = longer(best, read(labels, separator, behind));
      }
    }
    best = longer(best, readLetters(labels));
    for (String label : labels) {
      tags.put(label, isOutside(label) ? OUTSIDE : new Tag(label, ""));
    }
    tags.putAll(best);
  }

  /** Joins the labels of consecutive units to entities: name, first unit, one more than the last. */
  List<Span> join(List<String> labels) {
    List<Span> entities = new ArrayList<>();
    String name = "";
    int start = 0;
    for (int at = 0; at <= labels.size(); at++) {
      Tag tag = at < labels.size() ? tags.get(labels.get(at)) : OUTSIDE;
      if (tag.isOneOf(BEGINS) || !tag.name.equals(name)) {
        if (!name.isEmpty()) {
          entities.add(new Span(name, start, at));
        }
        name = tag.name;
        start = at;
      }
      if (tag.isOneOf(ENDS)) {
        entities.add(new Span(name, start, at + 1));
        name = "";
      }
    }
    return entities;
  }

  private static boolean isOutside(String label) {
    return label.equals("O") || label.equals("o");
  }

  /** Reads the labels that have letters, on one side and with one separator. */
  private static Map<String, Tag> read(List<String> labels, char separator, boolean behind) {
    Map<String, Tag> split = new HashMap<>();
    Map<String, Set<String>> letters = new HashMap<>();
    Set<String> all = new HashSet<>();
    int inside = 0;
    for (String label : labels) {
      inside += isOutside(label) ? 0 : 1;
      Tag tag = split(label, separator, behind);
      if (tag != null) {
        split.put(label, tag);
        if (!letters.containsKey(tag.name)) {
          letters.put(tag.name, new HashSet<String>());
        }
        letters.get(tag.name).add(tag.letter);
        all.add(tag.letter);
      }
    }
    Set<String> chained = new HashSet<>();
    Set<String> common = new HashSet<>();
    for (Map.Entry<String, Set<String>> each : letters.entrySet()) {
      if (isChained(each.getValue())) {
        chained.add(each.getKey());
        common.addAll(each.getValue());
      }
    }
    Set<String> known = new HashSet<>(chained);
    for (Map.Entry<String, Set<String>> each : letters.entrySet()) {
      boolean fits = true;
      for (String letter : each.getValue()) {
        fits &= common.contains(letter) && BEGINS.contains(letter);
      }
      if (fits) {
        known.add(each.getKey());
      }
    }
    // without a chain anywhere, a B before every name is a scheme too: of entities of one unit each
    if (split.size() == inside && all.size() == 1 && all.contains("B")) {
      known.addAll(letters.keySet());
    }
    Map<String, Tag> found = new HashMap<>();
    for (Map.Entry<String, Tag> each : split.entrySet()) {
      if (known.contains(each.getValue().name)) {
        found.put(each.getKey(), each.getValue());
      }
    }
    return found;
  }

  /** Reads labels that are letters alone, as all of them must be. */
  private static Map<String, Tag> readLetters(List<String> labels) {
    Map<String, Tag> found = new HashMap<>();
    boolean begins = false;
    boolean goesOn = false;
    for (String label : labels) {
      String letter = label.toUpperCase(Locale.ROOT);
      if (isOutside(label)) {
        continue;
      }
      if (letter.length() != 1 || !LETTERS.contains(letter)) {
        return new HashMap<>();
      }
      begins |= letter.equals("B");
      goesOn |= GOES_ON.contains(letter);
      found.put(label, new Tag(NAMELESS, letter));
    }
    return begins && goesOn ? found : new HashMap<String, Tag>();
  }

  /** The first of the longest. */
  private static Map<String, Tag> longer(Map<String, Tag> first, Map<String, Tag> second) {
    return first == null || second.size() > first.size() ? second : first;
  }

  private static boolean isChained(Set<String> letters) {
    boolean goesOn = false;
    for (String letter : letters) {
      goesOn |= GOES_ON.contains(letter);
    }
    return letters.contains("I") || (letters.contains("B") && goesOn);
  }

  private static Tag split(String label, char separator, boolean behind) {
    int at = behind ? label.lastIndexOf(separator) : label.indexOf(separator);
    if (at < 0) {
      return null;
    }
    String before = label.substring(0, at);
    String after = label.substring(at + 1);
    String letter = (behind ? after : before).toUpperCase(Locale.ROOT);
    String name = behind ? before : after;
    return letter.length() == 1 && LETTERS.contains(letter) && !name.isEmpty() ? new Tag(name, letter) : null;
  }

  /** An entity among units. */
  static final class Span {
    final String name;
    final int start;
    final int end;

    Span(String name, int start, int end) {
      this.name = name;
      this.start = start;
      this.end = end;
    }
  }

  private static final class Tag {
    private final String name;
    private final String letter;

    Tag(String name, String letter) {
      this.name = name;
      this.letter = letter;
    }

    boolean isOneOf(String letters) {
      return !letter.isEmpty() && letters.contains(letter);
    }
  }
}
