package edge.roformer.bundle;

import edge.roformer.BundleException;
import edge.roformer.RoFormerException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.zip.Inflater;
import java.util.zip.InflaterInputStream;

/**
 * A zip archive, whose table of contents is checked as a whole before any entry is read.
 *
 * <p>A TFLite model may stand in front of it, in the same file: it is a file of the bundle, though not an entry.
 */
final class ArchiveStorage implements Storage {
  private static final String MODEL = "model.tflite";
  private static final int END_BYTES = 22;
  private static final int LOCATOR_BYTES = 20;
  private static final int ENTRY_BYTES = 46;
  private static final int LOCAL_BYTES = 30;
  private static final int END_MARK = 0x06054b50;
  private static final int LOCATOR_MARK = 0x07064b50;
  private static final int ENTRY_MARK = 0x02014b50;
  private static final int LOCAL_MARK = 0x04034b50;
  private static final int MOST_ENTRIES = 2 * Manifest.MOST_FILES;
  private static final int MOST_TABLE_BYTES = 1 << 20;
  private static final long SMALL = 1 << 20;
  private static final long MOST_RATIO = 200;
  private static final int STORED = 0;
  private static final int DEFLATED = 8;
  private static final int TFLITE_MARK = 0x334C4654;

  private final Path path;
  private final FileChannel file;
  private final Map<String, Entry> entries = new HashMap<>();
  private long modelBytes;

  ArchiveStorage(Path path) throws IOException {
    this.path = path;
    this.file = FileChannel.open(path, StandardOpenOption.READ);
    try {
      readTable();
      measureModel();
    } catch (IOException | RuntimeException error) {
      file.close();
      throw error;
    }
  }

  @Override
  public long size(String name) {
    return isModel(name) ? modelBytes : entry(name).size;
  }

  @Override
  public InputStream open(String name) throws IOException {
    if (isModel(name)) {
      return new Slice(0, modelBytes);
    }
    Entry entry = entry(name);
    ByteBuffer local = read(entry.offset, LOCAL_BYTES);
    if (local.getInt(0) != LOCAL_MARK) {
      throw broken("the entry " + name + " is not where the table says");
    }
    long start = entry.offset + LOCAL_BYTES + (local.getShort(26) & 0xFFFF) + (local.getShort(28) & 0xFFFF);
    InputStream packed = new Slice(start, entry.packed);
    return entry.method == STORED ? packed : new Inflating(packed);
  }

  @Override
  public String name() {
    return path.toString();
  }

  @Override
  public void close() throws IOException {
    file.close();
  }

  private boolean isModel(String name) {
    return modelBytes > 0 && name.equals(MODEL);
  }

  private Entry entry(String name) {
    Entry found = entries.get(name);
    if (found == null) {
      throw new BundleException(name + " is missing from " + path);
    }
    return found;
  }

  private void readTable() throws IOException {
    long length = file.size();
    if (length < END_BYTES) {
      throw broken("it is neither a directory nor a zip archive");
    }
    ByteBuffer end = read(length - END_BYTES, END_BYTES);
    if (end.getInt(0) != END_MARK) {
      throw broken("it is neither a directory nor a zip archive that ends where it should");
    }
    int count = end.getShort(10) & 0xFFFF;
    long bytes = end.getInt(12) & 0xFFFFFFFFL;
    long start = end.getInt(16) & 0xFFFFFFFFL;
    boolean large = length >= END_BYTES + LOCATOR_BYTES
        && read(length - END_BYTES - LOCATOR_BYTES, LOCATOR_BYTES).getInt(0) == LOCATOR_MARK;
    if (count > MOST_ENTRIES || bytes > MOST_TABLE_BYTES || large) {
      throw broken("its table of contents is too large for a bundle");
    }
    if (start + bytes != length - END_BYTES || end.getShort(20) != 0) {
      throw broken("its table of contents is not where it should be");
    }
    ByteBuffer table = read(start, (int) bytes);
    Set<String> taken = new HashSet<>();
    for (int number = 0; number < count; number++) {
      readEntry(table, taken, start);
    }
    if (table.hasRemaining()) {
      throw broken("its table of contents holds more than its entries");
    }
  }

