package edge.roformer.tokenizer;

import edge.roformer.TextException;
import edge.roformer.bundle.Bundle;
import edge.roformer.json.Fields;
import edge.roformer.tokenizer.EncodeOptions.Padding;
import edge.roformer.tokenizer.EncodeOptions.Truncation;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Text to ids, as the tokenizers of transformers do it: the modes slow, fast and bert of docs/tokenizer.md.
 *
 * <p>Everything comes from the bundle's own files. A tokenizer has no state and may be used by several threads at once.
 */
public final class Tokenizer {
  private final Settings settings;
  private final TokenTable table;
  private final Backend backend;
  private final int cls;
  private final int sep;
  private final int pad;

  /**
   * Makes a tokenizer.
   *
   * @param settings the tokenizer's part of a manifest
   * @param vocabulary the content of {@code vocab.txt}
   * @param words the content of {@code words.bin}; null for the mode bert
   * @param unicode the content of {@code unicode.bin}
   * @throws edge.roformer.BundleException one of them is malformed, or asks for what this reader has not
   */
  public Tokenizer(Fields settings, byte[] vocabulary, byte[] words, byte[] unicode) {
    this.settings = new Settings(settings);
    table = new TokenTable(new Vocabulary(vocabulary), this.settings);
    boolean slow = this.settings.mode.equals("slow");
    UnicodeTables tables = new UnicodeTables(unicode, slow);
    WordSegmenter segmenter = words == null ? null : new WordSegmenter(new WordTrie(words));
    backend = slow ? new SlowBackend(table, tables, segmenter) : new FastBackend(table, tables, segmenter);
    cls = table.idOf(this.settings.named.get("cls_token"));
    sep = table.idOf(this.settings.named.get("sep_token"));
    pad = table.idOf(this.settings.named.get("pad_token"));
  }

  /**
   * Makes the tokenizer of a bundle.
   *
   * @param bundle the open bundle
   * @return its tokenizer
   * @throws edge.roformer.BundleException a file is missing, damaged or malformed
   */
  public static Tokenizer of(Bundle bundle) {
    Fields settings = bundle.manifest().tokenizer();
    byte[] words = "bert".equals(settings.any("mode")) ? null : bundle.bytes("words");
    return new Tokenizer(settings, bundle.bytes("vocabulary"), words, bundle.bytes("unicode"));
  }

  /**
   * Encodes a text or a pair, whole, with special tokens around.
   *
   * @param text the text
   * @param pair the second text, or null
   * @return the row
   * @throws TextException a text holds a lone surrogate
   */
  public Encoding encode(String text, String pair) {
    return encode(text, pair, EncodeOptions.DEFAULT);
  }

  /**
   * Encodes a text or a pair. Rows are filled up by {@link #pad}.
   *
   * @param text the text
   * @param pair the second text, or null
   * @param options how
   * @return the row, with what overflows
   * @throws TextException a text holds a lone surrogate, or the length cannot be reached
   */
  public Encoding encode(String text, String pair, EncodeOptions options) {
    TokenList first = tokens(text, "the text");
    TokenList second = pair == null ? null : tokens(pair, "the second text");
    int most = options.maxLength() > 0 ? options.maxLength() : settings.maxLength;
    boolean truncates = options.truncation() != Truncation.NONE;
    if (truncates && options.padding() != Padding.NONE && options.multiple() > 0 && most % options.multiple() != 0) {
      throw new TextException("truncation to " + most + " tokens and padding to a multiple of " + options.multiple()
          + " contradict each other");
    }
    boolean left = options.truncatesLeft(settings.truncateLeft);
    int around = options.special() ? second == null ? 2 : 3 : 0;
    if (settings.mode.equals("slow")) {
      boolean limited = truncates || options.maxLength() > 0 || options.padding() == Padding.MAX_LENGTH;
      return dropping(first, second, options, limited ? most : 0, around, left);
    }
    return windows(first, second, options, most, around, left);
  }

  /**
   * Fills rows up.
   *
   * @param rows rows that were encoded
   * @param options how far, and on which side
   * @return rows of one length, in order
   */
  public List<Encoding> pad(List<Encoding> rows, EncodeOptions options) {
    int target = 0;
    for (Encoding row : rows) {
      target = Math.max(target, row.length());
    }
    if (options.padding() == Padding.NONE) {
      return rows;
    }
    if (options.padding() == Padding.MAX_LENGTH) {
      target = options.maxLength() > 0 ? options.maxLength() : settings.maxLength;
    }
    if (options.multiple() > 0) {
      target = (target + options.multiple() - 1) / options.multiple() * options.multiple();
    }
    List<Encoding> padded = new ArrayList<>();
    for (Encoding row : rows) {
      padded.add(row.length() >= target ? row : padded(row, target, options.padsLeft(settings.padLeft)));
    }
    return padded;
  }

  /**
   * Returns the most tokens that texts are cut to where nothing else is asked for.
   *
   * @return model_max_length
   */
  public int maxLength() {
    return settings.maxLength;
  }

  /**
   * Counts the tokens, added ones included.
   *
   * @return the size of the vocabulary
   */
  public int size() {
    return table.size();
  }

  /**
   * Returns the number of rows of an embedding that has one for every id.
   *
   * @return one more than the largest id
   */
  public int rows() {
    return table.rows();
  }

  /**
   * Looks up the token of an id.
   *
   * @param id the id
   * @return its token; of an unknown id the unknown token in the mode slow, else null
   */
  public String token(int id) {
    String token = table.token(id);
    return token == null && settings.mode.equals("slow") ? settings.named.get("unk_token") : token;
  }

