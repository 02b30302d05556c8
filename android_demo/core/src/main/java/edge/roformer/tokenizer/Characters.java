package edge.roformer.tokenizer;

import java.util.Arrays;

/** A text that grows, with the place of each of its characters in another text. */
final class Characters {
  int[] codes;
  int[] places;
  int length;

  Characters(int capacity) {
    codes = new int[capacity];
    places = new int[capacity];
  }

  /** Takes a stretch of a text; its places are counted from {@code first}. */
  static Characters of(int[] text, int start, int end, int first) {
    Characters found = new Characters(end - start);
    System.arraycopy(text, start, found.codes, 0, end - start);
    for (int at = 0; at < end - start; at++) {
      found.places[at] = first + at;
    }
    found.length = end - start;
    return found;
  }

  void add(int code, int place) {
    if (length == codes.length) {
      int capacity = Math.max(8, length * 2);
      codes = Arrays.copyOf(codes, capacity);
      places = Arrays.copyOf(places, capacity);
    }
    codes[length] = code;
    places[length++] = place;
  }

  void add(int[] added, int place) {
    for (int code : added) {
      add(code, place);
    }
  }

  Characters slice(int start, int end) {
    Characters part = new Characters(0);
    part.codes = Arrays.copyOfRange(codes, start, end);
    part.places = Arrays.copyOfRange(places, start, end);
    part.length = end - start;
    return part;
  }

  Characters join(Characters other) {
    Characters joined = new Characters(length + other.length);
    System.arraycopy(codes, 0, joined.codes, 0, length);
    System.arraycopy(places, 0, joined.places, 0, length);
    System.arraycopy(other.codes, 0, joined.codes, length, other.length);
    System.arraycopy(other.places, 0, joined.places, length, other.length);
    joined.length = length + other.length;
    return joined;
  }
}
