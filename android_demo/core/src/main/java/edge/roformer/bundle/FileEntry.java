package edge.roformer.bundle;

/** One file of a bundle, as the manifest lists it. */
public final class FileEntry {
  private final String path;
  private final String role;
  private final long bytes;
  private final String sha256;

  FileEntry(String path, String role, long bytes, String sha256) {
    this.path = path;
    this.role = role;
    this.bytes = bytes;
    this.sha256 = sha256;
  }

  /**
   * Returns the path.
   *
   * @return relative, with forward slashes
   */
  public String path() {
    return path;
  }

  /**
   * Returns what the file is for.
   *
   * @return a role of docs/bundle.md
   */
  public String role() {
    return role;
  }

  /**
   * Returns the size.
   *
   * @return bytes
   */
  public long bytes() {
    return bytes;
  }

  /**
   * Returns the digest.
   *
   * @return SHA-256 as 64 lower-case hexadecimal digits
   */
  public String sha256() {
    return sha256;
  }
}
