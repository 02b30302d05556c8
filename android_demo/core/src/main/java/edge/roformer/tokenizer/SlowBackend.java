package edge.roformer.tokenizer;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** The ids of the slow tokenizer of transformers, {@code RoFormerTokenizer}. */
final class SlowBackend implements Backend {
  private static final int FIRST_IDEOGRAPH = 0x4E00;
  private static final int LAST_IDEOGRAPH = 0x9FFF;

  private final TokenTable table;
  private final Settings settings;
  private final UnicodeTables unicode;
  private final WordSegmenter segmenter;
  // transformers looks for the option on the step that do_basic_tokenize switches off
  private final boolean lowers;
  private final TokenMap words;
  private final WordPiece wordPiece;
  private final BasicTokenizer basic;
  private final SlowMatcher matcher;
  private final Alternatives cased = new Alternatives();
  private final int unknown;
  private final boolean unknownContinues;

  SlowBackend(TokenTable table, UnicodeTables unicode, WordSegmenter segmenter) {
    this.table = table;
    this.settings = table.settings;
    this.unicode = unicode;
    this.segmenter = segmenter;
    lowers = settings.lowerCase && settings.basic;
    words = table.overridden();
    wordPiece = new WordPiece(words);
    Set<String> kept = new LinkedHashSet<>(settings.neverSplit);
    kept.addAll(settings.special);
    basic = new BasicTokenizer(unicode, settings, kept);
    matcher = new SlowMatcher(table.addedIds.keySet());
    for (String token : settings.special) {
      cased.add(token);
    }
    for (AddedToken token : table.added.values()) {
      if (!token.special && token.normalized) {
        cased.add(token.content);
      }
    }
    String unknownToken = settings.named.get("unk_token");
    unknown = table.idOf(unknownToken);
    unknownContinues = unknownToken.startsWith("##");
  }

  @Override
  public void tokenize(int[] text, boolean splitSpecial, TokenList into) {
    Characters lowered = lowered(text);
    if (splitSpecial || !matcher.mayMatch(lowered)) {
      addWords(lowered, into);
      return;
    }
    for (Characters piece : separated(lowered)) {
      Integer id = table.addedIds.get(new String(piece.codes, 0, piece.length));
      if (id == null) {
        addWords(piece, into);
      } else {
        into.add(id, piece.places, 0, piece.length, CodePoints.startsWithMark(piece.codes, 0, piece.length));
      }
    }
  }

  /** Lower-cases the text, special and added tokens left as they are. */
  private Characters lowered(int[] text) {
    if (!lowers) {
      return Characters.of(text, 0, text.length, 0);
    }
    Characters lowered = new Characters(text.length + 8);
    IntList left = cased.find(text);
    int start = 0;
    for (int number = 0; number < left.size; number += 2) {
      lower(text, start, left.items[number], lowered);
      start = left.items[number + 1];
      for (int at = left.items[number]; at < start; at++) {
        lowered.add(text[at], at);
      }
    }
    lower(text, start, text.length, lowered);
    return lowered;
  }

  private void lower(int[] text, int start, int end, Characters into) {
    for (int at = start; at < end; at++) {
      int[] small = unicode.lower(text[at]);
      if (small == null) {
        into.add(text[at], at);
      } else {
        into.add(small, at);
      }
    }
  }

  /** Cuts at added tokens; their options move white space and words over the cuts, in the order of the pieces. */
  private List<Characters> separated(Characters text) {
    List<Characters> pieces = new ArrayList<>();
    IntList ends = matcher.cut(text);
    int start = 0;
    for (int number = 0; number < ends.size; number++) {
      pieces.add(text.slice(start, ends.items[number]));
      start = ends.items[number];
    }
    Characters none = new Characters(0);
    for (int at = 0; at < pieces.size(); at++) {
      Characters piece = pieces.get(at);
      Integer id = table.addedIds.get(new String(piece.codes, 0, piece.length));
      if (id == null) {
        continue;
      }
      AddedToken token = table.added.get(id);
      Characters left = at > 0 ? pieces.get(at - 1) : none;
      Characters right = at + 1 < pieces.size() ? pieces.get(at + 1) : none;
      if (token.rightStrip && right.length > 0) {
        pieces.set(at + 1, stripped(right, true, false));
      }
      if (token.leftStrip && left.length > 0) {
        pieces.set(at - 1, stripped(left, false, true));
      }
      if (token.singleWord && left.length > 0 && left.codes[left.length - 1] != ' ') {
        pieces.set(at - 1, pieces.get(at - 1).join(piece));
        pieces.set(at, none);
      } else if (token.singleWord && right.length > 0 && right.codes[0] != ' ') {
        pieces.set(at + 1, piece.join(pieces.get(at + 1)));
        pieces.set(at, none);
      }
    }
    List<Characters> found = new ArrayList<>();
    for (Characters piece : pieces) {
      if (piece.length > 0) {
        found.add(piece);
      }
    }
    return found;
  }

  private static Characters stripped(Characters text, boolean left, boolean right) {
    int start = 0;
    int end = text.length;
    while (left && start < end && CodePoints.isSpace(text.codes[start])) {
      start++;
    }
    while (right && end > start && CodePoints.isSpace(text.codes[end - 1])) {
      end--;
    }
    return text.slice(start, end);
  }

  private void addWords(Characters text, TokenList into) {
    IntList ends = segmenter.cut(text.codes, 0, text.length);
    int start = 0;
    for (int number = 0; number < ends.size; number++) {
      int end = ends.items[number];
      int id = words.get(text.codes, start, end);
      if (id != TokenMap.NONE) {
        into.add(id, text.places, start, end, CodePoints.startsWithMark(text.codes, start, end));
      } else if (settings.ideographs && settings.basic && isIdeographs(text.codes, start, end)) {
        for (int at = start; at < end; at++) {
          addPart(text, at, at + 1, into);
        }
      } else {
        List<Characters> parts = settings.basic ? basic.split(text, start, end)
            : BasicTokenizer.fields(text.slice(start, end));
        for (Characters part : parts) {
          addPart(part, 0, part.length, into);
        }
      }
      start = end;
    }
  }

  private void addPart(Characters text, int start, int end, TokenList into) {
    boolean kept = !settings.neverSplit.isEmpty()
        && settings.neverSplit.contains(new String(text.codes, start, end - start));
    if (kept) {
      int id = table.idOf(new String(text.codes, start, end - start));
      into.add(id, text.places, start, end, CodePoints.startsWithMark(text.codes, start, end));
    } else if (!wordPiece.split(text.codes, start, end, text.places, into)) {
      into.add(unknown, text.places, start, end, unknownContinues);
    }
  }

  private static boolean isIdeographs(int[] text, int start, int end) {
    for (int at = start; at < end; at++) {
      if (text[at] < FIRST_IDEOGRAPH || text[at] > LAST_IDEOGRAPH) {
        return false;
      }
    }
    return true;
  }
}
