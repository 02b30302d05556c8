package edge.roformer.ort;

import ai.onnxruntime.NodeInfo;
import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxValue;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;
import edge.roformer.EngineException;
import edge.roformer.bundle.Signature;
import edge.roformer.bundle.TensorSpec;
import edge.roformer.engine.Session;
import edge.roformer.engine.Tensor;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/** A graph loaded by ONNX Runtime. */
final class OnnxSession implements Session {
  private final OrtEnvironment environment;
  private final Signature signature;
  // runs may go side by side, and none while the session is closed
  private final ReadWriteLock lock = new ReentrantReadWriteLock();
  private OrtSession session;

  OnnxSession(OrtEnvironment environment, OrtSession session) throws OrtException {
    this.environment = environment;
    this.session = session;
    signature = new Signature(specs(session.getInputInfo()), specs(session.getOutputInfo()));
  }

  @Override
  public Map<String, Signature> signatures() {
    return Collections.singletonMap(Signature.DEFAULT, signature);
  }

  @Override
  public String delegate() {
    return "CPU";
  }

  @Override
  public Map<String, Tensor> run(String name, Map<String, Tensor> inputs) {
    lock.readLock().lock();
    Map<String, OnnxTensor> feeds = new HashMap<>();
    try {
      if (session == null) {
        throw new EngineException("the session is closed");
      }
      for (TensorSpec spec : signature.inputs()) {
        feeds.put(spec.name(), tensor(spec, inputs.get(spec.name())));
      }
      try (OrtSession.Result result = session.run(feeds)) {
        Map<String, Tensor> outputs = new LinkedHashMap<>();
        for (Map.Entry<String, OnnxValue> each : result) {
          outputs.put(each.getKey(), read(each.getKey(), each.getValue()));
        }
        return outputs;
      }
    } catch (OrtException error) {
      throw OnnxEngine.failed("running the model", error);
    } finally {
      lock.readLock().unlock();
      for (OnnxTensor feed : feeds.values()) {
        feed.close();
      }
    }
  }

  @Override
  public void close() {
    lock.writeLock().lock();
    try {
      if (session != null) {
        session.close();
        session = null;
      }
    } catch (OrtException error) {
      throw OnnxEngine.failed("closing the model", error);
    } finally {
      lock.writeLock().unlock();
    }
  }

  private OnnxTensor tensor(TensorSpec spec, Tensor tensor) throws OrtException {
    long[] shape = new long[tensor.shape().length];
    for (int axis = 0; axis < shape.length; axis++) {
      shape[axis] = tensor.shape()[axis];
    }
    switch (spec.dtype()) {
      case "int64":
        return OnnxTensor.createTensor(environment, LongBuffer.wrap(tensor.longs()), shape);
      case "int32":
        int[] narrow = new int[tensor.longs().length];
        for (int at = 0; at < narrow.length; at++) {
          narrow[at] = Math.toIntExact(tensor.longs()[at]);
        }
        return OnnxTensor.createTensor(environment, IntBuffer.wrap(narrow), shape);
      case "float32":
        return OnnxTensor.createTensor(environment, FloatBuffer.wrap(tensor.floats()), shape);
      default:
        throw new EngineException("the graph takes " + spec + ", of which kind this engine gives none");
    }
  }

  private static Tensor read(String name, OnnxValue value) {
    if (!(value instanceof OnnxTensor) || ((OnnxTensor) value).getInfo().type != OnnxJavaType.FLOAT) {
      throw new EngineException("the graph gave another kind of " + name + " than float32, which is read");
    }
    OnnxTensor tensor = (OnnxTensor) value;
    long[] sizes = tensor.getInfo().getShape();
    int[] shape = new int[sizes.length];
    for (int axis = 0; axis < shape.length; axis++) {
      shape[axis] = Math.toIntExact(sizes[axis]);
    }
    FloatBuffer numbers = tensor.getFloatBuffer();
    float[] values = new float[numbers.remaining()];
    numbers.get(values);
    return Tensor.of(values, shape);
  }

  private static List<TensorSpec> specs(Map<String, NodeInfo> nodes) {
    List<TensorSpec> found = new ArrayList<>();
    for (NodeInfo node : nodes.values()) {
      if (!(node.getInfo() instanceof TensorInfo)) {
        throw new EngineException("the graph has a border that is no tensor");
      }
      TensorInfo info = (TensorInfo) node.getInfo();
      List<String> axes = new ArrayList<>();
      for (long size : info.getShape()) {
        axes.add(size > 0 ? String.valueOf(size) : "axis_" + axes.size());
      }
      found.add(new TensorSpec(node.getName(), dtype(info.type), axes));
    }
    return found;
  }

  private static String dtype(OnnxJavaType type) {
    switch (type) {
      case FLOAT:
        return "float32";
      case DOUBLE:
        return "float64";
      default:
        return type.name().toLowerCase(Locale.ROOT);
    }
  }
}
