package edge.roformer.tokenizer;

import java.util.Arrays;

/** A list of numbers that grows. */
final class IntList {
  int[] items = new int[16];
  int size;

  void add(int item) {
    if (size == items.length) {
      items = Arrays.copyOf(items, size * 2);
    }
    items[size++] = item;
  }
}
