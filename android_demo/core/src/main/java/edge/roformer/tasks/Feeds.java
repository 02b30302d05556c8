package edge.roformer.tasks;

import edge.roformer.EngineException;
import edge.roformer.bundle.Signature;
import edge.roformer.bundle.TensorSpec;
import edge.roformer.engine.Tensor;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Makes the tensors that a signature takes. */
final class Feeds {
  private final Signature signature;
  private final Map<String, Tensor> given = new HashMap<>();

  Feeds(Signature signature) {
    this.signature = signature;
  }

  /** Puts rows together, the shorter ones filled up; {@code choices} adds an axis of size 1 behind the rows. */
  static Feeds of(Signature signature, List<Row> rows, int width, int padId, boolean padLeft, boolean choices) {
    int count = Math.max(rows.size(), signature.rows());
    long[] ids = new long[count * width];
    long[] mask = new long[count * width];
    long[] types = new long[count * width];
    java.util.Arrays.fill(ids, padId);
    for (int place = 0; place < count; place++) {
      // a graph of more rows than there are is given the last one again
      Row row = rows.get(Math.min(place, rows.size() - 1));
      int start = place * width + (padLeft ? width - row.ids.length : 0);
      for (int at = 0; at < row.ids.length; at++) {
        ids[start + at] = row.ids[at];
        types[start + at] = row.typeIds[at];
        mask[start + at] = 1;
      }
    }
    int[] shape = choices ? new int[] {count, 1, width} : new int[] {count, width};
    return new Feeds(signature).put("input_ids", Tensor.of(ids, shape)).put("attention_mask", Tensor.of(mask, shape))
        .put("token_type_ids", Tensor.of(types, shape));
  }

  Feeds put(String name, Tensor tensor) {
    given.put(name, tensor);
    return this;
  }

  /** Sets the positions of one row that outputs are read at. */
  Feeds positions(int[] places) {
    TensorSpec spec = signature.input(Signature.POSITIONS);
    int width = spec.fixedSize(-1) == 0 ? places.length : spec.fixedSize(-1);
    int rows = Math.max(1, signature.rows());
    long[] values = new long[rows * width];
    for (int at = 0; at < values.length; at++) {
      int place = at % width;
      values[at] = places[place < places.length ? place : 0];
    }
    return put(Signature.POSITIONS, Tensor.of(values, rows, width));
  }

  /** Makes exactly the tensors that the signature takes; what may be left out is filled in. */
  Map<String, Tensor> fitted() {
    Map<String, Integer> sizes = new HashMap<>();
    for (TensorSpec spec : signature.inputs()) {
      Tensor tensor = given.get(spec.name());
      if (tensor == null) {
        continue;
      }
      int[] shape = tensor.shape();
      boolean fits = shape.length == spec.axes().size();
      for (int axis = 0; fits && axis < shape.length; axis++) {
        int fixed = spec.fixedSize(axis);
        Integer other = fixed > 0 ? Integer.valueOf(fixed) : sizes.put(spec.axes().get(axis), shape[axis]);
        fits = other == null || other == shape[axis];
      }
      if (!fits) {
        throw new EngineException("the graph takes " + spec + ", and was given the shape "
            + java.util.Arrays.toString(shape));
      }
    }
    complete(sizes);
    Map<String, Tensor> fitted = new LinkedHashMap<>();
    for (TensorSpec spec : signature.inputs()) {
      Tensor tensor = given.get(spec.name());
      fitted.put(spec.name(), tensor == null ? filled(spec, sizes) : tensor);
    }
    return fitted;
  }

  /** Adds the sizes that follow from others: without a cache there is no token before the first. */
  private void complete(Map<String, Integer> sizes) {
    Integer sequence = sizes.get("sequence");
    if (sequence == null) {
      return;
    }
    if (!sizes.containsKey("positions")) {
      sizes.put("positions", sequence);
    }
    if (!sizes.containsKey("past")) {
      sizes.put("past", 0);
    }
    if (!sizes.containsKey("total")) {
      sizes.put("total", sizes.get("past") + sequence);
    }
  }

  private static Tensor filled(TensorSpec spec, Map<String, Integer> sizes) {
    int[] shape = new int[spec.axes().size()];
    for (int axis = 0; axis < shape.length; axis++) {
      Integer size = spec.fixedSize(axis) > 0 ? Integer.valueOf(spec.fixedSize(axis)) : sizes.get(spec.axes().get(axis));
      if (size == null) {
        throw cannot(spec);
      }
      shape[axis] = size;
    }
    int count = Tensor.size(shape);
    if (spec.name().startsWith(Signature.PAST)) {
      return Tensor.of(new float[count], shape);
    }
    long[] values = new long[count];
    int width = shape[shape.length - 1];
    switch (spec.name()) {
      case "attention_mask":
        java.util.Arrays.fill(values, 1);
        break;
      case "token_type_ids":
        break;
      case Signature.POSITIONS:
      case Signature.POSITION_IDS:
        for (int at = 0; at < count; at++) {
          values[at] = at % width;
        }
        break;
      default:
        throw cannot(spec);
    }
    return Tensor.of(values, shape);
  }

  private static EngineException cannot(TensorSpec spec) {
    return new EngineException("the graph takes " + spec + ", which this reader cannot make up");
  }
}
