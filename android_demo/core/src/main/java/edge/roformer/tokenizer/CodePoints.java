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
    int[] codes = new int[text.length()];
    int count = 0;
    for (int at = 0; at < text.length(); at++) {
      char unit = text.charAt(at);
      if (!Character.isSurrogate(unit)) {
        codes[count++] = unit;
      } else if (Character.isHighSurrogate(unit) && at + 1 < text.length()
          && Character.isLowSurrogate(text.charAt(at + 1))) {
        codes[count++] = Character.toCodePoint(unit, text.charAt(++at));
      } else {
        throw new TextException(String.format(Locale.ROOT, "%s holds a lone surrogate, U+%04X, at character %d; it is "
            + "not valid Unicode and has no tokens", where, (int) unit, count));
      }
    }
    return count == codes.length ? codes : java.util.Arrays.copyOf(codes, count);
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
