package edge.roformer;

/** An engine that is missing, refuses the model, or answers with nonsense. */
public class EngineException extends RoFormerException {
  private static final long serialVersionUID = 1L;

  /**
   * Makes an exception with a message.
   *
   * @param message one line
   */
  public EngineException(String message) {
    super(message);
  }

  /**
   * Makes an exception of another one's.
   *
   * @param message one line
   * @param cause what went wrong below
   */
  public EngineException(String message, Throwable cause) {
    super(message, cause);
  }
}
