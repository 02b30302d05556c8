package edge.roformer;

/**
 * Everything that this library throws on purpose.
 *
 * <p>A message is one line: what was asked, what was found, what is allowed and what to do. What comes from a file or a
 * text is escaped and cut short in it.
 */
public class RoFormerException extends RuntimeException {
  private static final long serialVersionUID = 1L;
  private static final int SHOWN = 80;

  /**
   * Makes an exception with a message.
   *
   * @param message one line
   */
  public RoFormerException(String message) {
    super(message);
  }

  /**
   * Makes an exception of another one's.
   *
   * @param message one line
   * @param cause what went wrong below
   */
  public RoFormerException(String message, Throwable cause) {
    super(message, cause);
  }

  /**
   * Returns text from outside as a message can hold it: in quotes, on one line, escaped, cut short.
   *
   * @param text a name, a value, another library's message
   * @return printable ASCII and letters
   */
  public static String quoted(Object text) {
    return "'" + shown(text) + "'";
  }

  /**
   * Returns what {@link #quoted} does, without quotes.
   *
   * @param text a name, a value, another library's message
   * @return printable text
   */
  public static String shown(Object text) {
    String whole = String.valueOf(text);
    StringBuilder shown = new StringBuilder();
    int end = Math.min(whole.length(), SHOWN);
    for (int at = 0; at < end; at++) {
      char unit = whole.charAt(at);
      if (isPlain(unit)) {
        shown.append(unit);
      } else {
        shown.append("\\u").append(hex(unit));
      }
    }
    return whole.length() > SHOWN ? shown + "..." : shown.toString();
  }

  private static boolean isPlain(char unit) {
    // what reorders or hides text on a screen lies outside these
    return (unit >= ' ' && unit < 0x7F) || (unit >= 0xC0 && unit < 0x250) || (unit >= 0x3001 && unit < 0xA000);
  }

  private static String hex(int value) {
    String digits = Integer.toHexString(value);
    return "0000".substring(digits.length()) + digits;
  }
}
