from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch.utils import _pytree as pytree

from roformer_edge.checkpoint.loading import load_architecture
from roformer_edge.checkpoint.names import WORD_EMBEDDINGS
from roformer_edge.errors import CheckpointError, UnknownNameError
from roformer_edge.models.torch import heads
from roformer_edge.models.torch.heads import (
    RoFormerForSequenceClassification,
    RoFormerModel,
)
from tests.models.conftest import ARCHITECTURES


@pytest.mark.filterwarnings("ignore:.* of other heads not used")
class TestFromPretrained:
    def test_a_missing_head_is_an_error(self, checkpoint_directory):
        directory = checkpoint_directory(architecture="RoFormerForMaskedLM")
        with pytest.raises(CheckpointError, match=r"has no head for RoFormerForSequenceClassification.*new_head=True"):
            RoFormerForSequenceClassification.from_pretrained(directory, new_head=False)

    def test_a_new_head_on_a_pretrained_encoder(self, checkpoint_directory, tiny_config):
        directory = checkpoint_directory(architecture="RoFormerForMaskedLM")
        config = tiny_config.replace(id2label={0: "no", 1: "yes"})
        torch.manual_seed(0)
        model = RoFormerForSequenceClassification.from_pretrained(directory, config=config, new_head=True)
        arrays = load_architecture(directory, "RoFormerForMaskedLM").arrays
        for name, tensor in model.roformer.state_dict().items():
            assert np.array_equal(tensor.numpy(), arrays[f"roformer.{name}"])
        assert model.config.labels == ("no", "yes")
        assert model.classifier.out_proj.weight.shape == (2, 16)
        assert 0 < model.classifier.dense.weight.std() < 0.04
        assert (model.classifier.dense.bias == 0).all()
        assert not any(parameter.is_meta for parameter in model.parameters())

    def test_fields_of_the_config(self, checkpoint_directory):
        directory = checkpoint_directory(architecture="RoFormerForMaskedLM")
        model = RoFormerForSequenceClassification.from_pretrained(
            directory, num_labels=5, problem_type="regression", hidden_dropout_prob=0.3, new_head=True
        )
        assert model(torch.ones(1, 3, dtype=torch.long)).logits.shape == (1, 5)
        assert (model.config.problem_type, model.classifier.dropout.p) == ("regression", 0.3)
        assert RoFormerModel.from_pretrained(directory, max_position_embeddings=50)(torch.ones(1, 50).long())
        assert RoFormerModel.from_pretrained(directory, output_attentions=True)(torch.ones(1, 3).long()).attentions
        with pytest.raises(
            UnknownNameError, match=r"unknown config field 'hidden_drop'; choose one of: .*hidden_dropout"
        ):
            RoFormerModel.from_pretrained(directory, hidden_drop=0.3)

    def test_a_head_of_another_shape_is_replaced_when_asked(self, checkpoint_directory, random_arrays, tiny_config):
        """Another number of labels: nothing of the old head stays, and the encoder does."""
        directory = checkpoint_directory()
        with pytest.raises(CheckpointError, match=r"classifier\.out_proj\.weight is \[3, 16\].*or start a new head"):
            RoFormerForSequenceClassification.from_pretrained(directory, num_labels=5)
        model = RoFormerForSequenceClassification.from_pretrained(directory, num_labels=5, new_head=True)
        assert model(torch.ones(1, 3, dtype=torch.long)).logits.shape == (1, 5)
        old = random_arrays(tiny_config)
        assert np.array_equal(model.get_input_embeddings().weight.detach(), old[WORD_EMBEDDINGS])
        assert not np.array_equal(model.classifier.dense.weight.detach(), old["classifier.dense.weight"])

    def test_the_device(self, checkpoint_directory):
        assert RoFormerModel.from_pretrained(checkpoint_directory()).device == torch.device("cpu")
        assert RoFormerModel.from_pretrained(checkpoint_directory()).to("meta").device == torch.device("meta")

    def test_the_encoder_of_a_headed_checkpoint(self, checkpoint_directory, tiny_config, random_arrays):
        model = RoFormerModel.from_pretrained(checkpoint_directory())
        expected = random_arrays(tiny_config)["roformer.embeddings_project.weight"]
        assert np.array_equal(model.embeddings_project.weight.detach().numpy(), expected)
        assert not model.training

    def test_what_a_checkpoint_says_is_a_warning(self, checkpoint_directory, tiny_config):
        directory = checkpoint_directory(config=tiny_config.replace(extra={"my_key": 5}))
        with pytest.warns(UserWarning, match=r"^config\.json: unknown keys without effect: my_key$"):
            RoFormerForSequenceClassification.from_pretrained(directory)
        with pytest.warns(UserWarning, match=r"4 tensors of other heads not used: classifier\.dense\.bias, "):
            RoFormerModel.from_pretrained(directory, config=tiny_config)

    def test_weights_to_leave_out(self, checkpoint_directory):
        directory = checkpoint_directory(lambda arrays: arrays.update({"lstm.weight": np.zeros(3, np.float32)}))
        with pytest.raises(CheckpointError, match=r"ignore_weights=\['lstm\.\*'\]"):
            RoFormerForSequenceClassification.from_pretrained(directory)
        with pytest.warns(UserWarning, match="1 tensor left out, as asked"):
            RoFormerForSequenceClassification.from_pretrained(directory, ignore_weights=["lstm.*"])

    def test_a_model_trains_after_loading(self, checkpoint_directory):
        model = RoFormerForSequenceClassification.from_pretrained(checkpoint_directory())
        ids, labels = torch.arange(1, 25).view(4, 6), torch.tensor([0, 1, 2, 0])
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        losses = []
        for _ in range(150):
            loss = model(ids, labels=labels).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert min(losses) < losses[0] / 4

    def test_numbers_that_are_not_finite_are_refused(self, checkpoint_directory):
        def spoil(arrays):
            arrays["classifier.dense.bias"][0] = np.nan

        with pytest.raises(CheckpointError, match=r"classifier\.dense\.bias"):
            RoFormerForSequenceClassification.from_pretrained(checkpoint_directory(spoil))

    def test_the_saved_files(self, tiny_config, tmp_path):
        model = RoFormerForSequenceClassification(tiny_config.replace(extra={"finetuning_task": "tnews"}))
        model.half().save_pretrained(tmp_path / "new" / "folder")
        assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == [
            "config.json",
            "model.safetensors",
        ]
        written = json.loads((tmp_path / "new" / "folder" / "config.json").read_text())
        assert written["architectures"] == ["RoFormerForSequenceClassification"]
        assert written["finetuning_task"] == "tnews"
        again = RoFormerForSequenceClassification.from_pretrained(tmp_path / "new" / "folder")
        assert again.classifier.dense.weight.dtype == torch.float32
        assert torch.equal(again.classifier.dense.weight, model.classifier.dense.weight.float())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("how", ["trace", "export"])
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore:.*torch.jit:DeprecationWarning")
def test_default_outputs_are_traced_and_exported(tiny_config, architecture, how):
    torch.manual_seed(2)
    model = getattr(heads, architecture)(tiny_config.replace(is_decoder=architecture == "RoFormerForCausalLM")).eval()
    shape = (2, 2, 7) if architecture == "RoFormerForMultipleChoice" else (2, 7)
    inputs = (torch.randint(40, shape), torch.tensor([1, 1, 1, 1, 1, 0, 0]).expand(shape).clone())
    wanted = model(*inputs)
    if how == "trace":
        found = torch.jit.trace(model, inputs)(*inputs)
        assert type(found) is tuple
    else:
        found = torch.export.export(model, inputs).module()(*inputs)
        assert type(found) is type(wanted)
        assert found.keys() == wanted.keys()
    pairs = zip(pytree.tree_leaves(tuple(found[:])), pytree.tree_leaves(wanted.to_tuple()), strict=True)
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in pairs)
    assert model(*inputs).keys() == wanted.keys()  # a call afterwards is as before
