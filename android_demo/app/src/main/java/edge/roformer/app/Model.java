package edge.roformer.app;

import android.content.res.AssetManager;
import edge.roformer.bundle.Bundle;
import edge.roformer.engine.Engine;
import edge.roformer.ort.OnnxEngine;
import edge.roformer.tasks.LoadOptions;
import edge.roformer.tasks.Pipeline;

/** A bundle that is loaded, with what the screen says about it. */
final class Model {
  final Pipeline pipeline;
  final String task;
  final String engine;
  final String digest;
  final boolean tested;
  final long milliseconds;

  Model(AssetManager assets, String folder) {
    long start = System.nanoTime();
    Engine running = new OnnxEngine();
    try (Bundle bundle = new Bundle(new AssetStorage(assets, folder))) {
      tested = bundle.manifest().find("selftest") != null;
      LoadOptions options = tested ? LoadOptions.DEFAULT.testing() : LoadOptions.DEFAULT;
      pipeline = Pipeline.load(bundle, running, options);
      task = bundle.manifest().task();
      digest = bundle.digest().substring(0, 12);
    }
    engine = running.name() + " " + running.version();
    milliseconds = (System.nanoTime() - start) / 1_000_000;
  }
}
