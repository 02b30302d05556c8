"""RoFormer in Keras 3 on TensorFlow."""
