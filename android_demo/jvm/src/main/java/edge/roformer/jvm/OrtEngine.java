package edge.roformer.jvm;

import edge.roformer.engine.Engine;
import edge.roformer.engine.EngineOptions;
import edge.roformer.engine.Session;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Map;

/** ONNX Runtime through its C API: any {@code libonnxruntime.so}, such as that of the Python package. */
public final class OrtEngine implements Engine {
  private static final String[] HARMLESS = {"optimization.disable_specified_optimizers"};
  private static final int FATAL_ONLY = 4;

  private final OrtLibrary library;
  private final MemorySegment environment;

  /**
   * Opens the engine.
   *
   * @param path the path of the library
   * @throws edge.roformer.EngineException it is not there
   */
  public OrtEngine(Path path) {
    library = new OrtLibrary(path);
    environment = library.made(Arena.global(), library.createEnv, FATAL_ONLY, Arena.global().allocateFrom("roformer"));
  }

  @Override
  public String name() {
    return "onnxruntime";
  }

  @Override
  public String version() {
    return library.version;
  }

  @Override
  public String format() {
    return "onnx";
  }

  @Override
  public Session load(ByteBuffer model, EngineOptions options) {
    Map<String, String> entries = options.session(HARMLESS);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment settings = library.made(arena, library.createSessionOptions);
      try {
        library.call(library.setIntraOpThreads, settings, options.threads());
        library.call(library.setInterOpThreads, settings, 1);
        library.call(library.setLogSeverity, settings, FATAL_ONLY);
        for (Map.Entry<String, String> entry : entries.entrySet()) {
          library.call(library.addConfigEntry, settings, arena.allocateFrom(entry.getKey()),
              arena.allocateFrom(entry.getValue()));
        }
        MemorySegment bytes = MemorySegment.ofBuffer(model);
        MemorySegment session = library.made(arena, library.createSessionFromArray, environment, bytes,
            bytes.byteSize(), settings);
        return new OrtSession(library, session, model);
      } finally {
        library.release(library.releaseSessionOptions, settings);
      }
    }
  }
}
