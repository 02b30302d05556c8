package edge.roformer.jvm;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import edge.roformer.EngineException;
import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;

/**
 * The functions of ONNX Runtime's C API that are needed here.
 *
 * <p>They stand in one table, at places that never change: {@code OrtApi} of {@code onnxruntime_c_api.h}, to which every
 * version only appends.
 */
final class OrtLibrary {
  /** The version of the C API whose functions are used. */
  private static final int API_VERSION = 17;

  private static final Linker LINKER = Linker.nativeLinker();
  private static final AddressLayout TEXT =
      ADDRESS.withTargetLayout(MemoryLayout.sequenceLayout(Long.MAX_VALUE, JAVA_BYTE));

  private static final int LAST = 131;

  final MethodHandle createEnv;
  final MethodHandle createSessionFromArray;
  final MethodHandle run;
  final MethodHandle createSessionOptions;
  final MethodHandle setLogSeverity;
  final MethodHandle setIntraOpThreads;
  final MethodHandle setInterOpThreads;
  final MethodHandle addConfigEntry;
  final MethodHandle inputCount;
  final MethodHandle outputCount;
  final MethodHandle inputTypeInfo;
  final MethodHandle outputTypeInfo;
  final MethodHandle inputName;
  final MethodHandle outputName;
  final MethodHandle castToTensorInfo;
  final MethodHandle elementType;
  final MethodHandle dimensionsCount;
  final MethodHandle dimensions;
  final MethodHandle symbolicDimensions;
  final MethodHandle createTensor;
  final MethodHandle tensorData;
  final MethodHandle tensorTypeAndShape;
  final MethodHandle createCpuMemoryInfo;
  final MethodHandle defaultAllocator;
  final MethodHandle allocatorFree;
  final MethodHandle releaseSession;
  final MethodHandle releaseSessionOptions;
  final MethodHandle releaseValue;
  final MethodHandle releaseTypeInfo;
  final MethodHandle releaseTensorInfo;
  final String version;

  private final MethodHandle errorMessage;
  private final MethodHandle releaseStatus;
  private final MemorySegment table;

  /**
   * Opens a library.
   *
   * @param path the path of {@code libonnxruntime.so}
   * @throws EngineException it is not there, or too old
   */
  OrtLibrary(Path path) {
    silence();
    SymbolLookup symbols;
    try {
      symbols = SymbolLookup.libraryLookup(path, Arena.global());
    } catch (IllegalArgumentException error) {
      throw new EngineException("there is no ONNX Runtime library at " + path + ": give the path of libonnxruntime.so, "
          + "as in the folder capi of the Python package onnxruntime", error);
    }
    MemorySegment base = symbols.find("OrtGetApiBase").orElseThrow(
        () -> new EngineException(path + " is not a library of ONNX Runtime: it has no OrtGetApiBase"));
    try {
      MemorySegment functions = ((MemorySegment) LINKER
          .downcallHandle(base, FunctionDescriptor.of(ADDRESS)).invokeExact()).reinterpret(2 * ADDRESS.byteSize());
      MemorySegment getApi = functions.get(ADDRESS, 0);
      MemorySegment getVersion = functions.get(ADDRESS, ADDRESS.byteSize());
      version = ((MemorySegment) LINKER.downcallHandle(getVersion, FunctionDescriptor.of(TEXT)).invokeExact())
          .getString(0);
      MemorySegment found = (MemorySegment) LINKER
          .downcallHandle(getApi, FunctionDescriptor.of(ADDRESS, JAVA_INT)).invokeExact(API_VERSION);
      if (found.equals(MemorySegment.NULL)) {
        throw new EngineException("ONNX Runtime " + version + " at " + path + " is too old");
      }
      table = found.reinterpret(LAST * ADDRESS.byteSize());
    } catch (EngineException error) {
      throw error;
    } catch (Throwable error) {
      throw new EngineException("ONNX Runtime at " + path + " could not be started", error);
    }
    errorMessage = handle(2, FunctionDescriptor.of(TEXT, ADDRESS));
    createEnv = status(3, JAVA_INT, ADDRESS, ADDRESS);
    createSessionFromArray = status(8, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS, ADDRESS);
    run = status(9, ADDRESS, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS, JAVA_LONG, ADDRESS);
    createSessionOptions = status(10, ADDRESS);
    setLogSeverity = status(22, ADDRESS, JAVA_INT);
    setIntraOpThreads = status(24, ADDRESS, JAVA_INT);
    setInterOpThreads = status(25, ADDRESS, JAVA_INT);
    inputCount = status(30, ADDRESS, ADDRESS);
    outputCount = status(31, ADDRESS, ADDRESS);
    inputTypeInfo = status(33, ADDRESS, JAVA_LONG, ADDRESS);
    outputTypeInfo = status(34, ADDRESS, JAVA_LONG, ADDRESS);
    inputName = status(36, ADDRESS, JAVA_LONG, ADDRESS, ADDRESS);
    outputName = status(37, ADDRESS, JAVA_LONG, ADDRESS, ADDRESS);
    createTensor = status(49, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS, JAVA_LONG, JAVA_INT, ADDRESS);
    tensorData = status(51, ADDRESS, ADDRESS);
    castToTensorInfo = status(55, ADDRESS, ADDRESS);
    elementType = status(60, ADDRESS, ADDRESS);
    dimensionsCount = status(61, ADDRESS, ADDRESS);
    dimensions = status(62, ADDRESS, ADDRESS, JAVA_LONG);
    symbolicDimensions = status(63, ADDRESS, ADDRESS, JAVA_LONG);
    tensorTypeAndShape = status(65, ADDRESS, ADDRESS);
    createCpuMemoryInfo = status(69, JAVA_INT, JAVA_INT, ADDRESS);
    allocatorFree = status(76, ADDRESS, ADDRESS);
    defaultAllocator = status(78, ADDRESS);
    releaseStatus = handle(93, FunctionDescriptor.ofVoid(ADDRESS));
    releaseSession = handle(95, FunctionDescriptor.ofVoid(ADDRESS));
    releaseValue = handle(96, FunctionDescriptor.ofVoid(ADDRESS));
    releaseTypeInfo = handle(98, FunctionDescriptor.ofVoid(ADDRESS));
    releaseTensorInfo = handle(99, FunctionDescriptor.ofVoid(ADDRESS));
    releaseSessionOptions = handle(100, FunctionDescriptor.ofVoid(ADDRESS));
    addConfigEntry = status(130, ADDRESS, ADDRESS, ADDRESS);
  }

