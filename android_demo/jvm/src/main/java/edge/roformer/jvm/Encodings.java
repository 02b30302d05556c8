package edge.roformer.jvm;

import edge.roformer.json.Fields;
import edge.roformer.json.Json;
import edge.roformer.tokenizer.EncodeOptions;
import edge.roformer.tokenizer.EncodeOptions.Padding;
import edge.roformer.tokenizer.EncodeOptions.Truncation;
import edge.roformer.tokenizer.Encoding;
import edge.roformer.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Encodes one line of JSON: a text with its pair and the options of the call, or a range of code points. */
final class Encodings {
  private Encodings() {}

  /** Makes a tokenizer of files; the dictionary of words may be missing for the mode bert. */
  static Tokenizer open(Path settings, Path vocabulary, Path words, Path unicode) throws IOException {
    Fields fields = Fields.of(Json.parse(Files.readAllBytes(settings), "the settings"), "the settings");
    boolean cuts = !"bert".equals(fields.any("mode"));
    return new Tokenizer(fields, Files.readAllBytes(vocabulary), cuts ? Files.readAllBytes(words) : null,
        Files.readAllBytes(unicode));
  }

  static Object of(Tokenizer tokenizer, Fields line) {
    if (!line.isNull("from")) {
      return codePoints(tokenizer, (int) line.whole("from", 0), (int) line.whole("to", 0));
    }
    EncodeOptions options = options(line);
    Encoding row = tokenizer.encode(line.text("text"), line.textOrNull("pair"), options);
    List<Encoding> rows = new ArrayList<>(Collections.singletonList(row));
    if (!line.isNull("overflow") && line.flag("overflow")) {
      rows.addAll(row.overflowing());
    }
    List<Object> found = new ArrayList<>();
    for (Encoding each : tokenizer.pad(rows, options)) {
      found.add(row(each));
    }
    return Answers.row("rows", found, "dropped", row.dropped(), "surplus", row.surplus());
  }

  private static Map<String, Object> row(Encoding encoding) {
    boolean[] special = new boolean[encoding.length()];
    for (int token = 0; token < special.length; token++) {
      special[token] = encoding.texts()[token] == Encoding.NO_TEXT;
    }
    return Answers.row("ids", encoding.ids(), "type_ids", encoding.typeIds(), "mask", encoding.attentionMask(),
        "starts", encoding.starts(), "ends", encoding.ends(), "special", special);
  }

  /** Encodes every code point of a range by itself and in a word; the digest of all ids and places. */
  private static Object codePoints(Tokenizer tokenizer, int from, int to) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      EncodeOptions bare = EncodeOptions.DEFAULT.withoutSpecialTokens();
      for (int code = from; code < to; code++) {
        if (code >= Character.MIN_SURROGATE && code <= Character.MAX_SURROGATE) {
          continue;
        }
        String character = Character.toString(code);
        for (String text : List.of(character, "x" + character + "y", "中" + character + " " + character)) {
          Encoding row = tokenizer.encode(text, null, bare);
          StringBuilder line = new StringBuilder();
          for (int token = 0; token < row.length(); token++) {
            line.append(row.ids()[token]).append(' ').append(row.starts()[token]).append(' ')
                .append(row.ends()[token]).append(' ');
          }
          digest.update(line.append('\n').toString().getBytes(java.nio.charset.StandardCharsets.US_ASCII));
        }
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException error) {
      throw new IllegalStateException(error);
    }
  }

  private static EncodeOptions options(Fields line) {
    EncodeOptions options = EncodeOptions.DEFAULT;
    if (!line.isNull("special") && !line.flag("special")) {
      options = options.withoutSpecialTokens();
    }
    if (!line.isNull("truncation")) {
      options = options.truncation(Truncation.valueOf(line.text("truncation").toUpperCase(Locale.ROOT)));
    }
    if (!line.isNull("padding")) {
      options = options.padding(Padding.valueOf(line.text("padding").toUpperCase(Locale.ROOT)));
    }
    if (!line.isNull("max_length")) {
      options = options.maxLength((int) line.whole("max_length", 1));
    }
    if (!line.isNull("stride")) {
      options = options.stride((int) line.whole("stride", 0));
    }
    if (!line.isNull("multiple")) {
      options = options.multipleOf((int) line.whole("multiple", 1));
    }
    if (!line.isNull("pad_left")) {
      options = options.padLeft(line.flag("pad_left"));
    }
    if (!line.isNull("truncate_left")) {
      options = options.truncateLeft(line.flag("truncate_left"));
    }
    return options;
  }
}
