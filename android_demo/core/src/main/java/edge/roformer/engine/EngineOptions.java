package edge.roformer.engine;

import edge.roformer.EngineException;
import edge.roformer.RoFormerException;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/** How an engine is to run. */
public final class EngineOptions {
  private final int threads;
  private final Map<String, String> session;

  /**
   * Makes options.
   *
   * @param threads the threads of one operation, at least 1
   * @param session options of the engine that answers depend on, as the manifest has them
   */
  public EngineOptions(int threads, Map<String, String> session) {
    if (threads < 1) {
      throw new IllegalArgumentException("threads must be at least 1, found " + threads);
    }
    this.threads = threads;
    this.session = Collections.unmodifiableMap(new LinkedHashMap<>(session));
  }

  /**
   * Returns the threads of one operation.
   *
   * @return at least 1
   */
  public int threads() {
    return threads;
  }

  /**
   * Returns the options that answers depend on.
   *
   * @param known the names that the engine knows to be harmless: others may write files or load code
   * @return values by the engine's own names
   * @throws EngineException the bundle asks for another one
   */
  public Map<String, String> session(String... known) {
    for (String name : session.keySet()) {
      if (!Arrays.asList(known).contains(name)) {
        throw new EngineException("the bundle sets the session option " + RoFormerException.quoted(name)
            + ", which this reader does not know; a bundle may set " + Arrays.toString(known));
      }
    }
    return session;
  }
}
