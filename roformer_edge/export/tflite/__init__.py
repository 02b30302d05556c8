"""The network as a TFLite flatbuffer. Importing it needs the ``tflite`` extra."""

from roformer_edge._extras import require

require("ai_edge_litert", "to export a model to TFLite")
