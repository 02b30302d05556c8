package edge.roformer.bundle;

import edge.roformer.json.Fields;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** One way to call a graph. */
public final class Signature {
  /** The signature that every graph has. */
  public static final String DEFAULT = "default";
  /** The input that tells at which positions outputs are read. */
  public static final String POSITIONS = "positions";
  /** The input that tells by which positions tokens are rotated. */
  public static final String POSITION_IDS = "position_ids";
  /** What inputs with the keys and values of earlier tokens begin with. */
  public static final String PAST = "past_key_values.";
  /** What outputs with the keys and values of all tokens begin with. */
  public static final String PRESENT = "present.";

  private final List<TensorSpec> inputs;
  private final List<TensorSpec> outputs;

  /**
   * Describes a way to call a graph.
   *
   * @param inputs token ids first; the first axis of each runs over rows, the last over tokens
   * @param outputs what the call gives
   */
  public Signature(List<TensorSpec> inputs, List<TensorSpec> outputs) {
    this.inputs = Collections.unmodifiableList(inputs);
    this.outputs = Collections.unmodifiableList(outputs);
  }

  static Signature of(Fields fields) {
    fields.exactly("inputs", "outputs");
    return new Signature(specs(fields, "inputs"), specs(fields, "outputs"));
  }

  private static List<TensorSpec> specs(Fields fields, String name) {
    List<TensorSpec> found = new ArrayList<>();
    for (Fields item : fields.objects(name)) {
      found.add(TensorSpec.of(item));
    }
    return found;
  }

  /**
   * Returns what the call takes.
   *
   * @return the inputs, in the graph's order
   */
  public List<TensorSpec> inputs() {
    return inputs;
  }

  /**
   * Returns what the call gives.
   *
   * @return the outputs, in the graph's order
   */
  public List<TensorSpec> outputs() {
    return outputs;
  }

  /**
   * Tells how many rows a call takes.
   *
   * @return the number, or 0 where any will do
   */
  public int rows() {
    return inputs.get(0).fixedSize(0);
  }

  /**
   * Tells how many tokens rows are padded to.
   *
   * @return the number, or 0 where any will do
   */
  public int length() {
    return inputs.get(0).fixedSize(-1);
  }

  /**
   * Finds an input.
   *
   * @param name its name
   * @return the input, or null
   */
  public TensorSpec input(String name) {
    for (TensorSpec spec : inputs) {
      if (spec.name().equals(name)) {
        return spec;
      }
    }
    return null;
  }

  /**
   * Tells whether a call may go on from the keys and values of earlier tokens.
   *
   * @return whether it has such inputs
   */
  public boolean isCached() {
    for (TensorSpec spec : inputs) {
      if (spec.name().startsWith(PAST)) {
        return true;
      }
    }
    return false;
  }

  /**
   * Lists the names of inputs and outputs.
   *
   * @return equal lists where two signatures compute the same at different sizes
   */
  public List<String> names() {
    List<String> names = new ArrayList<>();
    for (TensorSpec spec : inputs) {
      names.add(spec.name());
    }
    for (TensorSpec spec : outputs) {
      names.add(spec.name());
    }
    return names;
  }

  /**
   * Finds the signatures that compute what {@code default} does.
   *
   * @param signatures all by name
   * @return those, shortest first, any length last
   */
  public static Map<String, Signature> alternatives(Map<String, Signature> signatures) {
    List<Map.Entry<String, Signature>> found = new ArrayList<>();
    for (Map.Entry<String, Signature> entry : signatures.entrySet()) {
      if (entry.getValue().names().equals(signatures.get(DEFAULT).names())) {
        found.add(entry);
      }
    }
    Collections.sort(found, new Comparator<Map.Entry<String, Signature>>() {
      @Override
      public int compare(Map.Entry<String, Signature> one, Map.Entry<String, Signature> other) {
        return Integer.compare(order(one.getValue()), order(other.getValue()));
      }
    });
    Map<String, Signature> sorted = new LinkedHashMap<>();
    for (Map.Entry<String, Signature> entry : found) {
      sorted.put(entry.getKey(), entry.getValue());
    }
    return sorted;
  }

  private static int order(Signature signature) {
    return signature.length() == 0 ? Integer.MAX_VALUE : signature.length();
  }
}