  private void readEntry(ByteBuffer table, Set<String> taken, long tableStart) {
    int at = table.position();
    if (table.remaining() < ENTRY_BYTES || table.getInt(at) != ENTRY_MARK) {
      throw broken("its table of contents is damaged");
    }
    int nameBytes = table.getShort(at + 28) & 0xFFFF;
    int more = (table.getShort(at + 30) & 0xFFFF) + (table.getShort(at + 32) & 0xFFFF);
    if (table.remaining() < ENTRY_BYTES + nameBytes + more) {
      throw broken("its table of contents is damaged");
    }
    byte[] spelling = new byte[nameBytes];
    table.position(at + ENTRY_BYTES);
    table.get(spelling);
    table.position(at + ENTRY_BYTES + nameBytes + more);
    String name = new String(spelling, StandardCharsets.ISO_8859_1);
    boolean folder = name.endsWith("/");
    name = Manifest.checkPath(folder ? name.substring(0, name.length() - 1) : name, path + ": the entry");
    if (!taken.add(name.toLowerCase(Locale.ROOT))) {
      throw broken("the entry " + name + " comes twice");
    }
    if (!folder) {
      entries.put(name, new Entry(table, at, name, tableStart));
    }
  }

  private void measureModel() throws IOException {
    long first = Long.MAX_VALUE;
    for (Entry entry : entries.values()) {
      first = Math.min(first, entry.offset);
    }
    if (entries.isEmpty() || first == 0) {
      return;
    }
    if (first < 8 || read(4, 4).getInt(0) != TFLITE_MARK || entries.containsKey(MODEL)) {
      throw broken("it holds " + first + " bytes in front of its archive, which only a TFLite model that is in it "
          + "nowhere else may take");
    }
    modelBytes = first;
  }

  private ByteBuffer read(long start, int length) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
    while (buffer.hasRemaining() && file.read(buffer, start + buffer.position()) >= 0) {
      // until all of it is there
    }
    if (buffer.hasRemaining()) {
      throw broken("it is cut short");
    }
    buffer.rewind();
    return buffer;
  }

  private BundleException broken(String problem) {
    return new BundleException(path + " is not a bundle: " + problem);
  }

  /** One line of the table of contents. */
  private final class Entry {
    private final int method;
    private final long packed;
    private final long size;
    private final long offset;

    Entry(ByteBuffer table, int at, String name, long tableStart) {
      method = table.getShort(at + 10) & 0xFFFF;
      packed = table.getInt(at + 20) & 0xFFFFFFFFL;
      size = table.getInt(at + 24) & 0xFFFFFFFFL;
      offset = table.getInt(at + 42) & 0xFFFFFFFFL;
      int kind = table.getInt(at + 38) >>> 28;
      if (kind != 0 && kind != 8) {
        throw broken("the entry " + name + " is a link or a device, not a file");
      }
      if ((table.getShort(at + 8) & 1) != 0) {
        throw broken("the entry " + name + " is encrypted");
      }
      if (method != STORED && method != DEFLATED) {
        throw broken("the entry " + name + " is compressed by method " + method + "; stored and deflated are read");
      }
      if (size > Math.max(SMALL, MOST_RATIO * packed)) {
        throw broken("the entry " + name + " claims to unpack from " + packed + " to " + size + " bytes");
      }
      if (offset + LOCAL_BYTES + packed > tableStart || (method == STORED && packed != size)) {
        throw broken("the entry " + name + " is not where the table says");
      }
    }
  }

  /** A stretch of the archive. */
  private final class Slice extends InputStream {
    private long at;
    private long left;

    Slice(long start, long length) {
      at = start;
      left = length;
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
    }

    @Override
    public int read(byte[] into, int start, int length) throws IOException {
      if (left == 0) {
        return -1;
      }
      ByteBuffer buffer = ByteBuffer.wrap(into, start, (int) Math.min(length, left));
      int count = file.read(buffer, at);
      if (count < 0) {
        return -1;
      }
      at += count;
      left -= count;
      return count;
    }
  }

  /** Unpacks a stretch of the archive, and says of what cannot be unpacked that it is damage. */
  private final class Inflating extends FilterInputStream {
    private final Inflater inflater;

    Inflating(InputStream packed) {
      this(packed, new Inflater(true));
    }

    private Inflating(InputStream packed, Inflater inflater) {
      super(new InflaterInputStream(packed, inflater));
      this.inflater = inflater;
    }

    @Override
    public int read(byte[] into, int start, int length) throws IOException {
      try {
        return super.read(into, start, length);
      } catch (java.util.zip.ZipException | java.io.EOFException error) {
        throw new BundleException(path + " cannot be unpacked: " + RoFormerException.shown(error.getMessage()), error);
      }
    }

    @Override
    public void close() throws IOException {
      super.close();
      inflater.end();
    }
  }
}