  /** Switches telemetry off, which reads the environment when the library starts. */
  private static void silence() {
    try (Arena arena = Arena.ofConfined()) {
      MethodHandle setenv = LINKER.downcallHandle(LINKER.defaultLookup().find("setenv").orElseThrow(),
          FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, JAVA_INT));
      int result = (int) setenv.invokeExact(arena.allocateFrom("ORT_DISABLE_TELEMETRY"), arena.allocateFrom("1"), 1);
      if (result != 0) {
        throw new EngineException("the engine's telemetry could not be switched off");
      }
    } catch (EngineException error) {
      throw error;
    } catch (Throwable error) {
      throw new EngineException("the engine's telemetry could not be switched off", error);
    }
  }

  private MethodHandle status(int place, MemoryLayout... arguments) {
    return handle(place, FunctionDescriptor.of(ADDRESS, arguments));
  }

  private MethodHandle handle(int place, FunctionDescriptor descriptor) {
    return LINKER.downcallHandle(table.getAtIndex(ADDRESS, place), descriptor);
  }

  /** Calls a function that returns a status, and throws what the engine complains of. */
  void call(MethodHandle function, Object... arguments) {
    try {
      MemorySegment status = (MemorySegment) function.invokeWithArguments(arguments);
      if (!status.equals(MemorySegment.NULL)) {
        String message = ((MemorySegment) errorMessage.invokeExact(status)).getString(0);
        releaseStatus.invokeExact(status);
        throw new EngineException("onnxruntime " + version + ": " + message.replaceAll("\\s+", " "));
      }
    } catch (EngineException error) {
      throw error;
    } catch (Throwable error) {
      throw new EngineException("onnxruntime " + version + " could not be called", error);
    }
  }

  /** Calls a function that hands something out through its last argument. */
  MemorySegment made(Arena arena, MethodHandle function, Object... arguments) {
    MemorySegment holder = arena.allocate(ADDRESS);
    Object[] all = java.util.Arrays.copyOf(arguments, arguments.length + 1);
    all[arguments.length] = holder;
    call(function, all);
    return holder.get(ADDRESS, 0);
  }

  /** Calls a function that hands a number out through its last argument. */
  long number(Arena arena, MethodHandle function, Object... arguments) {
    MemorySegment holder = arena.allocate(JAVA_LONG);
    Object[] all = java.util.Arrays.copyOf(arguments, arguments.length + 1);
    all[arguments.length] = holder;
    call(function, all);
    return holder.get(JAVA_LONG, 0);
  }

  /** Calls a function that gives something free. */
  void release(MethodHandle function, MemorySegment owned) {
    try {
      function.invokeExact(owned);
    } catch (Throwable error) {
      throw new EngineException("onnxruntime " + version + " could not be called", error);
    }
  }

  /** Reads a text that belongs to the engine. */
  static String text(MemorySegment address) {
    return address.reinterpret(Long.MAX_VALUE).getString(0);
  }
}
