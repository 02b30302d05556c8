package edge.roformer.litert;

import edge.roformer.EngineException;
import edge.roformer.RoFormerException;
import edge.roformer.engine.Engine;
import edge.roformer.engine.EngineOptions;
import edge.roformer.engine.Session;
import java.nio.ByteBuffer;
import org.tensorflow.lite.Interpreter;
import org.tensorflow.lite.TensorFlowLite;

/**
 * LiteRT through TensorFlow Lite's Java classes.
 *
 * <p>It trusts a model file: one whose offsets are wrong may end the process. Load bundles whose maker you know.
 */
public final class LiteRtEngine implements Engine {
  @Override
  public String name() {
    return "tensorflow-lite";
  }

  @Override
  public String version() {
    try {
      return TensorFlowLite.runtimeVersion();
    } catch (LinkageError error) {
      throw missing(error);
    }
  }

  @Override
  public String format() {
    return "tflite";
  }

  @Override
  public Session load(ByteBuffer model, EngineOptions options) {
    // there is no option of this engine that a bundle may set
    options.session();
    try {
      Interpreter.Options settings = new Interpreter.Options();
      settings.setNumThreads(options.threads());
      // the interpreter keeps the model's bytes itself
      return new LiteRtSession(new Interpreter(model, settings));
    } catch (LinkageError error) {
      throw missing(error);
    } catch (IllegalArgumentException | IllegalStateException error) {
      throw failed("loading the model", error);
    }
  }

  static EngineException failed(String what, RuntimeException error) {
    return new EngineException("LiteRT failed at " + what + ": " + RoFormerException.shown(error.getMessage()), error);
  }

  private static EngineException missing(LinkageError error) {
    return new EngineException("LiteRT cannot be started here: " + RoFormerException.shown(error.getMessage()), error);
  }
}
