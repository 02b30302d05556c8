"""Attention of RoFormer in Keras: rotation, masks, scaled dot products, and the norm and residual that close them.

The counterpart of :mod:`roformer_edge.models.torch.attention`, in the same order and to the same numbers, over layers
that make their variables at once and register them under their canonical names. Letters for sizes are those of
:mod:`roformer_edge.models.keras.encoder`, which stacks these parts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import keras
import tensorflow as tf
from keras import ops

from roformer_edge.config import RoFormerConfig

Tensor: TypeAlias = tf.Tensor
LayerCache: TypeAlias = tuple[Tensor, ...]  # keys and values [B, A, T, D], then those of the cross-attention
Cache: TypeAlias = Sequence[LayerCache]


class VariableRegistry:
    """A model's variables: canonical name -> variable, and whether the canonical array is its transpose.

    A class of its own, because Keras would track the variables of a plain dictionary a second time.
    """

    def __init__(self) -> None:
        self.entries: dict[str, tuple[Any, bool]] = {}


class NamedLayer(keras.layers.Layer):
    """A layer that registers its variables under their canonical names."""

    def __init__(self, config: RoFormerConfig, registry: VariableRegistry) -> None:
        super().__init__()
        self._config, self._registry = config, registry

    def matrix(self, name: str, rows: int, columns: int, transposed: bool = False) -> Any:
        """Make a normally distributed variable ``[rows, columns]``."""
        start = keras.initializers.RandomNormal(stddev=self._config.initializer_range)
        return self._register(
            name, self.add_weight(shape=(rows, columns), initializer=start, name="weight"), transposed
        )

    def vector(self, name: str, width: int, start: str = "zeros") -> Any:
        """Make a variable ``[width]``."""
        return self._register(name, self.add_weight(shape=(width,), initializer=start, name="vector"), False)

    def _register(self, name: str, variable: Any, transposed: bool) -> Any:
        self._registry.entries[name] = (variable, transposed)
        return variable


class Linear(NamedLayer):
    """A linear layer, ``[..., inputs] -> [..., outputs]``."""

    def __init__(
        self,
        config: RoFormerConfig,
        registry: VariableRegistry,
        name: str,
        inputs: int,
        outputs: int,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(config, registry)
        self.kernel = self.matrix(f"{name}.weight", inputs, outputs, transposed=True)
        self.bias = self.vector(f"{name}.bias", outputs) if bias else None

    def call(self, states: Tensor) -> Tensor:
        product = ops.matmul(states, self.kernel)
        return product if self.bias is None else product + self.bias


class LayerNorm(NamedLayer):
    """Layer normalisation; ``plain``: division by the root mean square alone, the norm of RoFormerV2."""

    def __init__(
        self, config: RoFormerConfig, registry: VariableRegistry, name: str, width: int, *, plain: bool = False
    ) -> None:
        super().__init__(config, registry)
        self.plain = plain
        if not plain:
            self.weight = self.vector(f"{name}.weight", width, "ones")
            self.bias = self.vector(f"{name}.bias", width)

    def call(self, states: Tensor) -> Tensor:
        if not self.plain:
            states = states - ops.mean(states, axis=-1, keepdims=True)
        scaled = states * ops.rsqrt(ops.mean(ops.square(states), axis=-1, keepdims=True) + self._config.layer_norm_eps)
        return scaled if self.plain else scaled * self.weight + self.bias


def rotate(states: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
    """Rotate the pairs (0, 1), (2, 3) ... of ``[B, A, S, D]`` by angles given as sines and cosines ``[S, D / 2]``."""
    sines, cosines = angles
    even, odd = states[..., 0::2], states[..., 1::2]
    rotated = ops.stack((even * cosines - odd * sines, odd * cosines + even * sines), axis=-1)
    return ops.reshape(rotated, ops.shape(states))


def additive_mask(mask: Tensor) -> Tensor:
    """Make of ``[B, T]`` or ``[B, S, T]`` with ones to attend to what is added to scores, ``[B, 1, 1 or S, T]``."""
    mask = ops.cast(mask, "float32")
    mask = ops.expand_dims(mask, (1, 2) if len(mask.shape) == 2 else 1)
    return (1.0 - mask) * tf.float32.min


class LayerInputs(NamedTuple):
    """What every layer reads besides the states of the layer before."""

    rotation: tuple[Tensor, Tensor]
    mask: Tensor | None
    encoder_states: Tensor | None
    encoder_mask: Tensor | None
    training: bool


class RoFormerSelfAttention(NamedLayer):
    """Scaled dot-product attention over rotated queries and keys; in cross-attention nothing is rotated."""

    def __init__(self, config: RoFormerConfig, registry: VariableRegistry, path: str, heads: int) -> None:
        super().__init__(config, registry)
        self.heads = heads
        hidden, width, bias = config.hidden_size, heads * config.head_size, config.use_bias
        self.query = Linear(config, registry, f"{path}.query", hidden, width, bias=bias)
        self.key = Linear(config, registry, f"{path}.key", hidden, width, bias=bias)
        self.value = Linear(config, registry, f"{path}.value", hidden, width, bias=bias)
        self.dropout = keras.layers.Dropout(config.attention_probs_dropout_prob)

    def attend(
        self, states: Tensor, head_mask: Tensor | None, past: LayerCache | None, shared: LayerInputs, cross: bool
    ) -> tuple[Tensor, Tensor, LayerCache]:
        """Attend as in torch: the context ``[B, S, H]``, the weights ``[B, A, S, T]``, keys and values."""
        query, mask = self._split(self.query(states)), shared.encoder_mask if cross else shared.mask
        if cross and past is not None:  # the encoder's states do not change from token to token
            key, value = past
        else:
            source = shared.encoder_states if cross else states
            key, value = self._split(self.key(source)), self._split(self.value(source))
        if not cross:
            query, key = rotate(query, shared.rotation), rotate(key, shared.rotation)
            value = rotate(value, shared.rotation) if self._config.rotary_value else value
            if past is not None:
                key = ops.concatenate((past[0], key), axis=2)
                value = ops.concatenate((past[1], value), axis=2)
        scores = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2))) / math.sqrt(self._config.head_size)
        # the softmax of Keras warns of texts of one token
        weights = tf.nn.softmax(scores if mask is None else scores + mask, axis=-1)
        weights = self.dropout(weights, training=shared.training)
        weights = weights if head_mask is None else weights * head_mask
        context = ops.transpose(ops.matmul(weights, value), (0, 2, 1, 3))
        width = self.heads * self._config.head_size
        return ops.reshape(context, (*ops.shape(states)[:2], width)), weights, (key, value)

    def _split(self, states: Tensor) -> Tensor:
        """Split ``[B, S, H]`` into heads, ``[B, A, S, D]``."""
        batch, length = ops.shape(states)[:2]
        heads = ops.reshape(states, (batch, length, self.heads, self._config.head_size))
        return ops.transpose(heads, (0, 2, 1, 3))


class RoFormerResidual(NamedLayer):
    """A linear layer, dropout, the residual and the norm that close attention and feed-forward."""

    def __init__(self, config: RoFormerConfig, registry: VariableRegistry, path: str, inputs: int) -> None:
        super().__init__(config, registry)
        self.dense = Linear(config, registry, f"{path}.dense", inputs, config.hidden_size, bias=config.use_bias)
        self.norm = LayerNorm(config, registry, f"{path}.LayerNorm", config.hidden_size, plain=config.is_v2)
        self.dropout = keras.layers.Dropout(config.hidden_dropout_prob)

    def call(self, states: Tensor, residual: Tensor, training: bool) -> Tensor:
        return self.norm(self.dropout(self.dense(states), training=training) + residual)


class RoFormerAttention(NamedLayer):
    """Attention with its output product, residual and norm."""

    def __init__(self, config: RoFormerConfig, registry: VariableRegistry, path: str, heads: int) -> None:
        super().__init__(config, registry)
        self.self_attention = RoFormerSelfAttention(config, registry, f"{path}.self", heads)
        self.residual = RoFormerResidual(config, registry, f"{path}.output", heads * config.head_size)

    def attend(
        self, states: Tensor, head_mask: Tensor | None, past: LayerCache | None, shared: LayerInputs, cross: bool
    ) -> tuple[Tensor, Tensor, LayerCache]:
        """Attend as :meth:`RoFormerSelfAttention.attend`, and close with product, residual and norm."""
        context, weights, pair = self.self_attention.attend(states, head_mask, past, shared, cross)
        return self.residual(context, states, training=shared.training), weights, pair
