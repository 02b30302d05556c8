"""The reference models: the same classes in PyTorch, Keras 3 and Flax. Each framework waits for its own package."""
