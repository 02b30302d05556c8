"""RoFormer in Flax."""
