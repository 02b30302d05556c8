"""Makes a TFLite model that writes a file when it runs, and loads it; run where TensorFlow is."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

from roformer_edge.errors import RoFormerEdgeError
from roformer_edge.runtime.backends import litert


class Writer(tf.Module):
    """Writes the file of its name."""

    def __init__(self, target: str) -> None:
        super().__init__()
        self.target = target

    @tf.function(input_signature=[tf.TensorSpec([1, 4], tf.int32, name="input_ids")])
    def __call__(self, input_ids: tf.Tensor) -> dict[str, tf.Tensor]:
        tf.io.write_file(self.target, "ran")
        return {"logits": tf.cast(input_ids, tf.float32)}


def content(target: Path) -> bytes:
    """The model."""
    module = Writer(str(target))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.__call__.get_concrete_function()], module)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
    return bytes(converter.convert())


def main(target: Path) -> None:
    """Show that the engine would run it, and that it is not asked to."""
    model = content(target)
    assert litert.engine()[0] == "tensorflow"
    try:
        litert.LiteRTSession(model)
    except RoFormerEdgeError as error:
        print(error)
    else:
        raise AssertionError("it was loaded")
    assert not target.exists()
    runner = tf.lite.Interpreter(model_content=model).get_signature_runner()
    runner(input_ids=np.ones((1, 4), np.int32))
    assert target.read_text(encoding="utf-8") == "ran"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
