package edge.roformer.bundle;

import edge.roformer.BundleException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.Map;

/**
 * Finds out whether a model file has parts in other files, which an engine would open wherever their paths lead.
 *
 * <p>Only the few fields that lead to tensors are looked at; weights are stepped over.
 */
public final class OutsideData {
  // message of ONNX -> number of a field and the message in it: every way that leads to a tensor
  private static final Map<String, Object[]> MESSAGES = new HashMap<>();

  static {
    MESSAGES.put("model", new Object[] {7, "graph", 20, "training", 25, "function"});
    MESSAGES.put("training", new Object[] {1, "graph", 2, "graph"});
    MESSAGES.put("graph", new Object[] {1, "node", 5, "tensor", 15, "sparse"});
    MESSAGES.put("function", new Object[] {7, "node", 11, "attribute"});
    MESSAGES.put("node", new Object[] {5, "attribute"});
    MESSAGES.put("attribute",
        new Object[] {5, "tensor", 6, "graph", 10, "tensor", 11, "graph", 22, "sparse", 23, "sparse"});
    MESSAGES.put("sparse", new Object[] {1, "tensor", 2, "tensor"});
    MESSAGES.put("tensor", new Object[0]);
  }

  private static final int EXTERNAL_DATA = 13;
  private static final int DATA_LOCATION = 14;
  private static final int DEEPEST = 100;
  private static final int WIDEST_VARINT = 63;
  // of the fields of a TFLite model's table; external_buffer_groups come behind them
  private static final int FIELDS_OF_TFLITE = 8;

  private final ByteBuffer bytes;
  private int at;

  private OutsideData(ByteBuffer bytes) {
    this.bytes = bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * Refuses a model that has parts in other files.
   *
   * @param format onnx or tflite
   * @param model the bytes of the file
   * @throws BundleException it has, or it is no such model
   */
  public static void refuse(String format, ByteBuffer model) {
    try {
      OutsideData look = new OutsideData(model);
      if (format.equals("onnx")) {
        look.message("model", model.limit(), 0);
      } else {
        look.tflite();
      }
    } catch (IndexOutOfBoundsException error) {
      throw new BundleException("the model file is damaged, or not of the format " + format, error);
    }
  }

  private void message(String kind, long end, int depth) {
    if (depth > DEEPEST || end > bytes.limit()) {
      throw new IndexOutOfBoundsException();
    }
    Object[] inside = MESSAGES.get(kind);
    while (at < end) {
      long tag = varint();
      long field = tag >>> 3;
      int wire = (int) (tag & 7);
      if (field == 0) {
        throw new IndexOutOfBoundsException();
      }
      if (wire == 2) {
        long length = varint();
        if (length < 0 || length > bytes.limit() - at) {
          throw new IndexOutOfBoundsException();
        }
        int next = at + (int) length;
        if (kind.equals("tensor") && field == EXTERNAL_DATA) {
          throw outside("a tensor's data");
        }
        for (int place = 0; place < inside.length; place += 2) {
          if ((Integer) inside[place] == field) {
            message((String) inside[place + 1], next, depth + 1);
          }
        }
        at = next;
      } else if (wire == 0) {
        if (varint() != 0 && kind.equals("tensor") && field == DATA_LOCATION) {
          throw outside("a tensor's data");
        }
      } else if (wire == 1 || wire == 5) {
        at += wire == 1 ? 8 : 4;
      } else {
        throw new IndexOutOfBoundsException();
      }
    }
    if (at != end) {
      throw new IndexOutOfBoundsException();
    }
  }

  private long varint() {
    long value = 0;
    int shift = 0;
    while (true) {
      byte each = bytes.get(at++);
      value |= (long) (each & 0x7F) << shift;
      if (each >= 0) {
        return value;
      }
      shift += 7;
      if (shift > WIDEST_VARINT) {
        throw new IndexOutOfBoundsException();
      }
    }
  }

  private void tflite() {
    int table = bytes.getInt(0);
    // the way from a table to the list of its fields is signed, and the list comes before or after
    int fields = table - bytes.getInt(table);
    int end = fields + (bytes.getShort(fields) & 0xFFFF);
    for (int place = fields + 4 + 2 * FIELDS_OF_TFLITE; place < end; place += 2) {
      if (bytes.getShort(place) != 0) {
        throw outside("buffers");
      }
    }
  }

  private static BundleException outside(String what) {
    return new BundleException("the model file says that " + what + " lie in another file, and a bundle reads nothing "
        + "that its manifest does not list: make the model anew with everything in it");
  }
}
