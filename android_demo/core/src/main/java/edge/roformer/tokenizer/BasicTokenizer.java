package edge.roformer.tokenizer;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** What the slow mode does to a word before WordPiece: clean, lower-case, strip accents, split. */
final class BasicTokenizer {
  private final UnicodeTables unicode;
  private final boolean lower;
  private final boolean strip;
  private final boolean ideographs;
  private final TokenMap kept = new TokenMap(0, 0);

  BasicTokenizer(UnicodeTables unicode, Settings settings, Set<String> neverSplit) {
    this.unicode = unicode;
    lower = settings.lowerCase;
    strip = settings.stripAccents;
    ideographs = settings.ideographs;
    for (String word : neverSplit) {
      kept.put(CodePoints.of(word, "a token"), 0);
    }
  }

  /** Splits {@code text[start:end]} into parts. */
  List<Characters> split(Characters text, int start, int end) {
    List<Characters> found = new ArrayList<>();
    for (Characters part : fields(cleaned(text, start, end))) {
      if (isKept(part)) {
        found.add(part);
        continue;
      }
      Characters folded = folded(part);
      found.addAll(fields(isKept(folded) ? folded : apart(folded)));
    }
    return found;
  }

  /** Splits at white space, as Python's {@code str.split} does. */
  static List<Characters> fields(Characters text) {
    List<Characters> found = new ArrayList<>();
    int start = 0;
    for (int at = 0; at <= text.length; at++) {
      if (at == text.length || CodePoints.isSpace(text.codes[at])) {
        if (start < at) {
          found.add(text.slice(start, at));
        }
        start = at + 1;
      }
    }
    return found;
  }

  private boolean isKept(Characters part) {
    return kept.size() > 0 && kept.get(part.codes, 0, part.length) != TokenMap.NONE;
  }

  private Characters cleaned(Characters text, int start, int end) {
    Characters cleaned = new Characters(end - start + 8);
    for (int at = start; at < end; at++) {
      int code = text.codes[at];
      int place = text.places[at];
      int kind = unicode.kind(code);
      if ((kind & UnicodeTables.REMOVE) != 0) {
        continue;
      }
      if ((kind & UnicodeTables.SPACE) != 0) {
        cleaned.add(' ', place);
        continue;
      }
      boolean apart = ideographs && (kind & UnicodeTables.IDEOGRAPH) != 0;
      if (apart) {
        cleaned.add(' ', place);
      }
      int[] composed = unicode.compose(code);
      if (composed == null) {
        cleaned.add(code, place);
      } else {
        cleaned.add(composed, place);
      }
      if (apart) {
        cleaned.add(' ', place);
      }
    }
    return cleaned;
  }

  private Characters folded(Characters text) {
    Characters folded = new Characters(text.length + 8);
    for (int at = 0; at < text.length; at++) {
      int[] small = lower ? unicode.lower(text.codes[at]) : null;
      if (small == null) {
        addStripped(text.codes[at], text.places[at], folded);
      } else {
        for (int code : small) {
          addStripped(code, text.places[at], folded);
        }
      }
    }
    return folded;
  }

  private void addStripped(int code, int place, Characters into) {
    int[] parts = strip ? unicode.decompose(code) : null;
    if (parts == null) {
      addUnlessMark(code, place, into);
    } else {
      for (int part : parts) {
        addUnlessMark(part, place, into);
      }
    }
  }

  private void addUnlessMark(int code, int place, Characters into) {
    if (!strip || (unicode.kind(code) & UnicodeTables.MARK) == 0) {
      into.add(code, place);
    }
  }

  private Characters apart(Characters text) {
    Characters apart = new Characters(text.length + 8);
    for (int at = 0; at < text.length; at++) {
      boolean punctuation = (unicode.kind(text.codes[at]) & UnicodeTables.PUNCTUATION) != 0;
      if (punctuation) {
        apart.add(' ', text.places[at]);
      }
      apart.add(text.codes[at], text.places[at]);
      if (punctuation) {
        apart.add(' ', text.places[at]);
      }
    }
    return apart;
  }
}
