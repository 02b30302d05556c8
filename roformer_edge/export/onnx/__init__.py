"""The network in ONNX. Importing it needs the ``export`` extra."""

from roformer_edge._extras import require

require("onnx", "to export a model")
