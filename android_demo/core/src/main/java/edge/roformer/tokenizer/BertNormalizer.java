package edge.roformer.tokenizer;

/** What the fast family does to a text before it is cut. */
final class BertNormalizer {
  private final UnicodeTables unicode;
  private final boolean ideographs;
  private final boolean strip;
  private final boolean lower;
  private final boolean ascending;

  /**
   * Makes a normalizer.
   *
   * @param unicode the fast family's tables
   * @param ideographs whether every ideograph gets spaces around it
   * @param strip whether accents are dropped
   * @param lower whether the text is lower-cased
   * @param ascending whether characters that are reordered leave their places behind
   */
  BertNormalizer(UnicodeTables unicode, boolean ideographs, boolean strip, boolean lower, boolean ascending) {
    this.unicode = unicode;
    this.ideographs = ideographs;
    this.strip = strip;
    this.lower = lower;
    this.ascending = ascending;
  }

  /** Changes {@code text[start:end]}; places are those in the text. */
  Characters normalize(int[] text, int start, int end) {
    Characters cleaned = new Characters(end - start + 8);
    boolean decomposes = false;
    for (int at = start; at < end; at++) {
      int code = text[at];
      int kind = unicode.kind(code);
      if ((kind & (UnicodeTables.REMOVE | UnicodeTables.SPACE)) != 0) {
        if ((kind & UnicodeTables.REMOVE) == 0) {
          cleaned.add(' ', at);
        }
      } else if (ideographs && (kind & UnicodeTables.IDEOGRAPH) != 0) {
        cleaned.add(' ', at);
        cleaned.add(code, at);
        cleaned.add(' ', at);
      } else {
        cleaned.add(code, at);
      }
      decomposes |= strip && ((kind & UnicodeTables.MARK) != 0 || unicode.order(code) != 0
          || unicode.decompose(code) != null);
    }
    return finished(decomposes ? decomposed(cleaned) : cleaned);
  }

  private Characters finished(Characters text) {
    Characters done = new Characters(text.length);
    for (int at = 0; at < text.length; at++) {
      int code = text.codes[at];
      if (strip && (unicode.kind(code) & UnicodeTables.MARK) != 0) {
        continue;
      }
      int[] small = lower ? unicode.lower(code) : null;
      if (small == null) {
        done.add(code, text.places[at]);
      } else {
        done.add(small, text.places[at]);
      }
    }
    return done;
  }

  /** Decomposes canonically, and sorts every run of combining characters by class. */
  private Characters decomposed(Characters text) {
    // the "place" of a part is for now the character that it is a part of
    Characters parts = new Characters(text.length + 8);
    for (int at = 0; at < text.length; at++) {
      int[] decomposed = unicode.decompose(text.codes[at]);
      if (decomposed == null) {
        parts.add(text.codes[at], at);
      } else {
        parts.add(decomposed, at);
      }
    }
    sortRuns(parts);
    int step = -1;
    boolean[] seen = new boolean[text.length];
    for (int at = 0; at < parts.length; at++) {
      int owner = parts.places[at];
      // what a character decomposed to counts as one step, wherever its parts went
      step += seen[owner] ? 0 : 1;
      seen[owner] = true;
      parts.places[at] = text.places[ascending ? step : owner];
    }
    return parts;
  }

  /** Sorts every run of characters of classes other than 0; equal ones stay in order. */
  private void sortRuns(Characters parts) {
    int start = 0;
    for (int at = 0; at <= parts.length; at++) {
      if (at == parts.length || unicode.order(parts.codes[at]) == 0) {
        if (at - start > 1) {
          sort(parts, start, at);
        }
        start = at + 1;
      }
    }
  }

  private void sort(Characters parts, int start, int end) {
    int[] firsts = new int[257];
    for (int at = start; at < end; at++) {
      firsts[unicode.order(parts.codes[at]) + 1]++;
    }
    for (int order = 1; order < firsts.length; order++) {
      firsts[order] += firsts[order - 1];
    }
    Characters run = parts.slice(start, end);
    for (int at = 0; at < run.length; at++) {
      int to = start + firsts[unicode.order(run.codes[at])]++;
      parts.codes[to] = run.codes[at];
      parts.places[to] = run.places[at];
    }
  }
}