  /**
   * Looks up the id of a special token.
   *
   * @param name its name in the settings, such as {@code mask_token}
   * @return the id, or -1 where there is no such token
   */
  public int specialId(String name) {
    String token = settings.named.get(name);
    return token == null ? TokenMap.NONE : table.idOf(token);
  }

  /**
   * Returns the ids of all special tokens.
   *
   * @return each once
   */
  public Set<Integer> specialIds() {
    Set<Integer> ids = new java.util.LinkedHashSet<>();
    for (String token : settings.special) {
      ids.add(table.idOf(token));
    }
    return ids;
  }

  private TokenList tokens(String text, String where) {
    TokenList tokens = new TokenList();
    int[] codes = CodePoints.of(text, where);
    if (codes.length > 0) {
      backend.tokenize(codes, settings.splitSpecial, tokens);
    }
    return tokens;
  }

  private Encoding dropping(TokenList first, TokenList second, EncodeOptions options, int most, int around,
      boolean left) {
    int surplus = first.size + (second == null ? 0 : second.size) + around - most;
    int[] cuts = new int[2];
    if (options.truncation() != Truncation.NONE && surplus > 0) {
      cuts = Truncator.drop(first.size, second == null ? -1 : second.size, surplus, options.truncation());
    }
    int[][] spans = new int[2][];
    int[] dropped = new int[0];
    for (int text = 0; text < 2; text++) {
      TokenList tokens = text == 0 ? first : second;
      if (tokens == null) {
        continue;
      }
      int cut = cuts[text];
      spans[text] = left ? new int[] {cut, tokens.size} : new int[] {0, Math.max(0, tokens.size - cut)};
      if (cut > 0) {
        int window = Math.min(tokens.size, options.stride() + cut);
        int start = left ? 0 : tokens.size - window;
        dropped = java.util.Arrays.copyOfRange(tokens.ids, start, start + window);
      }
    }
    Encoding row = row(first, spans[0], second, spans[1], options.special());
    row.dropped = dropped;
    row.surplus = most > 0 ? surplus : 0;
    return row;
  }

  private Encoding windows(TokenList first, TokenList second, EncodeOptions options, int most, int around,
      boolean left) {
    int room = most - around;
    int[] sizes = {first.size, second == null ? 0 : second.size};
    // a most below the special tokens' number leaves the texts whole, as in transformers
    if (options.truncation() != Truncation.NONE && sizes[0] + sizes[1] > room && room >= 0) {
      sizes = Truncator.keep(first.size, second == null ? -1 : second.size, room, options.truncation());
    }
    List<int[]> ones = Truncator.windows(first.size, sizes[0], options.stride(), left);
    List<int[]> twos = new ArrayList<>();
    if (second == null) {
      twos.add(null);
    } else {
      twos = Truncator.windows(second.size, sizes[1], options.stride(), left);
    }
    Encoding row = row(first, ones.get(0), second, twos.get(0), options.special());
    List<Encoding> overflowing = new ArrayList<>();
    // the windows of the first text, each with all of the second; the kept one comes first and leads with its own
    for (int[] one : ones.subList(1, ones.size())) {
      for (int[] two : twos) {
        overflowing.add(row(first, one, second, two, options.special()));
      }
    }
    for (int[] two : twos.subList(1, twos.size())) {
      overflowing.add(row(first, ones.get(0), second, two, options.special()));
    }
    row.overflowing = overflowing;
    return row;
  }

  private Encoding row(TokenList first, int[] one, TokenList second, int[] two, boolean special) {
    int around = special ? 1 : 0;
    int length = one[1] - one[0] + 2 * around + (second == null ? 0 : two[1] - two[0] + around);
    Encoding row = new Encoding(length, 0, false);
    int at = 0;
    if (special) {
      row.ids[at++] = cls;
    }
    at = copy(first, one, 0, row, at);
    if (special) {
      row.ids[at++] = sep;
    }
    if (second != null) {
      int start = at;
      at = copy(second, two, 1, row, at);
      if (special) {
        row.ids[at++] = sep;
      }
      // without special tokens, the slow mode of transformers gives both texts the type 0
      int type = settings.typed && (special || !settings.mode.equals("slow")) ? 1 : 0;
      java.util.Arrays.fill(row.typeIds, start, at, type);
    }
    return row;
  }

  private static int copy(TokenList tokens, int[] span, int text, Encoding row, int at) {
    int count = span[1] - span[0];
    System.arraycopy(tokens.ids, span[0], row.ids, at, count);
    System.arraycopy(tokens.starts, span[0], row.starts, at, count);
    System.arraycopy(tokens.ends, span[0], row.ends, at, count);
    System.arraycopy(tokens.continues, span[0], row.continues, at, count);
    java.util.Arrays.fill(row.texts, at, at + count, text);
    return at + count;
  }

  private Encoding padded(Encoding row, int length, boolean left) {
    int missing = length - row.length();
    Encoding padded = new Encoding(length, missing, left);
    int at = left ? missing : 0;
    java.util.Arrays.fill(padded.ids, pad);
    System.arraycopy(row.ids, 0, padded.ids, at, row.length());
    System.arraycopy(row.typeIds, 0, padded.typeIds, at, row.length());
    System.arraycopy(row.starts, 0, padded.starts, at, row.length());
    System.arraycopy(row.ends, 0, padded.ends, at, row.length());
    System.arraycopy(row.texts, 0, padded.texts, at, row.length());
    System.arraycopy(row.continues, 0, padded.continues, at, row.length());
    return padded;
  }
}
