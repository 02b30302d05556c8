"""Checkpoints of TensorFlow 1; whole models of it are answered for in tests/parity/test_tf_roformer.py."""

from __future__ import annotations

KERNEL = [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]


def test_variables_are_read_under_their_canonical_names(tensorflow_report):
    assert tensorflow_report["TensorFlow 1"]["arrays"] == {
        "roformer.encoder.layer.0.attention.self.key.weight": [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]],
        "roformer.embeddings.word_embeddings.weight": KERNEL,
        "roformer.embeddings.LayerNorm.weight": KERNEL[0],
    }


def test_a_file_that_was_cut(tensorflow_report):
    assert "bert_model.ckpt.index is truncated or not what its name says" in tensorflow_report["TensorFlow 1"]["cut"]


def test_objects_of_tensorflow_2_are_refused_with_what_converts_them(tensorflow_report):
    found = tensorflow_report["objects"]
    assert "best_model.weights.index is a checkpoint of objects of TensorFlow 2, which names no layers" in found
    assert "load it into the model that wrote it and save that" in found
