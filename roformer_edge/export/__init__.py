"""From canonical arrays to the models that engines run: one network, and an emitter for each format."""
