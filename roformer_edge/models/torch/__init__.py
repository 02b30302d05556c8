"""RoFormer in PyTorch: the reference that exports are compared with."""
