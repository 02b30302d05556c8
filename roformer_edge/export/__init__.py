"""From canonical arrays to the graphs that engines run. Importing it needs the ``export`` extra."""

from roformer_edge._extras import require

require("onnx", "to export a model")
