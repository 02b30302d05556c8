package org.tensorflow.lite;

import java.nio.ByteBuffer;

/** Signatures of TensorFlow Lite 2.16's interface, to compile against where the library cannot be had; never run. */
public interface Tensor {
  /** As in the library. */
  DataType dataType();

  /** As in the library. */
  int[] shape();

  /** As in the library. */
  int[] shapeSignature();

  /** As in the library. */
  ByteBuffer asReadOnlyBuffer();
}
