from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from roformer_edge.checkpoint.loading import load_architecture
from roformer_edge.checkpoint.names import DECODER_WEIGHT, ROTARY_TABLE, WORD_EMBEDDINGS, shapes_of
from roformer_edge.errors import CheckpointError, UnknownNameError, UnsupportedModelError
from roformer_edge.models.torch import heads
from roformer_edge.models.torch.heads import (
    RoFormerForCausalLM,
    RoFormerForMaskedLM,
    RoFormerForMultipleChoice,
    RoFormerForQuestionAnswering,
    RoFormerForSequenceClassification,
    RoFormerModel,
    pool,
)

pytestmark = pytest.mark.filterwarnings("ignore:RoFormerForCausalLM sees the future")


@pytest.mark.parametrize("architecture", heads.__all__)
@pytest.mark.parametrize("tied", [True, False])
def test_the_names_are_those_of_the_state_dict(tiny_config, architecture, tied):
    config = tiny_config.replace(tie_word_embeddings=tied)
    model = getattr(heads, architecture)(config)
    found = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    if architecture == "RoFormerModel":
        found = {f"roformer.{name}": shape for name, shape in found.items()}
    assert found.pop(ROTARY_TABLE) == (32, 8)
    found.pop("cls.predictions.decoder.bias", None)
    if tied:
        found.pop(DECODER_WEIGHT, None)
    assert found == shapes_of(config, architecture)


V2 = {"norm_type": "rms_norm", "use_bias": False, "embedding_size": 16}


class TestRoFormerV2:
    @pytest.mark.parametrize("architecture", heads.__all__)
    def test_heads_of_tasks_keep_their_biases(self, tiny_config, architecture):
        """Encoder and language-model head have none."""
        config = tiny_config.replace(**V2)
        model = getattr(heads, architecture)(config)
        biases = {name for name, parameter in model.named_parameters() if parameter.dim() == 1}
        assert biases == {
            "RoFormerForSequenceClassification": {"classifier.dense.bias", "classifier.out_proj.bias"},
            "RoFormerForMultipleChoice": {"classifier.bias"},
            "RoFormerForTokenClassification": {"classifier.bias"},
            "RoFormerForQuestionAnswering": {"qa_outputs.bias"},
        }.get(architecture, set())
        assert biases == {name for name, shape in shapes_of(config, architecture).items() if len(shape) == 1}

    @pytest.mark.parametrize("architecture", heads.__all__)
    def test_there_and_back(self, tiny_config, architecture, tmp_path):
        config = tiny_config.replace(**V2, tie_word_embeddings=False, initializer_range=0.5)
        model = getattr(heads, architecture)(config).eval()
        again = type(model).from_pretrained(model.save_pretrained(tmp_path))
        assert again.config.is_v2
        assert again.state_dict().keys() == model.state_dict().keys()
        for name, tensor in model.state_dict().items():
            assert torch.equal(again.state_dict()[name], tensor), name

    @pytest.mark.parametrize("model_class", [RoFormerForMaskedLM, RoFormerForCausalLM])
    def test_a_language_model_of_two_widths_does_not_exist(self, tiny_config, model_class):
        config = tiny_config.replace(**{**V2, "embedding_size": 12})
        with pytest.raises(UnsupportedModelError, match="hidden_size 16 and embedding_size 12"):
            model_class(config)
        assert RoFormerForSequenceClassification(config)(torch.ones(1, 3, dtype=torch.long)).logits.shape == (1, 3)


@pytest.mark.parametrize("architecture", heads.__all__)
def test_initial_weights(tiny_config, architecture):
    model = getattr(heads, architecture)(tiny_config.replace(vocab_size=2000))
    for name, parameter in model.named_parameters():
        if name.endswith("LayerNorm.weight"):
            assert (parameter == 1).all(), name
        elif name.endswith("bias"):
            assert (parameter == 0).all(), name
        elif "word_embeddings" in name:
            assert (parameter[0] == 0).all()
            assert 0.019 < parameter[1:].std() < 0.021
        else:
            assert 0 < parameter.abs().max() < 0.12, name


class TestTiedWeights:
    @pytest.mark.parametrize("model_class", [RoFormerForMaskedLM, RoFormerForCausalLM])
    def test_the_decoder_is_the_word_table(self, tiny_config, model_class, tmp_path):
        fresh = model_class(tiny_config)
        for model in (fresh, model_class.from_pretrained(fresh.save_pretrained(tmp_path))):
            words = model.roformer.embeddings.word_embeddings.weight
            assert model.cls["predictions"].decoder.weight is words
            assert model.cls["predictions"].decoder.bias is model.cls["predictions"].bias
            assert sum(parameter is words for parameter in model.parameters()) == 1

    def test_an_untied_decoder_is_its_own(self, tiny_config, tmp_path):
        model = RoFormerForMaskedLM(tiny_config.replace(tie_word_embeddings=False))
        again = RoFormerForMaskedLM.from_pretrained(model.save_pretrained(tmp_path))
        decoder = again.cls["predictions"].decoder.weight
        assert torch.equal(decoder, model.cls["predictions"].decoder.weight)
        assert not torch.equal(decoder, again.get_input_embeddings().weight)


