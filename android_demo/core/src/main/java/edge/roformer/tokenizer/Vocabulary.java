package edge.roformer.tokenizer;

import edge.roformer.BundleException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** The tokens of a model in the order of their ids: one a line of {@code vocab.txt}. */
final class Vocabulary {
  private final List<String> tokens;
  private final TokenMap ids;

  /**
   * Reads a vocabulary.
   *
   * @param bytes UTF-8, one token a line
   * @throws BundleException it is empty, or not UTF-8
   */
  Vocabulary(byte[] bytes) {
    String text;
    try {
      text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException error) {
      throw new BundleException("the vocabulary is not UTF-8", error);
    }
    tokens = lines(text.startsWith("\ufeff") ? text.substring(1) : text);
    ids = new TokenMap(tokens.size(), text.length());
    boolean empty = true;
    for (int id = 0; id < tokens.size(); id++) {
      ids.put(CodePoints.of(tokens.get(id), "the vocabulary"), id);
      empty &= tokens.get(id).isEmpty();
    }
    if (empty) {
      throw new BundleException("the vocabulary is empty; expected one token a line");
    }
  }

  private static List<String> lines(String text) {
    List<String> found = new ArrayList<>();
    int start = 0;
    for (int at = 0; at < text.length(); at++) {
      char unit = text.charAt(at);
      if (unit == '\n' || unit == '\r') {
        found.add(text.substring(start, at));
        if (unit == '\r' && at + 1 < text.length() && text.charAt(at + 1) == '\n') {
          at++;
        }
        start = at + 1;
      }
    }
    if (start < text.length() || found.isEmpty()) {
      found.add(text.substring(start));
    }
    return found;
  }

  /** Returns ids by token; of a token that stands on several lines the last. */
  TokenMap ids() {
    return ids;
  }

  /** Counts the different tokens. */
  int size() {
    return ids.size();
  }

  /** Counts the lines. */
  int lines() {
    return tokens.size();
  }

  /** Returns the token that has an id, or null where there is none or its token has a later one. */
  String token(int id) {
    if (id < 0 || id >= tokens.size()) {
      return null;
    }
    String token = tokens.get(id);
    return ids.get(CodePoints.of(token, "the vocabulary")) == id ? token : null;
  }
}
