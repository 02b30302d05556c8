package edge.roformer.tokenizer;

/**
 * Cuts a text into the words of a dictionary: the path of the greatest probability, added up from the right.
 *
 * <p>Source of the algorithm: jieba (https://github.com/fxsjy/jieba, MIT) without its hidden Markov model.
 */
final class WordSegmenter {
  private final WordTrie words;

  WordSegmenter(WordTrie words) {
    this.words = words;
  }

  /**
   * Cuts a stretch of a text.
   *
   * @param text the text
   * @param start where the stretch begins
   * @param end where it ends
   * @return the ends of its words, in order; together they cover it
   */
  IntList cut(int[] text, int start, int end) {
    IntList ends = new IntList();
    double[] scores = null;
    int[] stops = null;
    int at = start;
    while (at < end) {
      int stop = at;
      while (stop < end && inRun(text[stop])) {
        stop++;
      }
      if (stop - at > 1) {
        if (scores == null || scores.length <= stop - at) {
          scores = new double[Math.max(64, stop - at + 1)];
          stops = new int[Math.max(64, stop - at + 1)];
        }
        try {
          route(text, at, stop, scores, stops);
        } catch (ArrayIndexOutOfBoundsException error) {
          throw WordTrie.damaged(); // a file whose digest is right and whose pointers are not
        }
        readOff(text, at, stop, stops, ends);
        at = stop;
      } else {
        at++;
        if (text[at - 1] == '\r' && at < end && text[at] == '\n') {
          at++;
        }
        ends.add(at);
      }
    }
    return ends;
  }

  /** Finds for every place of a run where the best word that begins there ends. */
  private void route(int[] text, int start, int end, double[] scores, int[] stops) {
    double alone = words.scores[0];
    char[] values = words.values;
    scores[end - start] = 0;
    for (int at = end - 1; at >= start; at--) {
      int node = words.head(text[at]);
      boolean found = false;
      double best = 0;
      int stop = at + 1;
      int limit = Math.min(end, at + WordTrie.LONGEST);
      for (int place = at + 1; node != 0; place++) {
        if (values[node] != 0) {
          double score = words.scores[values[node]] + scores[place - start];
          // of equal sums the longer word wins
          if (!found || score >= best) {
            best = score;
            stop = place;
            found = true;
          }
        }
        if (place >= limit) {
          break;
        }
        node = words.child(node, text[place]);
      }
      scores[at - start] = found ? best : alone + scores[at + 1 - start];
      stops[at - start] = found ? stop : at + 1;
    }
  }

  /** Reads the words off, and puts neighbouring single letters and digits of ASCII together. */
  private static void readOff(int[] text, int start, int end, int[] stops, IntList ends) {
    int at = start;
    while (at < end) {
      int stop = stops[at - start];
      if (stop == at + 1 && isAlphanumeric(text[at])) {
        while (stop < end && stops[stop - start] == stop + 1 && isAlphanumeric(text[stop])) {
          stop++;
        }
      }
      ends.add(stop);
      at = stop;
    }
  }

  private static boolean inRun(int code) {
    if (code >= 0x4E00 && code <= 0x9FFF) {
      return true;
    }
    if (code < 0x80) {
      return isAlphanumeric(code) || code == '+' || code == '#' || code == '&' || code == '.' || code == '_'
          || code == '%' || code == '-';
    }
    return (code >= 0x3400 && code <= 0x4DBF) || (code >= 0xF900 && code <= 0xFAFF)
        || (code >= 0x20000 && code <= 0x2A6DF) || (code >= 0x2A700 && code <= 0x2EBEF)
        || (code >= 0x2F800 && code <= 0x2FA1F);
  }

  private static boolean isAlphanumeric(int code) {
    return (code >= '0' && code <= '9') || (code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z');
  }
}
