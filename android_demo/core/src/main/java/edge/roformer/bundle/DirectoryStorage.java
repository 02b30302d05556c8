package edge.roformer.bundle;

import edge.roformer.BundleException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** A directory. Links are refused, as files and as folders on the way, so that nothing outside is ever read. */
final class DirectoryStorage implements Storage {
  private final Path root;

  DirectoryStorage(Path root) {
    this.root = root;
  }

  @Override
  public long size(String path) throws IOException {
    return Files.size(plainFile(path));
  }

  @Override
  public InputStream open(String path) throws IOException {
    return Files.newInputStream(plainFile(path), StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);
  }

  @Override
  public String name() {
    return root.toString();
  }

  @Override
  public void close() {
    // nothing is kept open
  }

  private Path plainFile(String path) {
    Path place = root;
    for (String part : path.split("/")) {
      place = place.resolve(part);
      if (Files.isSymbolicLink(place)) {
        throw new BundleException(path + " in " + root + " goes through a link, which may lead anywhere");
      }
    }
    if (!Files.exists(place, LinkOption.NOFOLLOW_LINKS)) {
      throw new BundleException(path + " is missing from " + root);
    }
    if (!Files.isRegularFile(place, LinkOption.NOFOLLOW_LINKS)) {
      throw new BundleException(path + " in " + root + " is not a file");
    }
    return place;
  }
}
