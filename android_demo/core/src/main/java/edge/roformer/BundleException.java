package edge.roformer;

/** A bundle that is damaged, malformed, of another schema, or asks for what this library has not. */
public class BundleException extends RoFormerException {
  private static final long serialVersionUID = 1L;

  /**
   * Makes an exception with a message.
   *
   * @param message one line
   */
  public BundleException(String message) {
    super(message);
  }

  /**
   * Makes an exception of another one's.
   *
   * @param message one line
   * @param cause what went wrong below
   */
  public BundleException(String message, Throwable cause) {
    super(message, cause);
  }
}
