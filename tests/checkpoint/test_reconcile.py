"""Where config.json and the weights disagree, the weights count; where it is silent, they say."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from roformer_edge.checkpoint.loading import load_architecture
from roformer_edge.errors import CheckpointError
from roformer_edge.models.torch.heads import RoFormerForMaskedLM, RoFormerModel

CLASSIFIER = "RoFormerForSequenceClassification"
V2 = {"norm_type": "rms_norm", "use_bias": False}
PLAIN = {"norm_type": "layer_norm", "use_bias": True}


def edit(directory, *removed: str, **changes: object):
    path = directory / "config.json"
    values = {key: value for key, value in json.loads(path.read_text()).items() if key not in removed}
    path.write_text(json.dumps(values | changes))
    return directory


class TestParts:
    @pytest.mark.parametrize("said", [{}, V2, {"norm_type": "rms_norm"}, {"use_bias": False}])
    @pytest.mark.parametrize("stored", [{}, V2, {"norm_type": "rms_norm"}, {"use_bias": False}])
    def test_biases_and_norms_are_those_of_the_file(self, checkpoint_directory, tiny_config, stored, said):
        config = tiny_config.replace(**stored)
        directory = edit(checkpoint_directory(config=config), *V2, **said)
        if stored == {"norm_type": "rms_norm"} and "norm_type" not in said:
            # biases without norms: a file that lacks a part, unless the config knows of norms without weights
            with pytest.raises(CheckpointError, match=r"10 missing: roformer\.embeddings\.LayerNorm\.weight"):
                load_architecture(directory, CLASSIFIER)
            return
        checkpoint = load_architecture(directory, CLASSIFIER)
        assert (checkpoint.config.norm_type, checkpoint.config.use_bias) == (config.norm_type, config.use_bias)
        differing = [key for key in V2 if {**PLAIN, **said}[key] != {**PLAIN, **stored}[key]]
        assert [note.split()[3] for note in checkpoint.notes] == sorted(differing, reverse=True)
        assert all(note.endswith("the weights count") for note in checkpoint.notes)

    def test_a_lost_bias_is_missing(self, checkpoint_directory):
        name = "roformer.encoder.layer.0.attention.self.key.bias"
        with pytest.raises(CheckpointError, match=f"1 missing: {name}"):
            load_architecture(checkpoint_directory(lambda arrays: arrays.pop(name)), CLASSIFIER)

    @pytest.mark.parametrize("stored", [True, False])
    def test_a_projection_without_bias_is_one_with_zeros(self, checkpoint_directory, tiny_config, stored):
        """pip's roformer gives the projection of RoFormerV2 a bias, bert4keras does not."""
        name = "roformer.embeddings_project.bias"
        directory = checkpoint_directory(
            lambda arrays: None if stored else arrays.pop(name), "RoFormerModel", tiny_config.replace(**V2)
        )
        checkpoint = load_architecture(directory, "RoFormerModel")
        assert checkpoint.arrays[name].shape == (16,)
        assert checkpoint.arrays[name].any() == stored
        states = RoFormerModel.from_arrays(checkpoint.config, checkpoint.arrays)(torch.tensor([[1, 2, 3]]))
        assert torch.isfinite(states.last_hidden_state).all()

    def test_without_use_bias_a_model_computes_what_zeros_compute(self, tiny_config):
        """RMS norms with biases, and layer norms without: pip's roformer has all four."""
        torch.manual_seed(0)
        for norm_type in ("layer_norm", "rms_norm"):
            config = tiny_config.replace(norm_type=norm_type, embedding_size=16, initializer_range=0.5)
            with_biases = RoFormerForMaskedLM(config).eval()
            without = RoFormerForMaskedLM(config.replace(use_bias=False)).eval()
            missing = with_biases.load_state_dict(without.state_dict(), strict=False).missing_keys
            assert len(missing) == 12
            assert all(name.endswith(".bias") for name in missing)
            ids = torch.tensor([[5, 7, 9, 2]])
            torch.testing.assert_close(with_biases(ids).logits, without(ids).logits)
            without.roformer.encoder.layer[0].output.dense.weight.data *= 2
            assert not torch.equal(with_biases(ids).logits, without(ids).logits)


class TestLabels:
    def test_a_config_without_labels_has_as_many_as_the_head(self, checkpoint_directory):
        directory = edit(checkpoint_directory(), "id2label", "label2id")
        checkpoint = load_architecture(directory, CLASSIFIER)
        assert checkpoint.config.labels == ("LABEL_0", "LABEL_1", "LABEL_2")
        assert checkpoint.notes == ("config.json names no labels, and the head has 3: LABEL_0 ...",)

    def test_labels_of_label2id_alone_do_not_count(self, checkpoint_directory):
        directory = edit(checkpoint_directory(), "id2label", label2id={"a": 0, "b": 1, "c": 2})
        checkpoint = load_architecture(directory, CLASSIFIER)
        assert checkpoint.config.labels == ("LABEL_0", "LABEL_1", "LABEL_2")
        assert "label2id names other labels than LABEL_0, LABEL_1; without id2label" in checkpoint.notes[0]

    def test_a_longer_list_beside_the_right_number(self, checkpoint_directory):
        names = {str(index): f"name {index}" for index in range(5)}
        directory = edit(checkpoint_directory(), "label2id", id2label=names, num_labels=3)
        checkpoint = load_architecture(directory, CLASSIFIER)
        assert checkpoint.config.labels == ("name 0", "name 1", "name 2")
        assert checkpoint.notes[-1].startswith("id2label names 5 labels, and num_labels and the head have 3")

    def test_a_wrong_number_beside_the_right_list(self, checkpoint_directory):
        checkpoint = load_architecture(edit(checkpoint_directory(), num_labels=7), CLASSIFIER)
        assert checkpoint.config.labels == ("off", "on", "dim")
        assert checkpoint.notes == ("config.json: num_labels is 7, and id2label names 3 labels",)

    @pytest.mark.parametrize("changes", [{"id2label": {"0": "a", "1": "b"}}, {"num_labels": 4, "id2label": None}])
    def test_labels_that_do_not_fit_the_head_are_refused(self, checkpoint_directory, changes):
        with pytest.raises(CheckpointError, match=r"classifier\.out_proj\.weight is \[3, 16\], expected \[\d, 16\]"):
            load_architecture(edit(checkpoint_directory(), "label2id", **changes), CLASSIFIER)

    def test_labels_that_a_call_asks_for_are_not_changed(self, checkpoint_directory):
        directory = edit(checkpoint_directory(), "id2label", "label2id")
        with pytest.raises(CheckpointError, match=r"expected \[5, 16\]"):
            load_architecture(directory, CLASSIFIER, changes={"num_labels": 5})
        checkpoint = load_architecture(directory, CLASSIFIER, changes={"num_labels": 5}, head="may_be_new")
        assert checkpoint.config.num_labels == 5

    def test_other_heads_have_no_labels(self, checkpoint_directory):
        directory = checkpoint_directory(architecture="RoFormerForQuestionAnswering")
        assert load_architecture(directory, "RoFormerForQuestionAnswering").config.num_labels == 3


def test_the_constant_of_the_norms_is_the_configs(checkpoint_directory, tiny_config):
    directory = checkpoint_directory(config=tiny_config.replace(layer_norm_eps=1e-5))
    checkpoint = load_architecture(directory, CLASSIFIER)
    assert checkpoint.config.layer_norm_eps == 1e-5
    assert checkpoint.notes == ()
    assert np.isfinite(checkpoint.arrays["classifier.dense.bias"]).all()
