"""Inference engines behind the ``Session`` protocol, one module an engine; ``loading.BACKENDS`` is their table."""
