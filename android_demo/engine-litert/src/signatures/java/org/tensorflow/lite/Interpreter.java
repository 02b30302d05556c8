package org.tensorflow.lite;

import java.nio.ByteBuffer;
import java.util.Map;

/** Signatures of TensorFlow Lite 2.16's class, to compile against where the library cannot be had; never run. */
public final class Interpreter implements AutoCloseable {
  /** As in the library. */
  public Interpreter(ByteBuffer model, Options options) {
    throw new UnsupportedOperationException("signatures only");
  }

  /** As in the library. */
  public native String[] getSignatureKeys();

  /** As in the library. */
  public native String[] getSignatureInputs(String key);

  /** As in the library. */
  public native String[] getSignatureOutputs(String key);

  /** As in the library. */
  public native Tensor getInputTensorFromSignature(String input, String key);

  /** As in the library. */
  public native Tensor getOutputTensorFromSignature(String output, String key);

  /** As in the library. */
  public native void runSignature(Map<String, Object> inputs, Map<String, Object> outputs, String key);

  /** As in the library. */
  @Override
  public native void close();

  /** As in the library. */
  public static class Options {
    /** As in the library. */
    public native Options setNumThreads(int threads);
  }
}
