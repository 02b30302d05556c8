from __future__ import annotations

import pytest
import torch

from roformer_edge.checkpoint.names import DECODER_WEIGHT, ROTARY_TABLE, shapes_of
from roformer_edge.errors import UnknownNameError, UnsupportedModelError
from roformer_edge.models.torch import heads
from roformer_edge.models.torch.heads import (
    RoFormerForCausalLM,
    RoFormerForMaskedLM,
    RoFormerForMultipleChoice,
    RoFormerForSequenceClassification,
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
