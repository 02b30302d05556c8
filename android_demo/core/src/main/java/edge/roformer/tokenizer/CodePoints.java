package edge.roformer.tokenizer;

import edge.roformer.TextException;
import java.util.Locale;

/** Texts as code points: that is what a tokenizer counts in, whatever the size of a character in memory. */
public final class CodePoints {
  private CodePoints() {}

  /**
   * Splits a text into code points.
   *
   * @param text the text
   * @param where what it is called in messages
   * @return its code points
   * @throws TextException it holds a lone surrogate
   */
  public static int[] of(String text, String where) {
    // an array, and no calls in the loop: a vocabulary is read before anything is compiled
    char[] units = text.toCharArray();
    int[] codes = new int[units.length];
    int count = 0;
    for (int at = 0; at < units.length; at++) {
      char unit = units[at];
      if (unit < Character.MIN_SURROGATE || unit > Character.MAX_SURROGATE) {
        codes[count++] = unit;
      } else if (Character.isHighSurrogate(unit) && at + 1 < units.length && Character.isLowSurrogate(units[at + 1])) {
        codes[count++] = Character.toCodePoint(unit, units[++at]);
      } else {
        throw new TextException(String.format(Locale.ROOT, "%s holds a lone surrogate, U+%04X, at character %d; it is "
            + "not valid Unicode and has no tokens", where, (int) unit, count));
      }
    }
    return count == codes.length ? codes : java.util.Arrays.copyOf(codes, count);
  }

  /**
   * Decodes UTF-8. The platform's decoder takes five times as long in a process that has just begun.
   *
   * @param bytes the text
   * @return its code points, or null where it is not valid
   */
  static int[] ofUtf8(byte[] bytes) {
    int[] codes = new int[bytes.length];
    int count = 0;
    int at = 0;
    while (at < bytes.length) {
      int code = bytes[at++];
      if (code < 0) {
        int more = code < (byte) 0xC2 || code > (byte) 0xF4 ? 0 : code < (byte) 0xE0 ? 1 : code < (byte) 0xF0 ? 2 : 3;
        if (more == 0 || at + more > bytes.length) {
          return null;
        }
        code &= 0x3F >> more;
        for (int end = at + more; at < end; at++) {
          if (bytes[at] >= (byte) 0xC0) {
            return null;
          }
          code = code << 6 | bytes[at] & 0x3F;
        }
        boolean needless = more == 2 && code < 0x800 || more == 3 && code < 0x10000;
        if (needless || code > 0x10FFFF || code >= 0xD800 && code < 0xE000) {
          return null;
        }
      }
      codes[count++] = code;
    }
    return java.util.Arrays.copyOf(codes, count);
  }

  /**
   * Finds where every code point begins in a text, as Java counts.
   *
   * @param text a text without lone surrogates
   * @return one index for each code point, and the length of the text
   */
  public static int[] utf16Places(String text) {
    int[] places = new int[text.codePointCount(0, text.length()) + 1];
    int at = 0;
    for (int place = 0; place < places.length; place++) {
      places[place] = at;
      at += at < text.length() && Character.isHighSurrogate(text.charAt(at)) ? 2 : 1;
    }
    return places;
  }

  static boolean startsWithMark(int[] text, int start, int end) {
    return end - start >= 2 && text[start] == '#' && text[start + 1] == '#';
  }

  /** Tells whether a character is white space to the fast family: the property White_Space, which is stable. */
  static boolean isWhiteSpace(int code) {
    return code == ' ' || (code >= 0x09 && code <= 0x0D) || code == 0x85 || code == 0xA0 || code == 0x1680
        || (code >= 0x2000 && code <= 0x200A) || code == 0x2028 || code == 0x2029 || code == 0x202F || code == 0x205F
        || code == 0x3000;
  }

  /** Tells whether a character is white space to Python's {@code str.isspace}. */
  static boolean isSpace(int code) {
    return isWhiteSpace(code) || (code >= 0x1C && code <= 0x1F);
  }
}
