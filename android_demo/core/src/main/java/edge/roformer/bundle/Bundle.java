package edge.roformer.bundle;

import edge.roformer.BundleException;
import edge.roformer.RoFormerException;
import java.io.Closeable;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/**
 * An open bundle: limits first, then sizes, then digests, and only then is anything parsed.
 *
 * <p>A file is compared with its digest on the very bytes that are returned. Files that the manifest does not list are
 * never read.
 */
public final class Bundle implements Closeable {
  private static final int PIECE = 1 << 16;

  private final Storage storage;
  private final Manifest manifest;
  private final String digest;

  /**
   * Opens a bundle and checks its listing.
   *
   * @param storage where it lies; closed with the bundle
   * @throws BundleException it is none, or damaged, or of another schema
   */
  public Bundle(Storage storage) {
    this.storage = storage;
    try {
      long size = storage.size(Manifest.NAME);
      if (size > Manifest.MOST_BYTES) {
        throw new BundleException(Manifest.NAME + " is of " + size + " bytes; " + Manifest.MOST_BYTES + " are allowed");
      }
      MessageDigest state = sha256();
      ByteBuffer content = ByteBuffer.allocate((int) size);
      read(Manifest.NAME, size, content, state);
      digest = hex(state.digest());
      manifest = Manifest.parse(content.array());
      for (FileEntry entry : manifest.files()) {
        long found = storage.size(entry.path());
        if (found != entry.bytes()) {
          throw new BundleException(entry.path() + " in " + storage.name() + " is of " + found + " bytes, and "
              + Manifest.NAME + " lists " + entry.bytes() + ": it was altered or cut short; fetch the bundle again");
        }
      }
    } catch (IOException error) {
      closeQuietly();
      throw cannotRead(error);
    } catch (RoFormerException error) {
      closeQuietly();
      throw error;
    }
  }

  /**
   * Opens the directory, {@code .rfe} archive or TFLite file with an archive behind it at a path.
   *
   * @param path where it lies
   * @return the open bundle
   * @throws BundleException nothing is there, or it is no bundle
   */
  public static Bundle open(File path) {
    try {
      if (path.isDirectory()) {
        return new Bundle(new DirectoryStorage(path.toPath()));
      }
      if (path.isFile()) {
        return new Bundle(new ArchiveStorage(path.toPath()));
      }
    } catch (IOException error) {
      throw new BundleException("cannot read " + path + ": " + RoFormerException.shown(error.getMessage()), error);
    }
    throw new BundleException("no bundle at " + path + ": give a directory with a " + Manifest.NAME
        + " in it, or a .rfe or .tflite file");
  }

  /**
   * Returns what the bundle says of itself.
   *
   * @return the manifest
   */
  public Manifest manifest() {
    return manifest;
  }

  /**
   * Returns the SHA-256 of the manifest as stored, which stands for every file.
   *
   * @return 64 hexadecimal digits
   */
  public String digest() {
    return digest;
  }

  /**
   * Tells where the bundle lies.
   *
   * @return a name for messages
   */
  public String name() {
    return storage.name();
  }

  /**
   * Finds a file that is needed.
   *
   * @param role its role
   * @return the file
   * @throws BundleException there is none
   */
  public FileEntry entry(String role) {
    FileEntry entry = manifest.find(role);
    if (entry == null) {
      throw new BundleException(storage.name() + " has no file with the role '" + role + "', which is needed here");
    }
    return entry;
  }

  /**
   * Reads a file.
   *
   * @param role its role
   * @return its content, verified
   * @throws BundleException there is none, or it is not the one that is listed
   */
  public byte[] bytes(String role) {
    return read(entry(role), ByteBuffer.allocate((int) entry(role).bytes())).array();
  }

  /**
   * Reads a file into memory outside of the heap, as engines take models.
   *
   * @param role its role
   * @return its content, verified; little-endian
   * @throws BundleException there is none, or it is not the one that is listed
   */
  public ByteBuffer buffer(String role) {
    return read(entry(role), ByteBuffer.allocateDirect((int) entry(role).bytes()));
  }

  /**
   * Compares every file with its digest.
   *
   * @throws BundleException one differs
   */
  public void verify() {
    for (FileEntry entry : manifest.files()) {
      read(entry, ByteBuffer.allocate((int) entry.bytes()));
    }
  }

  @Override
  public void close() {
    closeQuietly();
  }

  private ByteBuffer read(FileEntry entry, ByteBuffer into) {
    MessageDigest state = sha256();
    try {
      read(entry.path(), entry.bytes(), into, state);
    } catch (IOException error) {
      throw cannotRead(error);
    }
    String found = hex(state.digest());
    if (!found.equals(entry.sha256())) {
      throw new BundleException(entry.path() + " in " + storage.name() + " has another SHA-256 than " + Manifest.NAME
          + " lists (" + found.substring(0, 12) + "..., not " + entry.sha256().substring(0, 12)
          + "...): it was altered; fetch the bundle again");
    }
    return into;
  }

  private void read(String path, long size, ByteBuffer into, MessageDigest state) throws IOException {
    byte[] piece = new byte[PIECE];
    try (InputStream stream = storage.open(path)) {
      int count;
      while ((count = stream.read(piece)) >= 0) {
        if (count > into.remaining()) {
          throw new BundleException(path + " in " + storage.name() + " is longer than the " + size + " bytes listed");
        }
        state.update(piece, 0, count);
        into.put(piece, 0, count);
      }
    }
    if (into.hasRemaining()) {
      throw new BundleException(path + " in " + storage.name() + " is shorter than the " + size + " bytes listed");
    }
    into.rewind();
    into.order(ByteOrder.LITTLE_ENDIAN);
  }

  private BundleException cannotRead(IOException error) {
    return new BundleException("cannot read " + storage.name() + ": " + RoFormerException.shown(error.getMessage()),
        error);
  }

  private void closeQuietly() {
    try {
      storage.close();
    } catch (IOException error) {
      // all that was to be read has been read
    }
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException error) {
      throw new IllegalStateException("every platform has SHA-256", error);
    }
  }

  private static String hex(byte[] bytes) {
    StringBuilder digits = new StringBuilder();
    for (byte each : bytes) {
      digits.append(Character.forDigit(each >> 4 & 0xF, 16)).append(Character.forDigit(each & 0xF, 16));
    }
    return digits.toString();
  }
}