@pytest.mark.filterwarnings("ignore:.* of other heads not used")
class TestFromPretrained:
    def test_a_missing_head_is_an_error(self, checkpoint_directory):
        directory = checkpoint_directory(architecture="RoFormerForMaskedLM")
        with pytest.raises(CheckpointError, match=r"has no head for RoFormerForSequenceClassification.*new_head=True"):
            RoFormerForSequenceClassification.from_pretrained(directory)

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


class TestPooling:
    STATES = torch.arange(24.0).view(2, 4, 3)
    MASK = torch.tensor([[1, 1, 0, 0], [0, 0, 1, 1]])

    @pytest.mark.parametrize(
        ("summary", "rows"),
        [("last", [9, 21]), ("first", [0, 12]), ("mean", [4.5, 16.5]), ("last_token", [3, 21])],
    )
    def test_what_is_taken(self, summary, rows):
        assert pool(self.STATES, self.MASK, summary)[:, 0].tolist() == rows

    def test_without_a_mask_the_last_position_is_the_last_token(self):
        assert torch.equal(pool(self.STATES, None, "last_token"), self.STATES[:, -1])

    def test_a_row_of_padding_takes_its_first_position(self):
        assert pool(self.STATES, torch.zeros(2, 4), "last_token")[:, 0].tolist() == [0, 12]


class TestMultipleChoice:
    def logits(self, config, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(2)
        model = RoFormerForMultipleChoice(config.replace(initializer_range=0.5)).eval()
        with torch.no_grad():
            return model(ids, mask).logits

    @pytest.mark.parametrize(("summary", "stable"), [("last", False), ("last_token", True)])
    def test_only_the_last_token_is_independent_of_padding(self, tiny_config, summary, stable):
        config = tiny_config.replace(extra={"summary_type": summary})
        ids = torch.randint(1, 40, (2, 3, 6), generator=torch.Generator().manual_seed(0))
        mask = torch.ones_like(ids)
        padded = torch.nn.functional.pad(ids, (0, 4))
        found = self.logits(config, padded, torch.nn.functional.pad(mask, (0, 4)))
        expected = self.logits(config, ids, mask)
        assert expected.shape == (2, 3)
        assert torch.allclose(found, expected, atol=1e-5) is stable

    def test_other_summaries_are_refused(self, tiny_config):
        with pytest.raises(UnknownNameError, match="last, first, mean, last_token"):
            RoFormerForMultipleChoice(tiny_config.replace(extra={"summary_type": "attn"}))
        with pytest.raises(UnsupportedModelError, match="projection or an activation"):
            RoFormerForMultipleChoice(tiny_config.replace(extra={"summary_use_proj": True}))

    def test_no_input(self, tiny_config):
        with pytest.raises(ValueError, match="either input_ids or inputs_embeds"):
            RoFormerForMultipleChoice(tiny_config)()


class TestLosses:
    IDS = torch.tensor([[5, 6, 7], [8, 9, 10]])

    def loss(self, config, labels: torch.Tensor) -> float:
        torch.manual_seed(0)
        model = RoFormerForSequenceClassification(config.replace(initializer_range=0.5)).eval()
        self.logits = model(self.IDS).logits.detach()
        return model(self.IDS, labels=labels).loss.item()

    def test_integer_labels_mean_one_label(self, tiny_config):
        found = self.loss(tiny_config, torch.tensor([2, 0]))
        expected = -torch.log_softmax(self.logits, dim=1)[[0, 1], [2, 0]].mean()
        assert found == pytest.approx(expected.item(), abs=1e-6)

    def test_an_ignored_label_does_not_count(self, tiny_config):
        found = self.loss(tiny_config, torch.tensor([2, -100]))
        assert found == pytest.approx(-torch.log_softmax(self.logits, dim=1)[0, 2].item(), abs=1e-6)

    def test_float_labels_mean_several(self, tiny_config):
        labels = torch.tensor([[1.0, 0, 1], [0, 0, 1]])
        found = self.loss(tiny_config, labels)
        p = torch.sigmoid(self.logits)
        expected = -(labels * p.log() + (1 - labels) * (1 - p).log()).mean()
        assert found == pytest.approx(expected.item(), abs=1e-6)

    def test_one_logit_means_regression(self, tiny_config):
        found = self.loss(tiny_config.replace(id2label={0: "score"}), torch.tensor([0.5, -2.0]))
        assert found == pytest.approx(((self.logits[:, 0] - torch.tensor([0.5, -2.0])) ** 2).mean().item(), abs=1e-6)

    def test_the_config_can_say_so(self, tiny_config):
        labels = torch.tensor([[1.0, 2, 3], [4, 5, 6]])
        found = self.loss(tiny_config.replace(problem_type="regression"), labels)
        assert found == pytest.approx(((self.logits - labels) ** 2).mean().item(), abs=1e-5)

    def test_spans_outside_do_not_count(self, tiny_config):
        model = RoFormerForQuestionAnswering(tiny_config).eval()
        both = model(self.IDS, start_positions=torch.tensor([1, 9]), end_positions=torch.tensor([[2], [9]])).loss
        one = model(self.IDS[:1], start_positions=torch.tensor([1]), end_positions=torch.tensor([2])).loss
        assert both.item() == pytest.approx(one.item(), abs=1e-6)
