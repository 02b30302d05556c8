package edge.roformer.tokenizer;

import edge.roformer.BundleException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** The packed dictionary of words, {@code words.bin}: a trie in breadth-first order, with scores. */
final class WordTrie {
  /** The most characters of a word. */
  static final int LONGEST = 64;

  private static final long MAGIC = 0x31736472_6f776672L; // "rfwords1"
  private static final int HEADER = 16;

  final double[] scores;
  final int[] firsts;
  final char[] labels;
  final char[] values;
  // child of the root by its label
  private final int[] heads = new int[1 << 16];

  /**
   * Reads a dictionary.
   *
   * @param bytes the content of {@code words.bin}
   * @throws BundleException it is damaged
   */
  WordTrie(byte[] bytes) {
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    if (bytes.length < HEADER || buffer.getLong(0) != MAGIC) {
      throw damaged();
    }
    long nodes = buffer.getInt(8) & 0xFFFFFFFFL;
    long count = buffer.getInt(12) & 0xFFFFFFFFL;
    if (nodes == 0 || count == 0 || HEADER + 8 * count + 4 * (nodes + 1) + 4 * nodes != bytes.length) {
      throw damaged();
    }
    scores = new double[(int) count];
    firsts = new int[(int) nodes + 1];
    labels = new char[(int) nodes];
    values = new char[(int) nodes];
    buffer.position(HEADER);
    buffer.asDoubleBuffer().get(scores);
    buffer.position(HEADER + 8 * scores.length);
    buffer.asIntBuffer().get(firsts);
    buffer.position(buffer.position() + 4 * firsts.length);
    buffer.asCharBuffer().get(labels);
    buffer.position(buffer.position() + 2 * labels.length);
    buffer.asCharBuffer().get(values);
    for (double score : scores) {
      if (!(score <= 0) || Double.isInfinite(score)) {
        throw damaged();
      }
    }
    if (firsts[0] != 1 || firsts[firsts.length - 1] != labels.length || firsts[1] > labels.length || firsts[1] < 1) {
      throw damaged();
    }
    for (int node = firsts[0]; node < firsts[1]; node++) {
      heads[labels[node]] = node;
    }
  }

  static BundleException damaged() {
    return new BundleException("the word dictionary of the bundle is damaged; fetch the bundle again");
  }

  /** Finds the node of words that begin with a character, or 0. */
  int head(int code) {
    return code < heads.length ? heads[code] : 0;
  }

  /** Finds the child of a node by its label, or 0. */
  int child(int node, int code) {
    int low = firsts[node];
    int high = firsts[node + 1] - 1;
    while (low <= high) {
      int middle = low + high >>> 1;
      int label = labels[middle];
      if (label == code) {
        return middle;
      }
      if (label < code) {
        low = middle + 1;
      } else {
        high = middle - 1;
      }
    }
    return 0;
  }
}
