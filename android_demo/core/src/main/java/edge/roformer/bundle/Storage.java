package edge.roformer.bundle;

import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;

/** Where the bytes of a bundle come from: files by path, whose content nobody has looked at yet. */
public interface Storage extends Closeable {
  /**
   * Measures a file.
   *
   * @param path a path of the manifest
   * @return its size in bytes
   * @throws edge.roformer.BundleException it is missing, or not a plain file
   * @throws IOException it cannot be read
   */
  long size(String path) throws IOException;

  /**
   * Opens a file.
   *
   * @param path a path of the manifest
   * @return its bytes; the caller closes the stream
   * @throws edge.roformer.BundleException it is missing, or not a plain file
   * @throws IOException it cannot be read
   */
  InputStream open(String path) throws IOException;

  /**
   * Tells what to call the bundle in messages.
   *
   * @return a name or path
   */
  String name();
}
