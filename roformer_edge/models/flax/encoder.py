"""The encoder of RoFormer in Flax: embeddings, feed-forward, layer, encoder, from top to bottom.

The counterpart of :mod:`roformer_edge.models.torch.encoder`, in the same order and to the same numbers; parameter
trees are those of Hugging Face. B texts, S tokens, E embedding width, H hidden units, A heads of D numbers each.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from roformer_edge.checkpoint.rotary_table import rotary_table
from roformer_edge.config import LAPLACE_DEVIATION, LAPLACE_MEAN, RoFormerConfig
from roformer_edge.errors import TextTooLongError
from roformer_edge.models.flax.attention import (
    Array,
    FlaxRoFormerAttention,
    FlaxRoFormerResidual,
    LayerInputs,
    additive_mask,
    dense,
    linear,
    norm,
)


def gelu_10(x: Array) -> Array:
    """Compute gelu, cut to [-10, 10]."""
    return jnp.clip(jax.nn.gelu(x, approximate=False), -10, 10)


def quick_gelu(x: Array) -> Array:
    """Compute ``x sigmoid(1.702 x)``."""
    return x * jax.nn.sigmoid(1.702 * x)


def relu2(x: Array) -> Array:
    """Compute relu squared."""
    return jnp.square(jax.nn.relu(x))


def mish(x: Array) -> Array:
    """Compute ``x tanh(softplus(x))``."""
    return x * jnp.tanh(jax.nn.softplus(x))


def laplace(x: Array) -> Array:
    """Compute the distribution function of a normal distribution."""
    return 0.5 * (1.0 + jax.lax.erf((x - LAPLACE_MEAN) / (LAPLACE_DEVIATION * 2**0.5)))


def linear_activation(x: Array) -> Array:
    """Return ``x`` as it is."""
    return x


# the functions of roformer_edge.config.ACTIVATIONS
ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "gelu": partial(jax.nn.gelu, approximate=False),
    "gelu_tanh": partial(jax.nn.gelu, approximate=True),
    "gelu_10": gelu_10,
    "quick_gelu": quick_gelu,
    "relu": jax.nn.relu,
    "relu2": relu2,
    "relu6": jax.nn.relu6,
    "leaky_relu": jax.nn.leaky_relu,
    "silu": jax.nn.silu,
    "mish": mish,
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "laplace": laplace,
    "linear": linear_activation,
}


class FlaxRoFormerEmbeddings(nn.Module):
    """Word plus token-type embedding, normalised: ``[B, S] -> [B, S, E]``. No position enters here."""

    config: RoFormerConfig

    def setup(self) -> None:
        start = nn.initializers.normal(self.config.initializer_range)
        width = self.config.width_of_embeddings
        self.word_embeddings = nn.Embed(self.config.vocab_size, width, embedding_init=start)
        self.token_type_embeddings = nn.Embed(self.config.type_vocab_size, width, embedding_init=start)
        self.LayerNorm = norm(self.config)
        self.dropout = nn.Dropout(self.config.hidden_dropout_prob)

    def __call__(
        self, input_ids: Array | None, token_type_ids: Array | None, inputs_embeds: Array | None, deterministic: bool
    ) -> Array:
        words = self._words(input_ids) if inputs_embeds is None else inputs_embeds
        if token_type_ids is None:
            token_type_ids = jnp.zeros(words.shape[:2], dtype=jnp.int32)
        return self.dropout(
            self.LayerNorm(words + self.token_type_embeddings(token_type_ids)), deterministic=deterministic
        )

    def _words(self, input_ids: Array | None) -> Array:
        """Look up ``[B, S] -> [B, S, E]``; as in torch, padding does not train its row."""
        words: Array = self.word_embeddings(input_ids)
        if self.config.pad_token_id is None:
            return words
        return jnp.where(jnp.equal(input_ids, self.config.pad_token_id)[..., None], jax.lax.stop_gradient(words), words)


class FlaxRoFormerIntermediate(nn.Module):
    """The widening half of the feed-forward."""

    config: RoFormerConfig

    @nn.compact
    def __call__(self, states: Array) -> Array:
        widened = linear(self.config, self.config.intermediate_size, "dense")(states)
        return ACTIVATIONS[self.config.activation](widened)


class FlaxRoFormerLayer(nn.Module):
    """Self-attention and feed-forward."""

    config: RoFormerConfig
    index: int

    @nn.compact
    def __call__(self, states: Array, head_mask: Array | None, shared: LayerInputs) -> tuple[Array, Array]:
        attention = FlaxRoFormerAttention(self.config, self.config.heads_of(self.index), name="attention")
        states, weights = attention(states, head_mask, shared)
        widened = FlaxRoFormerIntermediate(self.config, name="intermediate")(states)
        return FlaxRoFormerResidual(self.config, name="output")(widened, states, shared.deterministic), weights


class FlaxRoFormerLayers(nn.Module):
    """The layers, numbered."""

    config: RoFormerConfig

    @nn.compact
    def __call__(self, states: Array, head_mask: Array | None, shared: LayerInputs) -> tuple[list[Array], list[Array]]:
        """Run all layers: all states ``[B, S, H]``, those before the first included, all weights ``[B, A, S, S]``."""
        all_states, all_weights = [states], []
        for index in range(self.config.num_hidden_layers):
            factor = None if head_mask is None else head_mask[index]
            states, weights = FlaxRoFormerLayer(self.config, index, name=str(index))(states, factor, shared)
            all_states.append(states)
            all_weights.append(weights)
        return all_states, all_weights


class FlaxRoFormerEncoder(nn.Module):
    """The stack of layers over one rotary table."""

    config: RoFormerConfig

    @nn.compact
    def __call__(
        self, states: Array, mask: Array | None, head_mask: Array | None, deterministic: bool
    ) -> tuple[list[Array], list[Array]]:
        length, positions = states.shape[1], self.config.max_position_embeddings
        if length > positions:
            raise TextTooLongError(
                f"{length} tokens, but the model has {positions} positions; truncate the text, or load the model with "
                "a config of more max_position_embeddings"
            )
        sines, cosines = np.split(rotary_table(length, self.config.head_size), 2, axis=-1)
        shared = LayerInputs((jnp.asarray(sines), jnp.asarray(cosines)), mask, deterministic)
        return FlaxRoFormerLayers(self.config, name="layer")(states, head_mask, shared)


class FlaxRoFormerModule(nn.Module):
    """The bare encoder, as a module without parameters of its own."""

    config: RoFormerConfig

    def setup(self) -> None:
        self.embeddings = FlaxRoFormerEmbeddings(self.config)
        if self.config.has_projection:
            self.embeddings_project = dense(self.config, self.config.hidden_size)
        self.encoder = FlaxRoFormerEncoder(self.config)

    def __call__(
        self,
        input_ids: Array | None,
        attention_mask: Array | None,
        token_type_ids: Array | None,
        head_mask: Array | None,
        inputs_embeds: Array | None,
        deterministic: bool,
    ) -> tuple[list[Array], list[Array]]:
        states = self.embeddings(input_ids, token_type_ids, inputs_embeds, deterministic)
        if self.config.has_projection:
            states = self.embeddings_project(states)
        if head_mask is not None:  # [A] or [layers, A] -> one factor [1, A, 1, 1] a layer
            shape = (self.config.num_hidden_layers, self.config.num_attention_heads)
            head_mask = jnp.broadcast_to(head_mask, shape)[:, None, :, None, None]
        mask = None if attention_mask is None else additive_mask(attention_mask)
        return self.encoder(states, mask, head_mask, deterministic)

    def word_table(self) -> Array:
        """Return the word embeddings ``[V, E]``."""
        table: Array = self.embeddings.word_embeddings.embedding
        return table
