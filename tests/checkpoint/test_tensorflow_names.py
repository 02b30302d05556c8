"""Paths as TensorFlow 1, Keras and Flax write them, and whether the array is transposed."""

from __future__ import annotations

import numpy as np
import pytest

from roformer_edge.checkpoint.loading import load_checkpoint
from roformer_edge.checkpoint.tensorflow_names import torch_name
from roformer_edge.tasks import TASKS


@pytest.mark.parametrize(
    ("path", "name", "transposed"),
    [
        (
            "roformer/tf_ro_former_for_masked_lm_1/roformer/encoder/layer_._10/attention/self/key/kernel:0",
            "roformer.encoder.layer.10.attention.self.key.weight",
            True,
        ),
        ("roformer/embeddings/word_embeddings/weight:0", "roformer.embeddings.word_embeddings.weight", False),
        (
            "mlm___cls/predictions/transform/LayerNorm/gamma:0",
            "cls.predictions.transform.LayerNorm.weight",
            False,
        ),
        (
            "classifier/tf_ro_former_for_multiple_choice/classifier/kernel:0",
            "classifier.weight",
            True,
        ),
        ("bert/embeddings/word_embeddings", "roformer.embeddings.word_embeddings.weight", False),
        (
            "bert/encoder/layer_3/intermediate/dense/bias",
            "roformer.encoder.layer.3.intermediate.dense.bias",
            False,
        ),
        ("bert/encoder/embedding_hidden_mapping_in/kernel", "roformer.embeddings_project.weight", True),
        ("cls/predictions/output_bias", "cls.predictions.bias", False),
        (
            "roformer/encoder/layer/0/output/LayerNorm/scale",
            "roformer.encoder.layer.0.output.LayerNorm.weight",
            False,
        ),
        ("roformer.encoder.layer.0.output.dense.kernel", "roformer.encoder.layer.0.output.dense.weight", True),
    ],
)
def test_a_path(path, name, transposed):
    assert torch_name(path) == (name, transposed)


def test_safetensors_of_tensorflow(checkpoint_directory, tiny_config, random_arrays):
    def as_tensorflow(arrays):
        for name in list(arrays):
            array = arrays.pop(name)
            path = name.replace(".", "/").replace("layer/", "layer_._").replace("LayerNorm/weight", "LayerNorm/gamma")
            if path.endswith("/weight") and "embeddings/" not in path.replace("_embeddings", ""):
                path, array = path.removesuffix("weight") + "kernel", array.T
            elif path.endswith("/weight"):
                path = path if "word" in path else path.removesuffix("weight") + "embeddings"
            arrays[path + ":0"] = array

    checkpoint = load_checkpoint(checkpoint_directory(as_tensorflow), TASKS["text-classification"])
    for name, array in random_arrays(tiny_config).items():
        assert np.array_equal(checkpoint.arrays[name], array), name
