package edge.roformer.engine;

import java.util.Arrays;

/** Numbers in the shape that a graph takes or gives: whole numbers as long, all others as float. */
public final class Tensor {
  private final int[] shape;
  private final long[] longs;
  private final float[] floats;

  private Tensor(int[] shape, long[] longs, float[] floats) {
    this.shape = shape;
    this.longs = longs;
    this.floats = floats;
    int count = longs == null ? floats.length : longs.length;
    if (size(shape) != count) {
      throw new IllegalArgumentException(count + " numbers do not make the shape " + Arrays.toString(shape));
    }
  }

  /**
   * Makes a tensor of whole numbers.
   *
   * @param values the numbers, row by row; kept, not copied
   * @param shape the sizes of the axes
   * @return the tensor
   */
  public static Tensor of(long[] values, int... shape) {
    return new Tensor(shape, values, null);
  }

  /**
   * Makes a tensor of floating point numbers.
   *
   * @param values the numbers, row by row; kept, not copied
   * @param shape the sizes of the axes
   * @return the tensor
   */
  public static Tensor of(float[] values, int... shape) {
    return new Tensor(shape, null, values);
  }

  /**
   * Counts the numbers that a shape holds.
   *
   * @param shape the sizes of the axes
   * @return their product
   */
  public static int size(int[] shape) {
    int size = 1;
    for (int axis : shape) {
      size = Math.multiplyExact(size, axis);
    }
    return size;
  }

  /**
   * Returns the sizes of the axes.
   *
   * @return not a copy
   */
  public int[] shape() {
    return shape;
  }

  /**
   * Tells whether it holds whole numbers.
   *
   * @return whether {@link #longs} may be called
   */
  public boolean isWhole() {
    return longs != null;
  }

  /**
   * Returns whole numbers.
   *
   * @return row by row; not a copy
   */
  public long[] longs() {
    return longs;
  }

  /**
   * Returns floating point numbers.
   *
   * @return row by row; not a copy
   */
  public float[] floats() {
    return floats;
  }
}
