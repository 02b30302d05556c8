from __future__ import annotations

import numpy as np
import pytest
import torch

from roformer_edge.checkpoint.rotary_table import rotary_table
from roformer_edge.models.torch.encoder import RoFormerModel
from tests.models.torch.noise import TOLERANCE, noisy


@pytest.fixture
def ids() -> torch.Tensor:
    return torch.randint(1, 40, (3, 7), generator=torch.Generator().manual_seed(1))


class TestLinearAttention:
    @pytest.mark.parametrize("decoder", [False, True])
    @pytest.mark.parametrize("rotary_value", [False, True])
    def test_the_quadratic_formula(self, tiny_config, decoder, rotary_value):
        """Equation 19 of the paper, term by term in numpy, for one layer's attention."""
        config = tiny_config.replace(
            is_decoder=decoder, rotary_value=rotary_value, max_position_embeddings=200, num_hidden_layers=1
        )
        model = noisy(RoFormerModel(config, attention="linear"))
        length = 150  # more than two chunks of the causal sums
        ids = torch.randint(1, 40, (2, length), generator=torch.Generator().manual_seed(3))
        mask = torch.ones(2, length, dtype=torch.long)
        mask[1, 100:] = 0
        contexts = []
        model.encoder.layer[0].attention.self.register_forward_hook(lambda *args: contexts.append(args[2][0]))
        states = []
        model.encoder.layer[0].register_forward_pre_hook(lambda module, inputs: states.append(inputs[0]))
        with torch.no_grad():
            model(ids, mask)
        expected = self.quadratic(model, states[0].double().numpy(), mask.numpy(), decoder)
        np.testing.assert_allclose(contexts[0].numpy(), expected, rtol=0, atol=TOLERANCE)

    @staticmethod
    def quadratic(model: RoFormerModel, states: np.ndarray, mask: np.ndarray, causal: bool) -> np.ndarray:
        batch, length, hidden = states.shape
        heads, size = model.config.num_attention_heads, model.config.head_size
        sines, cosines = np.split(rotary_table(length, size).astype(np.float64), 2, axis=1)

        def rotate(x: np.ndarray) -> np.ndarray:
            even, odd = x[..., 0::2], x[..., 1::2]
            return np.stack((even * cosines - odd * sines, odd * cosines + even * sines), axis=-1).reshape(x.shape)

        def project(name: str) -> np.ndarray:
            layer = getattr(model.encoder.layer[0].attention.self, name)
            flat = states @ layer.weight.detach().double().numpy().T + layer.bias.detach().double().numpy()
            return flat.reshape(batch, length, heads, size).transpose(0, 2, 1, 3)

        def feature(x: np.ndarray) -> np.ndarray:
            return np.where(x > 0, x + 1, np.exp(np.minimum(x, 0)))

        query, key, value = feature(project("query")), feature(project("key")), project("value")
        value = rotate(value) if model.config.rotary_value else value
        seen = np.broadcast_to(mask[:, None, None, :], (batch, heads, length, length)).astype(np.float64)
        seen = np.tril(seen) if causal else seen
        numerator = (rotate(query) @ rotate(key).swapaxes(-1, -2) * seen) @ value
        denominator = (query @ key.swapaxes(-1, -2) * seen).sum(axis=-1, keepdims=True)
        return (numerator / denominator).transpose(0, 2, 1, 3).reshape(batch, length, hidden)

    def test_padding_changes_nothing(self, tiny_config, ids):
        model = noisy(RoFormerModel(tiny_config, attention="linear"))
        padded = torch.cat((ids, torch.zeros(3, 4, dtype=torch.long)), dim=1)
        with torch.no_grad():
            found = model(padded, (torch.arange(11) < 7).long().expand(3, -1)).last_hidden_state[:, :7]
            expected = model(ids).last_hidden_state
        torch.testing.assert_close(found, expected, rtol=0, atol=TOLERANCE)

    def test_a_row_of_padding_stays_finite(self, tiny_config, ids):
        model = noisy(RoFormerModel(tiny_config, attention="linear"))
        output = model(ids, torch.tensor([[1] * 7, [0] * 7, [1] * 7]))
        output.last_hidden_state.sum().backward()
        assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())

    def test_what_it_does_not_have_is_refused(self, tiny_config, ids):
        model = RoFormerModel(tiny_config.replace(is_decoder=True), attention="linear")
        assert model(ids, use_cache=True).past_key_values is None
        with pytest.raises(ValueError, match="neither attention weights nor a cache"):
            model(ids, output_attentions=True)
        with pytest.raises(ValueError, match=r"\[batch, tokens\] only"):
            model(ids, torch.ones(3, 7, 7))

    def test_cross_attention(self, tiny_config, ids):
        config = tiny_config.replace(is_decoder=True, add_cross_attention=True)
        model = noisy(RoFormerModel(config, attention="linear"))
        source = torch.randn(3, 5, 16)
        keep = torch.tensor([[1, 1, 1, 0, 0]] * 3)
        with torch.no_grad():
            masked = model(ids, encoder_hidden_states=source, encoder_attention_mask=keep).last_hidden_state
            cut = model(ids, encoder_hidden_states=source[:, :3]).last_hidden_state
        torch.testing.assert_close(masked, cut, rtol=0, atol=TOLERANCE)
