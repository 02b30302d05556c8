package edge.roformer.json;

import edge.roformer.BundleException;
import edge.roformer.RoFormerException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Parses JSON strictly: what parsers may read differently is refused.
 *
 * <p>Objects become {@link LinkedHashMap}, lists {@link ArrayList}, whole numbers {@link Long}, other numbers
 * {@link Double}; true, false, texts and null what they are. Refused are a key twice in one object, {@code NaN} and
 * {@code Infinity}, a number too large for a double, a whole number of more than 64 bits, a lone surrogate, and more
 * than 64 levels.
 */
public final class Json {
  private static final int DEEPEST = 64;

  private final String text;
  private final String where;
  private int at;

  private Json(String text, String where) {
    this.text = text;
    this.where = where;
  }

  /**
   * Parses the JSON in UTF-8 bytes.
   *
   * @param bytes one value, white space around it
   * @param where what holds it, for messages
   * @return the value
   * @throws BundleException it is not UTF-8, or not JSON
   */
  public static Object parse(byte[] bytes, String where) {
    try {
      return parse(StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString(), where);
    } catch (CharacterCodingException error) {
      throw new BundleException(where + " is not UTF-8", error);
    }
  }

  /**
   * Parses JSON.
   *
   * @param text one value, white space around it
   * @param where what holds it, for messages
   * @return the value
   * @throws BundleException it is not JSON
   */
  public static Object parse(String text, String where) {
    Json parser = new Json(text, where);
    Object value = parser.value(0);
    parser.skipSpace();
    if (parser.at < text.length()) {
      throw parser.error("something stands behind its end");
    }
    return value;
  }

  private Object value(int depth) {
    if (depth > DEEPEST) {
      throw error("it is nested too deeply");
    }
    skipSpace();
    char first = peek();
    switch (first) {
      case '{':
        return object(depth);
      case '[':
        return list(depth);
      case '"':
        return string();
      case 't':
        return word("true", Boolean.TRUE);
      case 'f':
        return word("false", Boolean.FALSE);
      case 'n':
        return word("null", null);
      default:
        return number();
    }
  }

  private Map<String, Object> object(int depth) {
    Map<String, Object> found = new LinkedHashMap<>();
    at++;
    skipSpace();
    if (peek() == '}') {
      at++;
      return found;
    }
    while (true) {
      skipSpace();
      if (peek() != '"') {
        throw error("a key must be a text");
      }
      String key = string();
      skipSpace();
      expect(':');
      Object value = value(depth + 1);
      if (found.containsKey(key)) {
        throw error("the key " + RoFormerException.quoted(key) + " comes twice in one object");
      }
      found.put(key, value);
      skipSpace();
      if (peek() == '}') {
        at++;
        return found;
      }
      expect(',');
    }
  }

  private List<Object> list(int depth) {
    List<Object> found = new ArrayList<>();
    at++;
    skipSpace();
    if (peek() == ']') {
      at++;
      return found;
    }
    while (true) {
      found.add(value(depth + 1));
      skipSpace();
      if (peek() == ']') {
        at++;
        return found;
      }
      expect(',');
    }
  }

  private String string() {
    StringBuilder found = new StringBuilder();
    at++;
    while (true) {
      char unit = peek();
      at++;
      if (unit == '"') {
        break;
      }
      if (unit < ' ') {
        throw error("a text holds a control character");
      }
      found.append(unit == '\\' ? escaped() : unit);
    }
    for (int place = 0; place < found.length(); place++) {
      char unit = found.charAt(place);
      if (Character.isHighSurrogate(unit) && place + 1 < found.length()
          && Character.isLowSurrogate(found.charAt(place + 1))) {
        place++;
      } else if (Character.isSurrogate(unit)) {
        throw error("a text holds a lone surrogate, which no UTF-8 text can");
      }
    }
    return found.toString();
  }

  private char escaped() {
    char unit = peek();
    at++;
    int simple = "\"\\/bfnrt".indexOf(unit);
    if (simple >= 0) {
      return "\"\\/\b\f\n\r\t".charAt(simple);
    }
    if (unit != 'u' || at + 4 > text.length()) {
      throw error("an escape is not one of JSON's");
    }
    int code = 0;
    for (int end = at + 4; at < end; at++) {
      int digit = "0123456789abcdefABCDEF".indexOf(text.charAt(at));
      if (digit < 0) {
        throw error("an escape is not one of JSON's");
      }
      code = code << 4 | (digit < 16 ? digit : digit - 6);
    }
    return (char) code;
  }

  private Object number() {
    int start = at;
    if (peek() == '-') {
      at++;
    }
    boolean zero = peek() == '0';
    int digits = digits();
    boolean whole = true;
    if (digits == 0 || (zero && digits > 1)) {
      throw error("it is not JSON");
    }
    if (at < text.length() && text.charAt(at) == '.') {
      at++;
      whole = false;
      require(digits() > 0);
    }
    if (at < text.length() && (text.charAt(at) | 0x20) == 'e') {
      at++;
      whole = false;
      if (at < text.length() && (text.charAt(at) == '+' || text.charAt(at) == '-')) {
        at++;
      }
      require(digits() > 0);
    }
    String written = text.substring(start, at);
    try {
      if (whole) {
        return Long.valueOf(written);
      }
      double value = Double.parseDouble(written);
      require(!Double.isInfinite(value));
      return value;
    } catch (NumberFormatException error) {
      throw error("a whole number does not fit into 64 bits");
    }
  }

  private int digits() {
    int start = at;
    while (at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9') {
      at++;
    }
    return at - start;
  }

  private Object word(String word, Object value) {
    require(text.startsWith(word, at));
    at += word.length();
    return value;
  }

  private void expect(char unit) {
    require(peek() == unit);
    at++;
  }

  private void require(boolean fits) {
    if (!fits) {
      throw error("it is not JSON");
    }
  }

  private char peek() {
    if (at >= text.length()) {
      throw error("it ends too early");
    }
    return text.charAt(at);
  }

  private void skipSpace() {
    while (at < text.length() && " \t\n\r".indexOf(text.charAt(at)) >= 0) {
      at++;
    }
  }

  private BundleException error(String problem) {
    return new BundleException(where + " is not valid JSON: " + problem + ", at character " + at);
  }
}
