"""What tools around transformers ask of a torch model."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
from pathlib import Path

import pytest
import torch
from torch import nn

from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import CheckpointError, ConfigError, OptionError, UnsupportedModelError
from roformer_edge.models.torch.heads import (
    RoFormerForMaskedLM,
    RoFormerForSequenceClassification,
    RoFormerModel,
)

IDS = torch.arange(1, 13).view(2, 6)


@pytest.fixture
def language_model(tiny_config) -> RoFormerForMaskedLM:
    torch.manual_seed(3)
    return RoFormerForMaskedLM(tiny_config.replace(initializer_range=0.4)).eval()


@pytest.fixture
def classifier(tiny_config) -> RoFormerForSequenceClassification:
    torch.manual_seed(3)
    return RoFormerForSequenceClassification(tiny_config.replace(initializer_range=0.4)).eval()


def test_what_it_is(classifier, language_model):
    assert classifier.base_model is classifier.roformer
    assert classifier.roformer.base_model is classifier.roformer
    assert (classifier.dtype, classifier.half().dtype) == (torch.float32, torch.float16)
    assert (classifier.main_input_name, classifier.base_model_prefix) == ("input_ids", "roformer")
    assert not classifier.can_generate()
    assert classifier.get_output_embeddings() is None
    assert language_model.get_output_embeddings() is language_model.cls["predictions"].decoder
    with pytest.raises(UnsupportedModelError, match="it is no language model"):
        classifier.set_output_embeddings(nn.Linear(2, 2))
    with pytest.raises(UnsupportedModelError, match=r"huggingface_hub\.upload_folder"):
        classifier.push_to_hub("owner/model")


def test_parameters_are_counted_once(language_model):
    tables = 40 * 12 + 2 * 12
    shared = sum(parameter.numel() for parameter in language_model.parameters())
    assert language_model.num_parameters() == shared
    assert language_model.num_parameters(exclude_embeddings=True) == shared - tables
    language_model.roformer.requires_grad_(False)
    assert 0 < language_model.num_parameters(only_trainable=True) < shared - tables
    assert language_model.get_memory_footprint(return_buffers=False) == 4 * shared
    assert language_model.floating_point_ops({"input_ids": IDS}) == 6 * 12 * (shared - tables)


@pytest.mark.parametrize("tied", [True, False])
def test_more_and_fewer_tokens(tiny_config, tied):
    torch.manual_seed(0)
    model = RoFormerForMaskedLM(tiny_config.replace(tie_word_embeddings=tied, initializer_range=0.4)).eval()
    before = model(IDS).logits
    old = model.get_input_embeddings().weight.detach().clone()
    new = model.resize_token_embeddings(45)
    assert new is model.get_input_embeddings()
    assert (model.config.vocab_size, model.roformer.config.vocab_size) == (45, 45)
    after = model(IDS).logits
    assert after.shape[-1] == 45
    assert torch.equal(after[..., :40], before)
    assert torch.allclose(new.weight[40:], old.mean(0).expand(5, -1))
    assert (model.cls["predictions"].decoder.weight is new.weight) is tied
    assert model(torch.full((1, 2), 44)).logits.isfinite().all()
    assert model.resize_token_embeddings(41, pad_to_multiple_of=16).num_embeddings == 48
    assert torch.equal(model.resize_token_embeddings(20, mean_resizing=False).weight, old[:20])
    assert model.cls["predictions"].bias is model.cls["predictions"].decoder.bias
    assert model.cls["predictions"].bias.shape == (20,)
    assert model.resize_token_embeddings().num_embeddings == 20


def test_a_resized_model_is_saved(language_model, tmp_path):
    language_model.resize_token_embeddings(45)
    language_model.save_pretrained(tmp_path)
    again = RoFormerForMaskedLM.from_pretrained(tmp_path)
    assert torch.equal(again(IDS).logits, language_model(IDS).logits)


def test_other_embeddings(language_model):
    table = nn.Embedding(44, 12)
    language_model.set_input_embeddings(table)
    assert language_model.cls["predictions"].decoder.weight is table.weight
    assert language_model.config.vocab_size == 44


def test_heads_are_cut_out(classifier, tmp_path):
    """As if their weights in the output product were zero; and again, by their first numbers, and in a file."""
    torch.manual_seed(1)
    config = classifier.config.replace(num_attention_heads=4, initializer_range=0.4)
    model = RoFormerForSequenceClassification(config).eval()
    mask = torch.ones(2, 4)
    mask[0, 1] = mask[0, 3] = mask[1, 2] = 0
    with torch.no_grad():
        expected = model(IDS, head_mask=mask).logits
        model.prune_heads({0: [1]})
        model.prune_heads({0: [3], 1: [2]})
        assert torch.allclose(model(IDS).logits, expected, atol=1e-6)
        assert model.config.pruned_heads == {0: (1, 3), 1: (2,)}
        assert model.roformer.encoder.layer[0].attention.self.query.weight.shape == (8, 16)
        model.save_pretrained(tmp_path)
        assert torch.allclose(
            RoFormerForSequenceClassification.from_pretrained(tmp_path)(IDS).logits, expected, atol=1e-6
        )
    with pytest.raises(ConfigError, match="cuts every head out of layer 0"):
        model.prune_heads({0: [0, 2]})
    assert torch.allclose(model(IDS).logits, expected, atol=1e-6)


def test_fields_of_the_config_hold_at_once(classifier):
    labels = torch.tensor([[1.0, 0, 1], [0, 0, 1]])
    classifier.config.problem_type = "multi_label_classification"
    expected = nn.functional.binary_cross_entropy_with_logits(classifier(IDS).logits, labels)
    assert torch.equal(classifier(IDS, labels=labels).loss, expected)
    classifier.config.output_hidden_states = True
    assert len(classifier(IDS).hidden_states) == 3


def test_a_config_that_the_weights_do_not_follow_is_not_saved(classifier, tmp_path):
    classifier.config.num_labels = 5
    with pytest.raises(
        CheckpointError, match=r"classifier\.out_proj\.weight is \[3, 16\], and its config asks for \[5"
    ):
        classifier.save_pretrained(tmp_path)
    assert not list(tmp_path.iterdir())


class TestSaving:
    def test_in_shards(self, classifier, tmp_path):
        classifier.save_pretrained(tmp_path, max_shard_size="4KB")
        index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
        files = sorted(set(index["weight_map"].values()))
        assert len(files) > 2
        assert all((tmp_path / file).stat().st_size < 4000 + 2000 for file in files)
        assert not (tmp_path / "model.safetensors").exists()
        again = RoFormerForSequenceClassification.from_pretrained(tmp_path)
        assert torch.equal(again(IDS).logits, classifier(IDS).logits)
        classifier.save_pretrained(tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "model.safetensors"]

    def test_a_size_that_is_none(self, classifier, tmp_path):
        for size in ("many", "0GB", 0):
            with pytest.raises(OptionError, match="max_shard_size must be a number of bytes"):
                classifier.save_pretrained(tmp_path, max_shard_size=size)

    def test_other_weights_and_other_processes(self, classifier, tmp_path):
        zeros = {name: torch.zeros_like(tensor) for name, tensor in classifier.state_dict().items()}
        classifier.save_pretrained(tmp_path / "no", is_main_process=False)
        assert not (tmp_path / "no").exists()
        zeros["roformer.encoder.embed_positions.weight"] = classifier.roformer.encoder.embed_positions.weight
        classifier.save_pretrained(tmp_path, state_dict=zeros, save_function=None, token=None)
        assert not RoFormerForSequenceClassification.from_pretrained(tmp_path)(IDS).logits.any()

    def test_pickles_are_refused(self, classifier, tmp_path):
        with pytest.raises(UnsupportedModelError, match=r"safetensors.*torch\.save"):
            classifier.save_pretrained(tmp_path, safe_serialization=False)


def test_copies(classifier):
    for other in (copy.deepcopy(classifier), pickle.loads(pickle.dumps(classifier))):
        assert type(other) is RoFormerForSequenceClassification
        assert torch.equal(other(IDS).logits, classifier(IDS).logits)


def test_gradient_checkpointing_and_frozen_embeddings(classifier):
    assert not classifier.is_gradient_checkpointing
    classifier.gradient_checkpointing_enable({"use_reentrant": True})
    assert classifier.is_gradient_checkpointing
    classifier.gradient_checkpointing_disable()
    classifier.get_input_embeddings().requires_grad_(False)
    classifier.enable_input_require_grads()
    assert classifier.get_input_embeddings()(IDS).requires_grad
    classifier.disable_input_require_grads()
    assert not classifier.get_input_embeddings()(IDS).requires_grad


PROGRAM = """
import copy, pickle, sys
import torch
from roformer_edge import RoFormerConfig, RoFormerForMaskedLM, RoFormerModel
config = RoFormerConfig(vocab_size=30, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8)
model = RoFormerForMaskedLM(config).eval()
assert type(model) is RoFormerForMaskedLM and model.__class__ is RoFormerForMaskedLM
assert "transformers" not in sys.modules
from transformers import PreTrainedModel
assert isinstance(model, PreTrainedModel) and isinstance(model.roformer, PreTrainedModel)
assert isinstance(model, RoFormerForMaskedLM) and not isinstance(model, RoFormerModel)
assert type(model) is RoFormerForMaskedLM and model.__class__.__name__ == "RoFormerForMaskedLM"
ids = torch.arange(1, 9).view(2, 4)
for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
    assert type(other) is RoFormerForMaskedLM and torch.equal(other(ids).logits, model(ids).logits)
print("equal")
"""


@pytest.mark.oracle
def test_it_is_taken_for_a_model_of_transformers(oracle_python: Path):
    """By isinstance, once transformers is loaded; its own type stays, and so do copies."""
    done = subprocess.run([oracle_python, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "equal"


def test_the_bare_model_and_its_config():
    assert RoFormerModel.config_class is RoFormerConfig
