package edge.roformer;

/** A text that cannot be encoded or answered, or an option that does not fit it. */
public class TextException extends RoFormerException {
  private static final long serialVersionUID = 1L;

  /**
   * Makes an exception with a message.
   *
   * @param message one line
   */
  public TextException(String message) {
    super(message);
  }

  /**
   * Makes an exception of another one's.
   *
   * @param message one line
   * @param cause what went wrong below
   */
  public TextException(String message, Throwable cause) {
    super(message, cause);
  }
}
