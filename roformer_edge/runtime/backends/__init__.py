"""Inference engines behind the ``Session`` protocol, one module an engine; rows of ``formats.FORMATS`` name them."""
