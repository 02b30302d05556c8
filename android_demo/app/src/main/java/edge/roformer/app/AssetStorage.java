package edge.roformer.app;

import android.content.res.AssetFileDescriptor;
import android.content.res.AssetManager;
import edge.roformer.BundleException;
import edge.roformer.bundle.Storage;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;

/** A bundle in the assets of the app, where its files are stored without compression. */
final class AssetStorage implements Storage {
  private final AssetManager assets;
  private final String folder;

  AssetStorage(AssetManager assets, String folder) {
    this.assets = assets;
    this.folder = folder;
  }

  @Override
  public long size(String path) throws IOException {
    try (AssetFileDescriptor file = assets.openFd(folder + "/" + path)) {
      return file.getLength();
    } catch (FileNotFoundException error) {
      throw missing(path, error);
    }
  }

  @Override
  public InputStream open(String path) throws IOException {
    try {
      return assets.open(folder + "/" + path, AssetManager.ACCESS_STREAMING);
    } catch (FileNotFoundException error) {
      throw missing(path, error);
    }
  }

  @Override
  public String name() {
    return folder;
  }

  @Override
  public void close() {
    // the assets are the app's
  }

  private BundleException missing(String path, IOException error) {
    return new BundleException(path + " is missing from the assets of " + folder + ", or compressed in them", error);
  }
}
