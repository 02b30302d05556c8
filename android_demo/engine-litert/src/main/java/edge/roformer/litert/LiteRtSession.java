package edge.roformer.litert;

import edge.roformer.EngineException;
import edge.roformer.bundle.Signature;
import edge.roformer.bundle.TensorSpec;
import edge.roformer.engine.Session;
import edge.roformer.engine.Tensor;
import java.lang.reflect.Array;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.tensorflow.lite.DataType;
import org.tensorflow.lite.Interpreter;

/** A graph loaded by LiteRT, which computes one call at a time. */
final class LiteRtSession implements Session {
  private final Map<String, Signature> signatures = new LinkedHashMap<>();
  private Interpreter interpreter;

  LiteRtSession(Interpreter interpreter) {
    this.interpreter = interpreter;
    for (String key : interpreter.getSignatureKeys()) {
      List<TensorSpec> inputs = new ArrayList<>();
      for (String name : interpreter.getSignatureInputs(key)) {
        inputs.add(spec(name, interpreter.getInputTensorFromSignature(name, key)));
      }
      List<TensorSpec> outputs = new ArrayList<>();
      for (String name : interpreter.getSignatureOutputs(key)) {
        outputs.add(spec(name, interpreter.getOutputTensorFromSignature(name, key)));
      }
      signatures.put(key, new Signature(inputs, outputs));
    }
  }

  @Override
  public Map<String, Signature> signatures() {
    return Collections.unmodifiableMap(signatures);
  }

  @Override
  public String delegate() {
    return "CPU";
  }

  @Override
  public synchronized Map<String, Tensor> run(String name, Map<String, Tensor> inputs) {
    if (interpreter == null) {
      throw new EngineException("the session is closed");
    }
    Map<String, Object> feeds = new HashMap<>();
    for (TensorSpec spec : signatures.get(name).inputs()) {
      // the shape of an array is that which the interpreter resizes its input to
      feeds.put(spec.name(), array(spec, inputs.get(spec.name())));
    }
    Map<String, Object> wanted = new HashMap<>();
    for (TensorSpec spec : signatures.get(name).outputs()) {
      // sizes are known after the run only: outputs are read from the tensors
      wanted.put(spec.name(), null);
    }
    try {
      interpreter.runSignature(feeds, wanted, name);
      Map<String, Tensor> found = new LinkedHashMap<>();
      for (String output : wanted.keySet()) {
        found.put(output, read(output, interpreter.getOutputTensorFromSignature(output, name)));
      }
      return found;
    } catch (IllegalArgumentException | IllegalStateException error) {
      throw LiteRtEngine.failed("running the model", error);
    }
  }

  @Override
  public synchronized void close() {
    if (interpreter != null) {
      interpreter.close();
      interpreter = null;
    }
  }

  /** Makes nested arrays of a tensor's shape. */
  private static Object array(TensorSpec spec, Tensor tensor) {
    boolean whole = spec.dtype().equals("int32");
    if (!whole && !spec.dtype().equals("float32")) {
      throw new EngineException("the graph takes " + spec + ", of which kind this engine gives none");
    }
    Object array = Array.newInstance(whole ? int.class : float.class, tensor.shape());
    fill(array, tensor, whole, 0, tensor.shape().length);
    return array;
  }

  private static int fill(Object array, Tensor tensor, boolean whole, int first, int depth) {
    int at = first;
    for (int place = 0; place < Array.getLength(array); place++) {
      if (depth > 1) {
        at = fill(Array.get(array, place), tensor, whole, at, depth - 1);
      } else if (whole) {
        Array.setInt(array, place, Math.toIntExact(tensor.longs()[at++]));
      } else {
        Array.setFloat(array, place, tensor.floats()[at++]);
      }
    }
    return at;
  }

  private static Tensor read(String name, org.tensorflow.lite.Tensor tensor) {
    if (tensor.dataType() != DataType.FLOAT32) {
      throw new EngineException("the graph gave another kind of " + name + " than float32, which is read");
    }
    FloatBuffer numbers = tensor.asReadOnlyBuffer().order(ByteOrder.nativeOrder()).asFloatBuffer();
    float[] values = new float[numbers.remaining()];
    numbers.get(values);
    return Tensor.of(values, Arrays.copyOf(tensor.shape(), tensor.shape().length));
  }

  private static TensorSpec spec(String name, org.tensorflow.lite.Tensor tensor) {
    List<String> axes = new ArrayList<>();
    for (int size : tensor.shapeSignature()) {
      axes.add(size > 0 ? String.valueOf(size) : "axis_" + axes.size());
    }
    return new TensorSpec(name, tensor.dataType().name().toLowerCase(Locale.ROOT), axes);
  }
}
