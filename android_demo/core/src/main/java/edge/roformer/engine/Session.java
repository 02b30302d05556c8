package edge.roformer.engine;

import edge.roformer.bundle.Signature;
import java.io.Closeable;
import java.util.Map;

/** A loaded model. Calls from several threads are safe. */
public interface Session extends Closeable {
  /**
   * Returns the ways to call the graph.
   *
   * @return signatures by name, {@code default} among them
   */
  Map<String, Signature> signatures();

  /**
   * Runs the graph once.
   *
   * @param signature the name of the signature
   * @param inputs a tensor for every input, by name; whole numbers are narrowed to what the graph takes
   * @return a tensor for every output, by name
   * @throws edge.roformer.EngineException the engine failed, or the session is closed
   */
  Map<String, Tensor> run(String signature, Map<String, Tensor> inputs);

  /**
   * Tells what computes the graph.
   *
   * @return such as {@code CPU}
   */
  String delegate();

  /** Frees the model. Runs fail from here on. */
  @Override
  void close();
}
