package org.tensorflow.lite;

/** Signatures of TensorFlow Lite 2.16's class, to compile against where the library cannot be had; never run. */
public final class TensorFlowLite {
  private TensorFlowLite() {}

  /** As in the library. */
  public static native String runtimeVersion();
}
