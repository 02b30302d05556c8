package edge.roformer.ort;

import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtLoggingLevel;
import ai.onnxruntime.OrtSession;
import edge.roformer.EngineException;
import edge.roformer.RoFormerException;
import edge.roformer.engine.Engine;
import edge.roformer.engine.EngineOptions;
import edge.roformer.engine.Session;
import java.nio.ByteBuffer;
import java.util.Map;

/**
 * ONNX Runtime through its own classes, which are the same in the Android library and in the jar for desktops.
 *
 * <p>From 1.29 on it sends telemetry over the network. It starts only where the environment variable {@link #TELEMETRY}
 * has been set to {@code 1} before.
 */
public final class OnnxEngine implements Engine {
  /** The environment variable that switches the engine's telemetry off. */
  public static final String TELEMETRY = "ORT_DISABLE_TELEMETRY";

  private static final String HARMLESS = "optimization.disable_specified_optimizers";

  private final OrtEnvironment environment;

  /**
   * Starts the engine.
   *
   * @throws EngineException it is not there, or its telemetry is not switched off
   */
  public OnnxEngine() {
    if (!"1".equals(System.getenv(TELEMETRY))) {
      throw new EngineException("the engine's telemetry is not switched off; set the environment variable " + TELEMETRY
          + " to 1 before, on Android with android.system.Os.setenv");
    }
    try {
      environment = OrtEnvironment.getEnvironment(OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL, "roformer");
    } catch (LinkageError | IllegalStateException error) {
      throw new EngineException("ONNX Runtime cannot be started here: " + RoFormerException.shown(error.getMessage()),
          error);
    }
  }

  @Override
  public String name() {
    return "onnxruntime";
  }

  @Override
  public String version() {
    return environment.getVersion();
  }

  @Override
  public String format() {
    return "onnx";
  }

  @Override
  public Session load(ByteBuffer model, EngineOptions options) {
    Map<String, String> entries = options.session(HARMLESS);
    try (OrtSession.SessionOptions settings = new OrtSession.SessionOptions()) {
      settings.setIntraOpNumThreads(options.threads());
      settings.setInterOpNumThreads(1);
      settings.setSessionLogLevel(OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL);
      for (Map.Entry<String, String> entry : entries.entrySet()) {
        settings.addConfigEntry(entry.getKey(), entry.getValue());
      }
      return new OnnxSession(environment, session(model, settings));
    } catch (OrtException error) {
      throw failed("loading the model", error);
    }
  }

  private OrtSession session(ByteBuffer model, OrtSession.SessionOptions settings) throws OrtException {
    try {
      return environment.createSession(model, settings);
    } catch (NoSuchMethodError older) {
      // up to 1.17 models are taken from the heap only
      byte[] bytes = new byte[model.remaining()];
      model.duplicate().get(bytes);
      return environment.createSession(bytes, settings);
    }
  }

  static EngineException failed(String what, OrtException error) {
    return new EngineException("ONNX Runtime failed at " + what + ": " + RoFormerException.shown(error.getMessage()),
        error);
  }
}
