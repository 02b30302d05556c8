package org.tensorflow.lite;

/** Signatures of TensorFlow Lite 2.16's class, to compile against where the library cannot be had; never run. */
public enum DataType {
  FLOAT32, INT32, UINT8, INT64, STRING, BOOL, INT16, INT8
}
