"""The options of transformers' ``from_pretrained``: obeyed, known to change nothing, or refused by name."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
import torch

from roformer_edge import hub
from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import CheckpointError, OptionError, UnknownNameError, UnsupportedModelError
from roformer_edge.models.loading import REFUSED, WITHOUT_EFFECT, as_config
from roformer_edge.models.torch.heads import (
    RoFormerForMaskedLM,
    RoFormerForSequenceClassification,
    RoFormerForTokenClassification,
)

HEAD = ["classifier.dense.bias", "classifier.dense.weight", "classifier.out_proj.bias", "classifier.out_proj.weight"]


def test_a_head_that_is_not_stored_is_new_and_listed(checkpoint_directory):
    directory = checkpoint_directory(architecture="RoFormerModel")
    with pytest.warns(UserWarning, match="new and random") as said:
        model = RoFormerForSequenceClassification.from_pretrained(directory, num_labels=5)
    (message,) = (str(one.message) for one in said)
    assert message == (
        f"RoFormerForSequenceClassification from {directory}: weights that are not stored, or in another shape, are "
        f"new and random: {', '.join(HEAD)}; train the model before you use its answers"
    )
    assert said[0].filename == __file__
    assert model(torch.ones(1, 3, dtype=torch.long)).logits.shape == (1, 5)
    with pytest.raises(CheckpointError, match=r"has no head for RoFormerForSequenceClassification.*new_head=True"):
        RoFormerForSequenceClassification.from_pretrained(directory, new_head=False)


def test_an_encoder_without_a_part_stays_an_error(checkpoint_directory):
    directory = checkpoint_directory(lambda arrays: arrays.pop("roformer.encoder.layer.1.output.dense.bias"))
    for options in ({}, {"new_head": True}, {"ignore_mismatched_sizes": True}):
        with pytest.raises(CheckpointError, match=r"1 missing: roformer\.encoder\.layer\.1\.output\.dense\.bias"):
            RoFormerForSequenceClassification.from_pretrained(directory, **options)


@pytest.mark.filterwarnings("ignore:.* of other heads not used")
def test_sizes_that_do_not_match(checkpoint_directory, random_arrays, tiny_config):
    """Only what has another shape is new; without the option it is an error."""
    directory = checkpoint_directory()
    with pytest.raises(CheckpointError, match=r"classifier\.out_proj\.weight is \[3, 16\].*ignore_mismatched_sizes"):
        RoFormerForSequenceClassification.from_pretrained(directory, num_labels=7)
    new = "new and random: classifier.out_proj.bias, classifier.out_proj.weight;"
    with pytest.warns(UserWarning, match=new):
        model = RoFormerForSequenceClassification.from_pretrained(directory, num_labels=7, ignore_mismatched_sizes=True)
    assert model.classifier.out_proj.weight.shape == (7, 16)
    assert np.array_equal(model.classifier.dense.weight.detach(), random_arrays(tiny_config)[HEAD[1]])
    wrong = checkpoint_directory(config=tiny_config)
    tiny_config.replace(vocab_size=50).save_pretrained(wrong)
    with pytest.raises(CheckpointError, match="word_embeddings"):
        RoFormerForSequenceClassification.from_pretrained(wrong, ignore_mismatched_sizes=True)


def test_labels_of_a_head_that_the_config_does_not_name(checkpoint_directory):
    directory = checkpoint_directory(architecture="RoFormerForTokenClassification")
    values = json.loads((directory / "config.json").read_text())
    for key in ("id2label", "label2id"):
        del values[key]
    (directory / "config.json").write_text(json.dumps(values))
    with pytest.warns(UserWarning, match="config.json names no labels, and the head has 3"):
        model = RoFormerForTokenClassification.from_pretrained(directory)
    assert model.config.num_labels == 3


@pytest.mark.filterwarnings("ignore:.*new and random", "ignore:.* of other heads not used")
def test_what_was_loaded(checkpoint_directory):
    directory = checkpoint_directory(architecture="RoFormerForMaskedLM")
    model, found = RoFormerForSequenceClassification.from_pretrained(directory, output_loading_info=True)
    assert isinstance(model, RoFormerForSequenceClassification)
    assert found["missing_keys"] == HEAD
    assert found["mismatched_keys"] == found["error_msgs"] == []
    assert "cls.predictions.bias" in found["unexpected_keys"]
    _, found = RoFormerForMaskedLM.from_pretrained(directory, output_loading_info=True)
    assert not any(found.values())
    directory = checkpoint_directory()
    _, found = RoFormerForSequenceClassification.from_pretrained(
        directory, num_labels=7, ignore_mismatched_sizes=True, output_loading_info=True
    )
    assert (found["missing_keys"], found["mismatched_keys"]) == ([], HEAD[2:])


class TestTypesAndDevices:
    @pytest.mark.parametrize("name", ["dtype", "torch_dtype"])
    @pytest.mark.parametrize("dtype", [torch.bfloat16, "bfloat16"])
    def test_a_type(self, checkpoint_directory, name, dtype):
        model = RoFormerForSequenceClassification.from_pretrained(checkpoint_directory(), **{name: dtype})
        assert {one.dtype for one in model.parameters()} == {torch.bfloat16}
        assert model.dtype == torch.bfloat16
        assert model(torch.ones(1, 3, dtype=torch.long)).logits.isfinite().all()

    def test_auto_is_what_the_config_says_or_the_weights_are_stored_in(self, checkpoint_directory, tiny_config):
        kind = RoFormerForSequenceClassification
        directory = checkpoint_directory(config=tiny_config.replace(dtype="float16"))
        assert kind.from_pretrained(directory, dtype="auto").dtype == torch.float16
        assert kind.from_pretrained(directory).dtype == torch.float32
        checkpoint_directory()
        assert kind.from_pretrained(directory, dtype="auto").dtype == torch.float32
        state = {name: tensor.bfloat16() for name, tensor in kind.from_pretrained(directory).state_dict().items()}
        (directory / "model.safetensors").unlink()
        torch.save(state, directory / "pytorch_model.bin")
        assert kind.from_pretrained(directory, dtype="auto").dtype == torch.bfloat16

    @pytest.mark.parametrize("device_map", ["auto", "cpu", {"": "cpu"}, torch.device("cpu"), None])
    def test_one_device(self, checkpoint_directory, device_map):
        model = RoFormerForSequenceClassification.from_pretrained(checkpoint_directory(), device_map=device_map)
        assert model.device.type == ("cuda" if device_map == "auto" and torch.cuda.is_available() else "cpu")

    def test_several_devices_are_refused(self, checkpoint_directory):
        with pytest.raises(UnsupportedModelError, match="a device_map of several parts is not followed"):
            RoFormerForSequenceClassification.from_pretrained(
                checkpoint_directory(), device_map={"roformer": "cpu", "classifier": "cpu"}
            )


def test_options_that_change_nothing(checkpoint_directory):
    directory = checkpoint_directory()
    kind = RoFormerForSequenceClassification
    asked = dict.fromkeys((*WITHOUT_EFFECT, *hub.WITHOUT_EFFECT), True)
    for attention in ("eager", "sdpa"):
        model = kind.from_pretrained(directory, **asked, attn_implementation=attention, revision="main")
        assert torch.equal(model.classifier.dense.weight, kind.from_pretrained(directory).classifier.dense.weight)
    with pytest.raises(OptionError, match="attn_implementation must be 'eager' or 'sdpa'"):
        kind.from_pretrained(directory, attn_implementation="flash_attention_2")


@pytest.mark.parametrize("name", REFUSED)
def test_options_that_are_refused(checkpoint_directory, name):
    directory = checkpoint_directory()
    with pytest.raises(UnsupportedModelError, match=f"from_pretrained does not take {name}: ."):
        RoFormerForSequenceClassification.from_pretrained(directory, **{name: {"a": 1}})
    RoFormerForSequenceClassification.from_pretrained(directory, **{name: None})
    with pytest.raises(UnknownNameError, match="unknown config field 'quantisation'"):
        RoFormerForSequenceClassification.from_pretrained(directory, quantisation=None)


def test_a_subfolder(checkpoint_directory):
    directory = checkpoint_directory()
    kind = RoFormerForSequenceClassification
    assert kind.from_pretrained(directory.parent, subfolder=directory.name).config.num_labels == 3
    with pytest.raises(OptionError, match="subfolder must be left out for a name"):
        kind.from_pretrained("owner/none", subfolder="a")


def test_configs_of_other_kinds(tmp_path, tiny_config):
    class Theirs:
        def to_dict(self):
            return {**tiny_config.to_dict(), "transformers_version": "4.57.6"}

    tiny_config.save_pretrained(tmp_path)
    for given in (tiny_config, str(tmp_path), tmp_path, tiny_config.to_dict()):
        assert as_config(given) == tiny_config
    assert as_config(Theirs()).replace(extra={}) == tiny_config
    assert as_config(None) is None
    assert isinstance(as_config({}), RoFormerConfig)


def test_nothing_is_said_of_a_whole_model(checkpoint_directory):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        RoFormerForSequenceClassification.from_pretrained(checkpoint_directory())
