from __future__ import annotations

import json

import numpy as np
import pytest

from roformer_edge.checkpoint.loading import load_architecture, load_checkpoint
from roformer_edge.checkpoint.names import ROTARY_TABLE
from roformer_edge.checkpoint.rotary_table import rotary_table
from roformer_edge.errors import CheckpointError
from tests.checkpoint.edited import TASK, WORDS, assert_refused, rename


def test_more_layers_than_weights_are_refused_at_once(checkpoint_directory):
    directory = checkpoint_directory(lambda arrays: None)
    config = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 10**9}))
    assert_refused(directory, r"asks for 1000000000 layers")


def test_missing_tensors_are_counted_and_named(checkpoint_directory):
    def remove(arrays):
        for name in [name for name in arrays if ".layer.1." in name]:
            del arrays[name]

    assert_refused(checkpoint_directory(remove), r"16 missing: roformer\.encoder\.layer\.1\.attention.* and 13 more;")


def test_weights_of_another_model_are_named(checkpoint_directory):
    def spoil(arrays):
        rename(arrays, lambda name: name.replace("roformer.", "bert."))

    assert_refused(
        checkpoint_directory(spoil),
        r"missing: roformer\.embeddings\.word_embeddings.*unexpected: bert\.embeddings",
    )


def test_everything_wrong_is_in_one_message(checkpoint_directory):
    def spoil(arrays):
        del arrays["classifier.dense.bias"]
        arrays["roformer.encoder.layer.2.output.dense.bias"] = np.zeros(16, np.float32)
        arrays[WORDS] = arrays[WORDS][:-1]

    assert_refused(
        checkpoint_directory(spoil),
        r"1 missing: classifier\.dense\.bias; 1 unexpected: roformer\.encoder\.layer\.2\.output\.dense\.bias; "
        r"1 of another shape: .*word_embeddings\.weight is \[39, 12\], expected \[40, 12\]",
    )


def test_a_checkpoint_of_another_task(checkpoint_directory):
    directory = checkpoint_directory(architecture="RoFormerForMaskedLM")
    assert_refused(directory, "has no head for RoFormerForSequenceClassification.*RoFormerForCausalLM or RoFormer")


def test_a_bare_encoder(checkpoint_directory):
    assert_refused(checkpoint_directory(architecture="RoFormerModel"), "it is a bare encoder")
    assert_refused(
        checkpoint_directory(
            lambda arrays: arrays.update({"fc.weight": arrays["roformer.embeddings.LayerNorm.weight"]}), "RoFormerModel"
        ),
        "beside the encoder it holds fc.weight",
    )


def test_the_head_may_miss_when_it_is_to_be_trained(checkpoint_directory):
    directory = checkpoint_directory(architecture="RoFormerModel")
    arrays = load_architecture(directory, TASK.model_class, head="may_be_new").arrays
    assert WORDS in arrays
    assert "classifier.dense.weight" not in arrays


def test_half_a_head_is_an_error_even_then(checkpoint_directory):
    directory = checkpoint_directory(lambda arrays: arrays.pop("classifier.dense.bias"))
    with pytest.raises(CheckpointError, match=r"classifier\.dense\.bias missing"):
        load_architecture(directory, TASK.model_class, head="may_be_new")


def test_another_position_embedding(checkpoint_directory):
    def learned(arrays):
        arrays[ROTARY_TABLE] = np.zeros((32, 8), np.float32)

    assert_refused(checkpoint_directory(learned), "not the sinusoidal table")


def test_a_rotary_table_of_another_width_is_refused_in_any_case(checkpoint_directory):
    def narrower(arrays):
        arrays[ROTARY_TABLE] = rotary_table(32, 4)

    with pytest.raises(CheckpointError, match=r"rotary table is \[32, 4\], expected \[50, 8\]"):
        load_checkpoint(checkpoint_directory(narrower), TASK, max_length=50)


def test_an_untied_decoder_is_required(checkpoint_directory, tiny_config):
    directory = checkpoint_directory(architecture="RoFormerForMaskedLM")
    tiny_config.replace(tie_word_embeddings=False).save_pretrained(directory)
    with pytest.raises(CheckpointError, match=r"cls\.predictions\.decoder\.weight missing"):
        load_architecture(directory, "RoFormerForMaskedLM")


def test_a_lost_bias_of_the_projection(checkpoint_directory):
    directory = checkpoint_directory(lambda arrays: arrays.pop("roformer.embeddings_project.bias"))
    assert_refused(directory, r"1 missing: roformer\.embeddings_project\.bias;")
