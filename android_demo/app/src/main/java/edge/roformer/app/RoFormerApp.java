package edge.roformer.app;

import android.app.Application;
import android.content.Context;
import android.system.ErrnoException;
import android.system.Os;

/** Switches the engine's telemetry off before anything else of the app runs. */
public final class RoFormerApp extends Application {
  @Override
  protected void attachBaseContext(Context base) {
    try {
      Os.setenv("ORT_DISABLE_TELEMETRY", "1", true);
    } catch (ErrnoException error) {
      throw new IllegalStateException("the environment cannot be changed", error);
    }
    super.attachBaseContext(base);
  }
}
