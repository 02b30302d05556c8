from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
import torch

from roformer_edge.checkpoint.names import shapes_of
from roformer_edge.config import ACTIVATIONS, RoFormerConfig
from roformer_edge.errors import TextTooLongError, UnknownNameError
from roformer_edge.models.torch.encoder import ACTIVATIONS as FUNCTIONS
from roformer_edge.models.torch.encoder import RoFormerModel
from roformer_edge.models.torch.heads import RoFormerForMaskedLM, RoFormerForSequenceClassification
from tests.models.torch.noise import TOLERANCE, noisy


@pytest.fixture
def ids() -> torch.Tensor:
    return torch.randint(1, 40, (3, 7), generator=torch.Generator().manual_seed(1))


def test_a_tuple_holds_the_same_as_the_named_output(tiny_config, ids):
    model = noisy(RoFormerForSequenceClassification(tiny_config))
    with torch.no_grad():
        named = model(ids, labels=torch.tensor([0, 1, 2]), output_hidden_states=True)
        plain = model(ids, labels=torch.tensor([0, 1, 2]), output_hidden_states=True, return_dict=False)
    assert list(named) == ["loss", "logits", "hidden_states"]
    assert torch.equal(plain[0], named.loss)
    assert torch.equal(plain[1], named["logits"])
    assert torch.equal(named[1], named.logits)
    assert [torch.equal(a, b) for a, b in zip(plain[2], named[2], strict=True)] == [True] * 3


def test_padding_on_the_left_changes_nothing(tiny_config, ids):
    model = noisy(RoFormerModel(tiny_config))
    padded = torch.cat((torch.zeros(3, 4, dtype=torch.long), ids), dim=1)
    mask = (torch.arange(11) >= 4).long().expand(3, -1)
    with torch.no_grad():
        found = model(padded, mask).last_hidden_state[:, 4:]
        expected = model(ids).last_hidden_state
    torch.testing.assert_close(found, expected, rtol=0, atol=TOLERANCE)


