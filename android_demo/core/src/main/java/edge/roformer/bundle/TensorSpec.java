package edge.roformer.bundle;

import edge.roformer.json.Fields;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.regex.Pattern;

/** A named tensor at the border of a graph. */
public final class TensorSpec {
  private static final List<String> DTYPES = Collections.unmodifiableList(Arrays.asList(
      "float16", "float32", "float64", "int8", "uint8", "int16", "int32", "int64", "bool"));
  private static final Pattern AXIS = Pattern.compile("[A-Za-z_][A-Za-z0-9_]*|[1-9][0-9]{0,8}");

  private final String name;
  private final String dtype;
  private final List<String> axes;

  /**
   * Describes a tensor.
   *
   * @param name its name in the graph
   * @param dtype what it holds, by numpy's name
   * @param axes one name per axis; an axis with a decimal name is fixed to that size
   */
  public TensorSpec(String name, String dtype, List<String> axes) {
    this.name = name;
    this.dtype = dtype;
    this.axes = Collections.unmodifiableList(axes);
  }

  static TensorSpec of(Fields fields) {
    fields.exactly("name", "dtype", "axes");
    String dtype = fields.text("dtype");
    if (!DTYPES.contains(dtype)) {
      throw fields.wrong("dtype", "one of " + DTYPES, dtype);
    }
    List<String> axes = fields.texts("axes");
    for (String axis : axes) {
      if (!AXIS.matcher(axis).matches()) {
        throw fields.wrong("axes", "names or sizes of at least 1", axis);
      }
    }
    return new TensorSpec(fields.text("name"), dtype, axes);
  }

  /**
   * Returns the name in the graph.
   *
   * @return the name
   */
  public String name() {
    return name;
  }

  /**
   * Returns what the tensor holds.
   *
   * @return numpy's name of it, such as {@code int64}
   */
  public String dtype() {
    return dtype;
  }

  /**
   * Returns the names of the axes.
   *
   * @return one per axis
   */
  public List<String> axes() {
    return axes;
  }

  /**
   * Reads the size that an axis is fixed to.
   *
   * @param axis its place; from the last backwards where it is negative
   * @return the size, or 0 where any will do
   */
  public int fixedSize(int axis) {
    String size = axes.get(axis < 0 ? axes.size() + axis : axis);
    char first = size.charAt(0);
    return first >= '1' && first <= '9' ? Integer.parseInt(size) : 0;
  }

  @Override
  public String toString() {
    return name + " " + dtype + axes;
  }
}
