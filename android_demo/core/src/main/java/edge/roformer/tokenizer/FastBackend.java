package edge.roformer.tokenizer;

import edge.roformer.TextException;

/** The ids of the fast tokenizers of transformers: {@code RoFormerTokenizerFast} and {@code BertTokenizerFast}. */
final class FastBackend implements Backend {
  private final UnicodeTables unicode;
  // null in the bert mode, which has no dictionary of words
  private final WordSegmenter segmenter;
  private final BertNormalizer normalizer;
  private final TokenMap words;
  private final WordPiece wordPiece;
  private final TokenMap whole = new TokenMap(0, 0);
  private final FastMatcher raw;
  private final FastMatcher normal;
  private final int unknown;
  private final boolean unknownContinues;

  FastBackend(TokenTable table, UnicodeTables unicode, WordSegmenter segmenter) {
    this.unicode = unicode;
    this.segmenter = segmenter;
    Settings settings = table.settings;
    normalizer = new BertNormalizer(unicode, segmenter == null && settings.ideographs, settings.stripAccents,
        settings.lowerCase, segmenter == null);
    words = table.vocabulary.ids();
    wordPiece = new WordPiece(table.overridden());
    raw = new FastMatcher(table.specialFirst, unicode);
    normal = new FastMatcher(table.specialFirst, unicode);
    for (String content : table.specialFirst) {
      look(table, content);
    }
    for (String content : table.others) {
      look(table, content);
    }
    for (String content : table.addedIds.keySet()) {
      whole.put(CodePoints.of(content, "a token"), 0);
    }
    String unknownToken = settings.named.get("unk_token");
    unknown = table.find(unknownToken);
    unknownContinues = unknownToken.startsWith("##");
  }

  private void look(TokenTable table, String content) {
    int id = table.addedIds.get(content);
    AddedToken token = table.added.get(id);
    int[] codes = CodePoints.of(content, "a token");
    if (token.normalized) {
      Characters changed = normalizer.normalize(codes, 0, codes.length);
      normal.add(java.util.Arrays.copyOf(changed.codes, changed.length), id, token);
    } else {
      raw.add(codes, id, token);
    }
  }

  @Override
  public void tokenize(int[] text, boolean splitSpecial, TokenList into) {
    if (!raw.mayMatch(text, text.length)) {
      addPiece(text, 0, text.length, splitSpecial, into);
      return;
    }
    for (FastMatcher.Piece piece : raw.split(text, text.length, splitSpecial)) {
      if (piece.id == TokenMap.NONE) {
        addPiece(text, piece.start, piece.end, splitSpecial, into);
      } else {
        into.add(piece.id, piece.start, piece.end, CodePoints.startsWithMark(text, piece.start, piece.end));
      }
    }
  }

  private void addPiece(int[] text, int start, int end, boolean splitSpecial, TokenList into) {
    Characters changed = normalizer.normalize(text, start, end);
    if (!normal.mayMatch(changed.codes, changed.length)) {
      addWords(changed, 0, changed.length, into);
      return;
    }
    for (FastMatcher.Piece piece : normal.split(changed.codes, changed.length, splitSpecial)) {
      if (piece.id == TokenMap.NONE) {
        addWords(changed, piece.start, piece.end, into);
      } else {
        piece.addTo(into, changed.codes, changed.places);
      }
    }
  }

  private void addWords(Characters text, int start, int end, TokenList into) {
    if (segmenter == null) {
      addBertWords(text, start, end, into);
      return;
    }
    IntList ends = segmenter.cut(text.codes, start, end);
    int at = start;
    for (int number = 0; number < ends.size; number++) {
      int stop = ends.items[number];
      if (!addWhole(text, at, stop, into)) {
        addUnknownWord(text, at, stop, into);
      }
      at = stop;
    }
  }

  /** White space is dropped, and every punctuation character is a word of its own. */
  private void addBertWords(Characters text, int start, int end, TokenList into) {
    int at = start;
    for (int place = start; place <= end; place++) {
      boolean white = place == end || CodePoints.isWhiteSpace(text.codes[place]);
      boolean apart = !white && (unicode.kind(text.codes[place]) & UnicodeTables.PUNCTUATION) != 0;
      if (white || apart) {
        if (at < place && !addWhole(text, at, place, into)) {
          addPart(text, at, place, into);
        }
        if (apart && !addWhole(text, place, place + 1, into)) {
          addPart(text, place, place + 1, into);
        }
        at = place + 1;
      }
    }
  }

  private boolean addWhole(Characters text, int start, int end, TokenList into) {
    int id = end - start > WordPiece.LONGEST ? TokenMap.NONE : words.get(text.codes, start, end);
    if (id == TokenMap.NONE) {
      return false;
    }
    into.add(id, text.places, start, end, CodePoints.startsWithMark(text.codes, start, end));
    return true;
  }

  /** Cuts a word that is no token into ideographs, and what they and white space leave. */
  private void addUnknownWord(Characters text, int start, int end, TokenList into) {
    if (whole.get(text.codes, start, end) != TokenMap.NONE || words.get(text.codes, start, end) != TokenMap.NONE) {
      addPart(text, start, end, into);
      return;
    }
    int at = start;
    for (int place = start; place <= end; place++) {
      boolean ideograph = place < end && (unicode.kind(text.codes[place]) & UnicodeTables.IDEOGRAPH) != 0;
      if (place == end || ideograph || CodePoints.isSpace(text.codes[place])) {
        if (at < place) {
          addPart(text, at, place, into);
        }
        if (ideograph) {
          addPart(text, place, place + 1, into);
        }
        at = place + 1;
      }
    }
  }

  private void addPart(Characters text, int start, int end, TokenList into) {
    if (!wordPiece.split(text.codes, start, end, text.places, into)) {
      if (unknown == TokenMap.NONE) {
        throw new TextException("the vocabulary has no token for a word of the text, and none for unknown words");
      }
      into.add(unknown, text.places, start, end, unknownContinues);
    }
  }
}
