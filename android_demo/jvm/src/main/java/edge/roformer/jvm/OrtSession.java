package edge.roformer.jvm;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import edge.roformer.EngineException;
import edge.roformer.bundle.Signature;
import edge.roformer.bundle.TensorSpec;
import edge.roformer.engine.Session;
import edge.roformer.engine.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/** A graph loaded by ONNX Runtime. */
final class OrtSession implements Session {
  private static final int FLOAT = 1;
  private static final int INT32 = 6;
  private static final int INT64 = 7;
  private static final int ARENA_ALLOCATOR = 1;

  private final OrtLibrary library;
  // what the engine reads from is kept alive as long as the engine
  private final ByteBuffer model;
  private final Signature signature;
  // runs may go side by side, and none while the session is closed
  private final ReadWriteLock lock = new ReentrantReadWriteLock();
  private MemorySegment session;

  OrtSession(OrtLibrary library, MemorySegment session, ByteBuffer model) {
    this.library = library;
    this.session = session;
    this.model = model;
    try (Arena arena = Arena.ofConfined()) {
      signature = new Signature(specs(arena, library.inputCount, library.inputName, library.inputTypeInfo),
          specs(arena, library.outputCount, library.outputName, library.outputTypeInfo));
    }
  }

  @Override
  public Map<String, Signature> signatures() {
    return Map.of(Signature.DEFAULT, signature);
  }

  @Override
  public String delegate() {
    return "CPU";
  }

  @Override
  public Map<String, Tensor> run(String name, Map<String, Tensor> inputs) {
    lock.readLock().lock();
    try {
      if (session == null) {
        throw new EngineException("the session is closed");
      }
      return run(inputs);
    } finally {
      lock.readLock().unlock();
    }
  }

  @Override
  public void close() {
    lock.writeLock().lock();
    try {
      if (session != null) {
        library.release(library.releaseSession, session);
        session = null;
      }
    } finally {
      lock.writeLock().unlock();
    }
  }

  /**
   * Returns what the engine read the model from, which must live as long as the session.
   *
   * @return the bytes
   */
  ByteBuffer model() {
    return model;
  }

