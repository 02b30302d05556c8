package edge.roformer;

/** An engine that does not give the answers that were recorded where the bundle was made. */
public class SelfTestException extends EngineException {
  private static final long serialVersionUID = 1L;

  /**
   * Makes an exception with a message.
   *
   * @param message one line
   */
  public SelfTestException(String message) {
    super(message);
  }

  /**
   * Makes an exception of another one's.
   *
   * @param message one line
   * @param cause what went wrong below
   */
  public SelfTestException(String message, Throwable cause) {
    super(message, cause);
  }
}