def test_a_three_dimensional_mask_says_who_sees_whom(tiny_config, ids):
    """A lower triangle given to an encoder makes it the decoder with the same weights."""
    encoder = noisy(RoFormerModel(tiny_config))
    decoder = RoFormerModel(tiny_config.replace(is_decoder=True)).eval()
    decoder.load_state_dict(encoder.state_dict())
    with torch.no_grad():
        seen = encoder(ids, torch.ones(3, 7, 7).tril()).last_hidden_state
        expected = decoder(ids).last_hidden_state
    torch.testing.assert_close(seen, expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("rotary_value", [False, True])
@pytest.mark.parametrize("crossed", [False, True])
def test_cached_decoding_equals_full_decoding(tiny_config, ids, rotary_value, crossed):
    config = tiny_config.replace(is_decoder=True, add_cross_attention=crossed, rotary_value=rotary_value)
    model = noisy(RoFormerModel(config))
    mask = torch.tensor([[1] * 7, [0, 0] + [1] * 5, [1] * 7])
    source = {"encoder_hidden_states": torch.randn(3, 4, 16)} if crossed else {}
    with torch.no_grad():
        full = model(ids, mask, **source).last_hidden_state
        parts, past = [], None
        for start, stop in ((0, 3), (3, 4), (4, 7)):
            output = model(ids[:, start:stop], mask[:, :stop], past_key_values=past, use_cache=True, **source)
            parts.append(output.last_hidden_state)
            past = output.past_key_values
    assert past[0][0].shape == (3, 2, 7, 8)
    assert len(past[0]) == (4 if crossed else 2)
    text = mask == 1  # a padding token that sees nothing looks at all tokens there are so far
    torch.testing.assert_close(torch.cat(parts, dim=1)[text], full[text], rtol=0, atol=TOLERANCE)


def test_an_encoder_never_caches(tiny_config, ids):
    assert RoFormerModel(tiny_config)(ids, use_cache=True).past_key_values is None


def test_gradient_checkpointing_switches_the_cache_off(tiny_config, ids):
    model = RoFormerModel(tiny_config.replace(is_decoder=True)).train()
    assert model(ids).past_key_values is not None
    model.gradient_checkpointing_enable()
    assert model(ids).past_key_values is None
    model.gradient_checkpointing_disable()
    assert model(ids).past_key_values is not None


class TestWordOfTheConfig:
    """Flags in the config hold wherever a call does not say otherwise."""

    def test_of_what_is_returned(self, tiny_config, ids):
        config = tiny_config.replace(extra={"output_attentions": True, "output_hidden_states": True})
        model = RoFormerModel(config).eval()
        assert tuple(model(ids)) == ("last_hidden_state", "hidden_states", "attentions")
        assert tuple(model(ids, output_attentions=False, output_hidden_states=False)) == ("last_hidden_state",)

    @pytest.mark.parametrize("extra", [{"return_dict": False}, {"torchscript": True}])
    def test_of_tuples(self, tiny_config, ids, extra):
        model = RoFormerModel(tiny_config.replace(extra=extra)).eval()
        assert isinstance(model(ids), tuple)
        assert torch.equal(model(ids)[0], model(ids, return_dict=True).last_hidden_state)


@pytest.mark.parametrize("shape", [(0, 7), (3, 0)])
def test_a_batch_of_nothing(tiny_config, shape):
    states = RoFormerModel(tiny_config).eval()(torch.ones(shape, dtype=torch.long)).last_hidden_state
    assert states.shape == (*shape, 16)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_model_can_be_pickled(tiny_config, ids, activation):
    model = RoFormerModel(tiny_config.replace(hidden_act=activation)).eval()
    again = pickle.loads(pickle.dumps(model))
    assert torch.equal(again(ids).last_hidden_state, model(ids).last_hidden_state)


@pytest.mark.filterwarnings("ignore")  # torch warns of branches on shapes, and that tracing is deprecated
def test_a_trace_with_gradients(tiny_config, ids):
    model = RoFormerModel(tiny_config.replace(extra={"torchscript": True})).eval()
    traced = torch.jit.trace(model, (ids, torch.ones_like(ids)))
    shorter = ids[:1, :3]
    torch.testing.assert_close(traced(shorter, torch.ones_like(shorter))[0], model(shorter)[0])


class TestLength:
    def test_beyond_the_table_is_an_error(self, tiny_config):
        with pytest.raises(
            TextTooLongError, match=r"33 tokens, but the model has 32 positions.*extend_positions\(33\)"
        ):
            RoFormerModel(tiny_config)(torch.ones(1, 33, dtype=torch.long))

    def test_the_table_grows_when_asked(self, tiny_config, tmp_path):
        model = noisy(RoFormerForSequenceClassification(tiny_config))
        ids = torch.randint(1, 40, (2, 50))
        with torch.no_grad():
            before = model(ids[:, :32]).logits
            model.extend_positions(50)
            torch.testing.assert_close(model(ids[:, :32]).logits, before)
            longer = model(ids).logits
        long_from_the_start = RoFormerForSequenceClassification(tiny_config.replace(max_position_embeddings=50)).eval()
        long_from_the_start.load_state_dict(model.state_dict())
        with torch.no_grad():
            assert torch.equal(long_from_the_start(ids).logits, longer)
            again = RoFormerForSequenceClassification.from_pretrained(model.save_pretrained(tmp_path))
            assert again.config.max_position_embeddings == 50
            assert torch.equal(again(ids).logits, longer)

    def test_it_never_shrinks(self, tiny_config):
        model = RoFormerModel(tiny_config)
        model.extend_positions(8)
        assert model.config == tiny_config


class TestMisuse:
    def test_neither_ids_nor_embeddings(self, tiny_config):
        with pytest.raises(ValueError, match="either input_ids or inputs_embeds"):
            RoFormerModel(tiny_config)()

    def test_both_ids_and_embeddings(self, tiny_config, ids):
        with pytest.raises(ValueError, match="either input_ids or inputs_embeds"):
            RoFormerModel(tiny_config)(ids, inputs_embeds=torch.zeros(3, 7, 12))

    @pytest.mark.parametrize("shape", [(3, 6), (2, 7), (3, 7, 6), (3, 1, 1, 7)])
    def test_a_mask_of_another_shape(self, tiny_config, ids, shape):
        with pytest.raises(ValueError, match=r"must be \[3, 7\] or \[3, 7, 7\], found"):
            RoFormerModel(tiny_config)(ids, torch.ones(shape))

    def test_encoder_states_for_a_model_that_cannot_see_them(self, tiny_config, ids):
        with pytest.raises(ValueError, match="add_cross_attention"):
            RoFormerModel(tiny_config)(ids, encoder_hidden_states=torch.zeros(3, 2, 16))

    def test_an_unknown_attention(self, tiny_config):
        with pytest.raises(UnknownNameError, match="softmax, linear"):
            RoFormerModel(tiny_config, attention="flash")


class TestRoFormerV2:
    @pytest.fixture
    def v2_config(self, tiny_config) -> RoFormerConfig:
        return tiny_config.replace(
            embedding_size=16, hidden_act="relu", rotary_value=True, norm_type="rms_norm", use_bias=False
        )

    def test_the_encoder_holds_matrices_only(self, v2_config):
        model = RoFormerModel(v2_config)
        assert {parameter.dim() for parameter in model.parameters()} == {2}
        shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
        shapes.pop("encoder.embed_positions.weight")
        assert {f"roformer.{name}": shape for name, shape in shapes.items()} == shapes_of(v2_config, "RoFormerModel")

    def test_the_arithmetic(self, v2_config, ids):
        """Against the architecture written out in numpy, in float64."""
        model = noisy(RoFormerForMaskedLM(v2_config))
        mask = torch.tensor([[1] * 7, [1] * 4 + [0] * 3, [1] * 7])
        with torch.no_grad():
            found = model(ids, mask).logits.numpy()
        weights = {name: tensor.double().numpy() for name, tensor in model.state_dict().items()}
        np.testing.assert_allclose(found, self.logits(weights, ids.numpy(), mask.numpy()), rtol=0, atol=TOLERANCE)

    @staticmethod
    def logits(weights: dict[str, np.ndarray], ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        def norm(x: np.ndarray) -> np.ndarray:
            return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-12)

        def rotated(x: np.ndarray) -> np.ndarray:
            angles = np.arange(x.shape[2])[:, None] / 10000 ** (np.arange(4) / 4)
            pairs = (x[..., 0::2] + 1j * x[..., 1::2]) * np.exp(1j * angles)
            return np.stack((pairs.real, pairs.imag), axis=-1).reshape(x.shape)

        words = weights["roformer.embeddings.word_embeddings.weight"]
        states = norm(words[ids] + weights["roformer.embeddings.token_type_embeddings.weight"][0])
        for index in range(2):
            layer = f"roformer.encoder.layer.{index}"

            def heads(name: str, layer=layer, states=states) -> np.ndarray:
                flat = states @ weights[f"{layer}.attention.self.{name}.weight"].T
                return rotated(flat.reshape(3, 7, 2, 8).transpose(0, 2, 1, 3))  # rotary_value: all three are rotated

            scores = heads("query") @ heads("key").swapaxes(-1, -2) / math.sqrt(8)
            scores = np.where(mask[:, None, None, :] == 1, scores, -np.inf)
            probabilities = np.exp(scores - scores.max(-1, keepdims=True))
            probabilities /= probabilities.sum(-1, keepdims=True)
            context = (probabilities @ heads("value")).transpose(0, 2, 1, 3).reshape(3, 7, 16)
            states = norm(states + context @ weights[f"{layer}.attention.output.dense.weight"].T)
            inner = np.maximum(states @ weights[f"{layer}.intermediate.dense.weight"].T, 0)
            states = norm(states + inner @ weights[f"{layer}.output.dense.weight"].T)
        return states @ words.T

    def test_files(self, v2_config, tmp_path, ids):
        model = noisy(RoFormerForMaskedLM(v2_config))
        again = RoFormerForMaskedLM.from_pretrained(model.save_pretrained(tmp_path))
        with torch.no_grad():
            assert torch.equal(again(ids).logits, model(ids).logits)


def test_every_function_is_there():
    assert FUNCTIONS.keys() == set(ACTIVATIONS.values())