  private Map<String, Tensor> run(Map<String, Tensor> inputs) {
    List<MemorySegment> owned = new ArrayList<>();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = library.made(arena, library.createCpuMemoryInfo, ARENA_ALLOCATOR, 0);
      int count = signature.inputs().size();
      MemorySegment names = arena.allocate(ADDRESS, count);
      MemorySegment values = arena.allocate(ADDRESS, count);
      for (int place = 0; place < count; place++) {
        TensorSpec spec = signature.inputs().get(place);
        MemorySegment value = tensor(arena, memory, spec, inputs.get(spec.name()));
        owned.add(value);
        names.setAtIndex(ADDRESS, place, arena.allocateFrom(spec.name()));
        values.setAtIndex(ADDRESS, place, value);
      }
      int wanted = signature.outputs().size();
      MemorySegment outputNames = arena.allocate(ADDRESS, wanted);
      MemorySegment outputs = arena.allocate(ADDRESS, wanted);
      for (int place = 0; place < wanted; place++) {
        outputNames.setAtIndex(ADDRESS, place, arena.allocateFrom(signature.outputs().get(place).name()));
      }
      library.call(library.run, session, MemorySegment.NULL, names, values, (long) count, outputNames, (long) wanted,
          outputs);
      Map<String, Tensor> found = new LinkedHashMap<>();
      for (int place = 0; place < wanted; place++) {
        owned.add(outputs.getAtIndex(ADDRESS, place));
      }
      for (int place = 0; place < wanted; place++) {
        found.put(signature.outputs().get(place).name(), read(arena, outputs.getAtIndex(ADDRESS, place)));
      }
      return found;
    } finally {
      for (MemorySegment value : owned) {
        library.release(library.releaseValue, value);
      }
    }
  }

  private MemorySegment tensor(Arena arena, MemorySegment memory, TensorSpec spec, Tensor tensor) {
    MemorySegment data;
    int kind;
    switch (spec.dtype()) {
      case "int64":
        data = arena.allocateFrom(JAVA_LONG, tensor.longs());
        kind = INT64;
        break;
      case "int32":
        data = arena.allocate(JAVA_INT, Math.max(1, tensor.longs().length));
        for (int at = 0; at < tensor.longs().length; at++) {
          data.setAtIndex(JAVA_INT, at, Math.toIntExact(tensor.longs()[at]));
        }
        kind = INT32;
        break;
      case "float32":
        data = tensor.floats().length == 0 ? arena.allocate(JAVA_FLOAT) : arena.allocateFrom(JAVA_FLOAT, tensor.floats());
        kind = FLOAT;
        break;
      default:
        throw new EngineException("the graph takes " + spec + ", of which kind this engine gives none");
    }
    long bytes = (tensor.isWhole() ? tensor.longs().length : tensor.floats().length) * (kind == INT64 ? 8L : 4L);
    long[] shape = new long[tensor.shape().length];
    for (int axis = 0; axis < shape.length; axis++) {
      shape[axis] = tensor.shape()[axis];
    }
    return library.made(arena, library.createTensor, memory, data, bytes, arena.allocateFrom(JAVA_LONG, shape),
        (long) shape.length, kind);
  }

  private Tensor read(Arena arena, MemorySegment value) {
    MemorySegment info = library.made(arena, library.tensorTypeAndShape, value);
    try {
      int kind = (int) library.number(arena, library.elementType, info);
      int[] shape = new int[(int) library.number(arena, library.dimensionsCount, info)];
      MemorySegment sizes = arena.allocate(JAVA_LONG, Math.max(1, shape.length));
      library.call(library.dimensions, info, sizes, (long) shape.length);
      for (int axis = 0; axis < shape.length; axis++) {
        shape[axis] = Math.toIntExact(sizes.getAtIndex(JAVA_LONG, axis));
      }
      if (kind != FLOAT) {
        throw new EngineException("the graph gave numbers of the kind " + kind + ", and float32 is read");
      }
      long bytes = 4L * Tensor.size(shape);
      MemorySegment data = library.made(arena, library.tensorData, value).reinterpret(bytes);
      return Tensor.of(data.toArray(ValueLayout.JAVA_FLOAT), shape);
    } finally {
      library.release(library.releaseTensorInfo, info);
    }
  }

  private List<TensorSpec> specs(Arena arena, MethodHandle count, MethodHandle name, MethodHandle type) {
    MemorySegment allocator = library.made(arena, library.defaultAllocator);
    List<TensorSpec> found = new ArrayList<>();
    long number = library.number(arena, count, session);
    for (long place = 0; place < number; place++) {
      MemorySegment spelled = library.made(arena, name, session, place, allocator);
      String called = OrtLibrary.text(spelled);
      library.call(library.allocatorFree, allocator, spelled);
      MemorySegment info = library.made(arena, type, session, place);
      try {
        found.add(spec(arena, called, library.made(arena, library.castToTensorInfo, info)));
      } finally {
        library.release(library.releaseTypeInfo, info);
      }
    }
    return found;
  }

  private TensorSpec spec(Arena arena, String name, MemorySegment info) {
    String[] dtypes = {"undefined", "float32", "uint8", "int8", "uint16", "int16", "int32", "int64", "string", "bool",
        "float16", "float64"};
    int kind = (int) library.number(arena, library.elementType, info);
    long rank = library.number(arena, library.dimensionsCount, info);
    MemorySegment sizes = arena.allocate(JAVA_LONG, Math.max(1, rank));
    MemorySegment symbols = arena.allocate(ADDRESS, Math.max(1, rank));
    library.call(library.dimensions, info, sizes, rank);
    library.call(library.symbolicDimensions, info, symbols, rank);
    List<String> axes = new ArrayList<>();
    for (int axis = 0; axis < rank; axis++) {
      long size = sizes.getAtIndex(JAVA_LONG, axis);
      String symbol = OrtLibrary.text(symbols.getAtIndex(ADDRESS, axis));
      axes.add(size > 0 ? String.valueOf(size) : symbol.isEmpty() ? name + "_" + axis : symbol);
    }
    return new TensorSpec(name, kind < dtypes.length ? dtypes[kind] : "kind " + kind, axes);
  }
}
