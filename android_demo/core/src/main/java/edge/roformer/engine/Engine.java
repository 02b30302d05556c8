package edge.roformer.engine;

import java.nio.ByteBuffer;

/** What runs graphs of one format. */
public interface Engine {
  /**
   * Returns the name of the engine's package, as {@code minimum_runtime} in a manifest has it.
   *
   * @return such as {@code onnxruntime}
   */
  String name();

  /**
   * Returns the engine's version.
   *
   * @return such as {@code 1.26.0}
   * @throws edge.roformer.EngineException the engine is not there
   */
  String version();

  /**
   * Returns the format of the models that it runs.
   *
   * @return {@code onnx} or {@code tflite}
   */
  String format();

  /**
   * Loads a model.
   *
   * @param model the bytes of the file, outside of the heap; the session may keep them
   * @param options how to run it
   * @return the loaded model
   * @throws edge.roformer.EngineException the engine is not there, or refuses the model or an option
   */
  Session load(ByteBuffer model, EngineOptions options);
}
