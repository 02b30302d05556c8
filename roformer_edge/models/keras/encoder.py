"""The encoder of RoFormer in Keras 3 on TensorFlow: embeddings, rotation, attention, feed-forward, layer, encoder.

The counterpart of :mod:`roformer_edge.models.torch.encoder`, in the same order and to the same numbers. Every layer
makes its variables at once and enters them into a book under their canonical names. B texts, S tokens, T tokens
including cached ones, E embedding width, H hidden units, A heads of D numbers each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import keras
import tensorflow as tf
from keras import ops

from roformer_edge.checkpoint.rotary import rotary_table
from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import TextTooLongError

Tensor: TypeAlias = tf.Tensor
LayerCache: TypeAlias = tuple[Tensor, ...]  # keys and values [B, A, T, D], then those of the cross-attention
Cache: TypeAlias = Sequence[LayerCache]

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": partial(ops.gelu, approximate=False),
    "gelu_new": partial(ops.gelu, approximate=True),
    "gelu_pytorch_tanh": partial(ops.gelu, approximate=True),
    "relu": ops.relu,
    "silu": ops.silu,
    "swish": ops.silu,
    "tanh": ops.tanh,
}


class Book:
    """Canonical name -> variable, and whether the canonical array is its transpose.

    A class of its own, because Keras would track the variables of a plain dictionary a second time.
    """

    def __init__(self) -> None:
        self.variables: dict[str, tuple[Any, bool]] = {}


class Part(keras.layers.Layer):
    """A layer that enters its variables into the book."""

    def __init__(self, config: RoFormerConfig, book: Book) -> None:
        super().__init__()
        self._config, self._book = config, book

    def matrix(self, name: str, rows: int, columns: int, transposed: bool = False) -> Any:
        """A normally distributed variable ``[rows, columns]``."""
        start = keras.initializers.RandomNormal(stddev=self._config.initializer_range)
        return self._enter(name, self.add_weight(shape=(rows, columns), initializer=start, name="weight"), transposed)

    def vector(self, name: str, width: int, start: str = "zeros") -> Any:
        """A variable ``[width]``."""
        return self._enter(name, self.add_weight(shape=(width,), initializer=start, name="vector"), False)

    def _enter(self, name: str, variable: Any, transposed: bool) -> Any:
        self._book.variables[name] = (variable, transposed)
        return variable


class Linear(Part):
    """``[..., inputs] -> [..., outputs]``."""

    def __init__(
        self, config: RoFormerConfig, book: Book, name: str, inputs: int, outputs: int, *, bias: bool = True
    ) -> None:
        super().__init__(config, book)
        self.kernel = self.matrix(f"{name}.weight", inputs, outputs, transposed=True)
        self.bias = self.vector(f"{name}.bias", outputs) if bias else None

    def call(self, states: Tensor) -> Tensor:
        product = ops.matmul(states, self.kernel)
        return product if self.bias is None else product + self.bias


class LayerNorm(Part):
    """Layer normalisation; ``plain``: division by the root mean square without gain, the norm of RoFormerV2."""

    def __init__(self, config: RoFormerConfig, book: Book, name: str, width: int, *, plain: bool = False) -> None:
        super().__init__(config, book)
        self.plain = plain
        if not plain:
            self.gain = self.vector(f"{name}.weight", width, "ones")
            self.shift = self.vector(f"{name}.bias", width)

    def call(self, states: Tensor) -> Tensor:
        if not self.plain:
            states = states - ops.mean(states, axis=-1, keepdims=True)
        scaled = states * ops.rsqrt(ops.mean(ops.square(states), axis=-1, keepdims=True) + self._config.layer_norm_eps)
        return scaled if self.plain else scaled * self.gain + self.shift


class RoFormerEmbeddings(Part):
    """Word plus token-type embedding, normalised: ``[B, S] -> [B, S, E]``. No position enters here."""

    def __init__(self, config: RoFormerConfig, book: Book) -> None:
        super().__init__(config, book)
        width, path = config.width_of_embeddings, "roformer.embeddings"
        self.words = self.matrix(f"{path}.word_embeddings.weight", config.vocab_size, width)
        self.types = self.matrix(f"{path}.token_type_embeddings.weight", config.type_vocab_size, width)
        self.norm = LayerNorm(config, book, f"{path}.LayerNorm", width, plain=config.is_v2)
        self.dropout = keras.layers.Dropout(config.hidden_dropout_prob)
        if config.pad_token_id is not None:
            kept = ops.arange(config.vocab_size)[:, None] != config.pad_token_id
            self.words.assign(ops.where(kept, self.words, 0.0))

    def look_up(self, input_ids: Tensor) -> Tensor:
        """``[B, S] -> [B, S, E]``; as in torch, padding does not train its row."""
        words = ops.take(self.words, input_ids, axis=0)
        if self._config.pad_token_id is None:
            return words
        return ops.where(ops.equal(input_ids, self._config.pad_token_id)[..., None], ops.stop_gradient(words), words)

    def call(
        self, input_ids: Tensor | None, token_type_ids: Tensor | None, inputs_embeds: Tensor | None, training: bool
    ) -> Tensor:
        words = self.look_up(input_ids) if inputs_embeds is None else inputs_embeds
        types = self.types[0] if token_type_ids is None else ops.take(self.types, token_type_ids, axis=0)
        return self.dropout(self.norm(words + types), training=training)


def rotate(states: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
    """Turn the pairs (0, 1), (2, 3) ... of ``[B, A, S, D]`` by angles given as sines and cosines ``[S, D / 2]``."""
    sines, cosines = angles
    even, odd = states[..., 0::2], states[..., 1::2]
    turned = ops.stack((even * cosines - odd * sines, odd * cosines + even * sines), axis=-1)
    return ops.reshape(turned, ops.shape(states))


def additive_mask(mask: Tensor) -> Tensor:
    """``[B, T]`` or ``[B, S, T]`` with ones to attend to -> the lowest finite number elsewhere, ``[B, 1, ., T]``."""
    mask = ops.cast(mask, "float32")
    mask = mask[:, None, None, :] if len(mask.shape) == 2 else mask[:, None]
    return (1.0 - mask) * tf.float32.min


class Surroundings(NamedTuple):
    """What every layer sees besides the states of the layer before."""

    rotation: tuple[Tensor, Tensor]
    mask: Tensor | None
    encoder_states: Tensor | None
    encoder_mask: Tensor | None
    training: bool


class RoFormerSelfAttention(Part):
    """Scaled dot-product attention over rotated queries and keys; in cross-attention nothing is rotated."""

    def __init__(self, config: RoFormerConfig, book: Book, path: str) -> None:
        super().__init__(config, book)
        hidden, bias = config.hidden_size, not config.is_v2
        self.query = Linear(config, book, f"{path}.query", hidden, hidden, bias=bias)
        self.key = Linear(config, book, f"{path}.key", hidden, hidden, bias=bias)
        self.value = Linear(config, book, f"{path}.value", hidden, hidden, bias=bias)
        self.dropout = keras.layers.Dropout(config.attention_probs_dropout_prob)

    def attend(
        self, states: Tensor, head_mask: Tensor | None, past: LayerCache | None, around: Surroundings, crossed: bool
    ) -> tuple[Tensor, Tensor, LayerCache]:
        """The context ``[B, S, H]``, the weights ``[B, A, S, T]``, keys and values."""
        query, mask = self._split(self.query(states)), around.encoder_mask if crossed else around.mask
        if crossed and past is not None:  # the encoder's states do not change from token to token
            key, value = past
        else:
            source = around.encoder_states if crossed else states
            key, value = self._split(self.key(source)), self._split(self.value(source))
        if not crossed:
            query, key = rotate(query, around.rotation), rotate(key, around.rotation)
            value = rotate(value, around.rotation) if self._config.rotary_value else value
            if past is not None:
                key = ops.concatenate((past[0], key), axis=2)
                value = ops.concatenate((past[1], value), axis=2)
        scores = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2))) / math.sqrt(self._config.head_size)
        weights = ops.softmax(scores if mask is None else scores + mask, axis=-1)
        weights = self.dropout(weights, training=around.training)
        weights = weights if head_mask is None else weights * head_mask
        context = ops.transpose(ops.matmul(weights, value), (0, 2, 1, 3))
        return ops.reshape(context, ops.shape(states)), weights, (key, value)

    def _split(self, states: Tensor) -> Tensor:
        """``[B, S, H] -> [B, A, S, D]``."""
        batch, length = ops.shape(states)[:2]
        heads = ops.reshape(states, (batch, length, self._config.num_attention_heads, self._config.head_size))
        return ops.transpose(heads, (0, 2, 1, 3))


class RoFormerResidual(Part):
    """A linear layer, dropout, the residual and the norm that close attention and feed-forward."""

    def __init__(self, config: RoFormerConfig, book: Book, path: str, inputs: int) -> None:
        super().__init__(config, book)
        self.dense = Linear(config, book, f"{path}.dense", inputs, config.hidden_size, bias=not config.is_v2)
        self.norm = LayerNorm(config, book, f"{path}.LayerNorm", config.hidden_size, plain=config.is_v2)
        self.dropout = keras.layers.Dropout(config.hidden_dropout_prob)

    def call(self, states: Tensor, residual: Tensor, training: bool) -> Tensor:
        return self.norm(self.dropout(self.dense(states), training=training) + residual)


class RoFormerAttention(Part):
    """Attention with its output product, residual and norm."""

    def __init__(self, config: RoFormerConfig, book: Book, path: str) -> None:
        super().__init__(config, book)
        self.inner = RoFormerSelfAttention(config, book, f"{path}.self")
        self.close = RoFormerResidual(config, book, f"{path}.output", config.hidden_size)

    def attend(
        self, states: Tensor, head_mask: Tensor | None, past: LayerCache | None, around: Surroundings, crossed: bool
    ) -> tuple[Tensor, Tensor, LayerCache]:
        """As :meth:`RoFormerSelfAttention.attend`, with closed states."""
        context, weights, pair = self.inner.attend(states, head_mask, past, around, crossed)
        return self.close(context, states, training=around.training), weights, pair


class LayerOutput(NamedTuple):
    """States ``[B, S, H]``, keys and values, and attention weights."""

    states: Tensor
    cache: LayerCache
    weights: Tensor
    cross_weights: Tensor | None


class RoFormerLayer(Part):
    """Self-attention, cross-attention in a decoder that has it, feed-forward."""

    def __init__(self, config: RoFormerConfig, book: Book, path: str) -> None:
        super().__init__(config, book)
        inner = config.intermediate_size
        self.attention = RoFormerAttention(config, book, f"{path}.attention")
        if config.add_cross_attention:
            self.crossattention = RoFormerAttention(config, book, f"{path}.crossattention")
        dense = f"{path}.intermediate.dense"
        self.intermediate = Linear(config, book, dense, config.hidden_size, inner, bias=not config.is_v2)
        self.close = RoFormerResidual(config, book, f"{path}.output", inner)
        self.activation = ACTIVATIONS[config.hidden_act]

    def run(
        self, states: Tensor, head_mask: Tensor | None, past: LayerCache | None, around: Surroundings
    ) -> LayerOutput:
        """One step up the stack."""
        own, crossed = (None, None) if past is None else (past[:2], past[2:])
        states, weights, cache = self.attention.attend(states, head_mask, own, around, False)
        cross_weights = None
        if around.encoder_states is not None:
            states, cross_weights, pair = self.crossattention.attend(states, head_mask, crossed or None, around, True)
            cache += pair
        widened = self.activation(self.intermediate(states))
        return LayerOutput(self.close(widened, states, training=around.training), cache, weights, cross_weights)


class RoFormerEncoder(Part):
    """Embeddings and the stack of layers over one rotary table: all that has the prefix ``roformer``."""

    def __init__(self, config: RoFormerConfig, book: Book) -> None:
        super().__init__(config, book)
        self.embeddings = RoFormerEmbeddings(config, book)
        if config.has_projection:
            widths = config.width_of_embeddings, config.hidden_size
            self.project = Linear(config, book, "roformer.embeddings_project", *widths, bias=not config.is_v2)
        count = config.num_hidden_layers
        self.stack = [RoFormerLayer(config, book, f"roformer.encoder.layer.{index}") for index in range(count)]

    def run(
        self,
        states: Tensor,
        head_mask: Tensor | None,
        past: Cache | None,
        around: Surroundings,
    ) -> list[LayerOutput]:
        """Run all layers and return what each gave."""
        outputs: list[LayerOutput] = []
        for index, layer in enumerate(self.stack):
            factor = None if head_mask is None else head_mask[index]
            outputs.append(layer.run(states, factor, None if past is None else past[index], around))
            states = outputs[-1].states
        return outputs

    def embed(
        self, input_ids: Tensor | None, token_type_ids: Tensor | None, inputs_embeds: Tensor | None, training: bool
    ) -> Tensor:
        """``[B, S] -> [B, S, H]``."""
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("give either input_ids or inputs_embeds")
        states = self.embeddings(input_ids, token_type_ids, inputs_embeds, training=training)
        return self.project(states) if self._config.has_projection else states

    def rotation(self, start: int, length: Any) -> tuple[Tensor, Tensor]:
        """Sines and cosines ``[length, D / 2]`` from position ``start``."""
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
        """The additive mask of the self-attention: padding, and in a decoder the future."""
        if self._config.is_decoder and (mask is None or len(mask.shape) == 2):
            new = ops.shape(states)[1]
            causal = ops.cast(ops.arange(past + new)[None, :] <= ops.arange(new)[:, None] + past, "float32")[None]
            mask = causal if mask is None else causal * ops.cast(mask, "float32")[:, None]
        return None if mask is None else additive_mask(mask)
