"""The encoder of RoFormer in Keras: embeddings, feed-forward, layer, encoder.

The counterpart of :mod:`roformer_edge.models.torch.encoder`, in the same order and to the same numbers. B texts, S
tokens, T tokens including cached ones, E embedding width, H hidden units, A heads of D numbers each.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import keras
from keras import ops

from roformer_edge.checkpoint.rotary_table import rotary_table
from roformer_edge.config import LAPLACE_DEVIATION, LAPLACE_MEAN, RoFormerConfig
from roformer_edge.errors import TextTooLongError
from roformer_edge.models.keras.attention import (
    Cache,
    LayerCache,
    LayerInputs,
    LayerNorm,
    Linear,
    NamedLayer,
    RoFormerAttention,
    RoFormerResidual,
    Tensor,
    VariableRegistry,
    additive_mask,
)


def gelu_10(x: Tensor) -> Tensor:
    """Compute gelu, cut to [-10, 10]."""
    return ops.clip(ops.gelu(x, approximate=False), -10, 10)


def quick_gelu(x: Tensor) -> Tensor:
    """Compute ``x sigmoid(1.702 x)``."""
    return x * ops.sigmoid(1.702 * x)


def relu2(x: Tensor) -> Tensor:
    """Compute relu squared."""
    return ops.square(ops.relu(x))


def mish(x: Tensor) -> Tensor:
    """Compute ``x tanh(softplus(x))``."""
    return x * ops.tanh(ops.softplus(x))


def laplace(x: Tensor) -> Tensor:
    """Compute the distribution function of a normal distribution."""
    return 0.5 * (1.0 + ops.erf((x - LAPLACE_MEAN) / (LAPLACE_DEVIATION * 2**0.5)))


def linear_activation(x: Tensor) -> Tensor:
    """Return ``x`` as it is."""
    return x


# the functions of roformer_edge.config.ACTIVATIONS
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": partial(ops.gelu, approximate=False),
    "gelu_tanh": partial(ops.gelu, approximate=True),
    "gelu_10": gelu_10,
    "quick_gelu": quick_gelu,
    "relu": ops.relu,
    "relu2": relu2,
    "relu6": ops.relu6,
    "leaky_relu": partial(ops.leaky_relu, negative_slope=0.01),
    "silu": ops.silu,
    "mish": mish,
    "sigmoid": ops.sigmoid,
    "tanh": ops.tanh,
    "laplace": laplace,
    "linear": linear_activation,
}


def whole(table: Tensor) -> Tensor:
    """Return a table as it is, with a gradient that is one array, as that of a reshaped one is.

    TensorFlow's gradient of looked up rows lists a row for each token. Where one occurs twice, Adam wants the square of
    the sum of its rows, and Keras 3 sums their squares.
    """
    return ops.reshape(table, table.shape)


class RoFormerEmbeddings(NamedLayer):
    """Word plus token-type embedding, normalised: ``[B, S] -> [B, S, E]``. No position enters here."""

    def __init__(self, config: RoFormerConfig, registry: VariableRegistry) -> None:
        super().__init__(config, registry)
        width, path = config.width_of_embeddings, "roformer.embeddings"
        self.words = self.matrix(f"{path}.word_embeddings.weight", config.vocab_size, width)
        self.types = self.matrix(f"{path}.token_type_embeddings.weight", config.type_vocab_size, width)
        self.norm = LayerNorm(config, registry, f"{path}.LayerNorm", width, plain=config.is_v2)
        self.dropout = keras.layers.Dropout(config.hidden_dropout_prob)
        if config.pad_token_id is not None:
            kept = ops.arange(config.vocab_size)[:, None] != config.pad_token_id
            self.words.assign(ops.where(kept, self.words, 0.0))

    def look_up(self, input_ids: Tensor) -> Tensor:
        """Look up ``[B, S] -> [B, S, E]``; as in torch, padding does not train its row."""
        words = ops.take(whole(self.words), input_ids, axis=0)
        if self._config.pad_token_id is None:
            return words
        padding = ops.expand_dims(ops.equal(input_ids, self._config.pad_token_id), -1)
        return ops.where(padding, ops.stop_gradient(words), words)

    def call(
        self, input_ids: Tensor | None, token_type_ids: Tensor | None, inputs_embeds: Tensor | None, training: bool
    ) -> Tensor:
        words = self.look_up(input_ids) if inputs_embeds is None else inputs_embeds
        types = self.types[0] if token_type_ids is None else ops.take(whole(self.types), token_type_ids, axis=0)
        return self.dropout(self.norm(words + types), training=training)


class LayerOutput(NamedTuple):
    """States ``[B, S, H]``, keys and values, and attention weights."""

    states: Tensor
    cache: LayerCache
    weights: Tensor
    cross_weights: Tensor | None


class RoFormerLayer(NamedLayer):
    """Self-attention, cross-attention in a decoder that has it, feed-forward."""

    def __init__(self, config: RoFormerConfig, registry: VariableRegistry, index: int) -> None:
        super().__init__(config, registry)
        inner, path = config.intermediate_size, f"roformer.encoder.layer.{index}"
        self.attention = RoFormerAttention(config, registry, f"{path}.attention", config.heads_of(index))
        if config.add_cross_attention:  # never pruned
            heads = config.num_attention_heads
            self.crossattention = RoFormerAttention(config, registry, f"{path}.crossattention", heads)
        dense = f"{path}.intermediate.dense"
        self.intermediate = Linear(config, registry, dense, config.hidden_size, inner, bias=config.use_bias)
        self.residual = RoFormerResidual(config, registry, f"{path}.output", inner)
        self.activation = ACTIVATIONS[config.activation]

    def run(
        self, states: Tensor, head_mask: Tensor | None, past: LayerCache | None, shared: LayerInputs
    ) -> LayerOutput:
        """Run one layer."""
        cached, cached_cross = (None, None) if past is None else (past[:2], past[2:])
        states, weights, cache = self.attention.attend(states, head_mask, cached, shared, False)
        cross_weights = None
        if shared.encoder_states is not None:
            states, cross_weights, pair = self.crossattention.attend(
                states, head_mask, cached_cross or None, shared, True
            )
            cache += pair
        widened = self.activation(self.intermediate(states))
        return LayerOutput(self.residual(widened, states, training=shared.training), cache, weights, cross_weights)


class RoFormerEncoder(NamedLayer):
    """Embeddings and the stack of layers over one rotary table: all that has the prefix ``roformer``."""

    def __init__(self, config: RoFormerConfig, registry: VariableRegistry) -> None:
        super().__init__(config, registry)
        self.embeddings = RoFormerEmbeddings(config, registry)
        if config.has_projection:
            widths = config.width_of_embeddings, config.hidden_size
            self.project = Linear(config, registry, "roformer.embeddings_project", *widths)
        self.stack = [RoFormerLayer(config, registry, index) for index in range(config.num_hidden_layers)]

    def run(
        self,
        states: Tensor,
        head_mask: Tensor | None,
        past: Cache | None,
        shared: LayerInputs,
    ) -> list[LayerOutput]:
        """Run all layers and return what each gave."""
        outputs: list[LayerOutput] = []
        for index, layer in enumerate(self.stack):
            factor = None if head_mask is None else head_mask[index]
            outputs.append(layer.run(states, factor, None if past is None else past[index], shared))
            states = outputs[-1].states
        return outputs

    def embed(
        self, input_ids: Tensor | None, token_type_ids: Tensor | None, inputs_embeds: Tensor | None, training: bool
    ) -> Tensor:
        """Embed ``[B, S]`` and project to ``[B, S, H]``."""
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("give either input_ids or inputs_embeds")
        states = self.embeddings(input_ids, token_type_ids, inputs_embeds, training=training)
        return self.project(states) if self._config.has_projection else states

    def rotation(self, start: int, length: Any) -> tuple[Tensor, Tensor]:
        """Return sines and cosines ``[length, D / 2]`` from position ``start``."""
        positions = self._config.max_position_embeddings
        if isinstance(length, int) and start + length > positions:
            raise TextTooLongError(
                f"{start + length} tokens, but the model has {positions} positions; truncate the text, or load the "
                "model with a config of more max_position_embeddings"
            )
        table = ops.convert_to_tensor(rotary_table(positions, self._config.head_size))[start : start + length]
        half = self._config.head_size // 2
        return table[:, :half], table[:, half:]

    def self_mask(self, mask: Tensor | None, states: Tensor, past: int) -> Tensor | None:
        """Make the additive mask of the self-attention: padding, and in a decoder the future."""
        if self._config.is_decoder and (mask is None or len(mask.shape) == 2):
            new = ops.shape(states)[1]
            causal = ops.arange(past + new) <= ops.expand_dims(ops.arange(new) + past, -1)
            causal = ops.expand_dims(ops.cast(causal, "float32"), 0)
            mask = causal if mask is None else causal * ops.expand_dims(ops.cast(mask, "float32"), 1)
        return None if mask is None else additive_mask(mask)
