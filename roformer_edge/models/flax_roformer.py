"""RoFormer in Flax: embeddings, rotation, attention, feed-forward, layer, encoder, heads, from top to bottom.

The counterpart of :mod:`roformer_edge.models.torch_encoder` and :mod:`~roformer_edge.models.torch_roformer`, in the
same order and to the same numbers; parameter trees are those of Hugging Face. As there, the Flax models are encoders:
there is no causal one. B texts, S tokens, E embedding width, H hidden units, A heads of D numbers each.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeAlias

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import TextTooLongError, UnsupportedModelError
from roformer_edge.models.checkpoint import load_architecture, save_checkpoint
from roformer_edge.models.keymap import is_v2, shapes_of
from roformer_edge.models.outputs import EncoderOutput, LogitsOutput, SpanOutput
from roformer_edge.models.parameter_tree import from_tree, to_tree
from roformer_edge.models.pooling import summary_type_of
from roformer_edge.models.rotary import rotary_table

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = [
    "FlaxRoFormerForMaskedLM",
    "FlaxRoFormerForMultipleChoice",
    "FlaxRoFormerForQuestionAnswering",
    "FlaxRoFormerForSequenceClassification",
    "FlaxRoFormerForTokenClassification",
    "FlaxRoFormerModel",
]

Array: TypeAlias = jax.Array
Params: TypeAlias = Mapping[str, Any]

_ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "gelu": partial(jax.nn.gelu, approximate=False),
    "gelu_new": partial(jax.nn.gelu, approximate=True),
    "gelu_pytorch_tanh": partial(jax.nn.gelu, approximate=True),
    "relu": jax.nn.relu,
    "silu": jax.nn.silu,
    "swish": jax.nn.silu,
    "tanh": jnp.tanh,
}

for _output in (EncoderOutput, LogitsOutput, SpanOutput):  # so that they pass through jit and grad
    jax.tree_util.register_dataclass(_output, [item.name for item in dataclasses.fields(_output)], [])


class RMSNorm(nn.Module):
    """Division by the root mean square, without gain: the norm of RoFormerV2."""

    eps: float

    def __call__(self, states: Array) -> Array:
        return states * jax.lax.rsqrt(jnp.square(states).mean(-1, keepdims=True) + self.eps)


def _norm(config: RoFormerConfig, name: str | None = None) -> nn.Module:
    """A norm of the encoder; ``name`` is given in compact methods only."""
    if is_v2(config):
        return RMSNorm(config.layer_norm_eps, name=name)
    return nn.LayerNorm(epsilon=config.layer_norm_eps, use_fast_variance=False, name=name)


def _dense(config: RoFormerConfig, width: int, name: str | None = None, bias: bool = True) -> nn.Dense:
    start = nn.initializers.normal(config.initializer_range)
    return nn.Dense(width, use_bias=bias, kernel_init=start, name=name)


def _linear(config: RoFormerConfig, width: int, name: str | None = None) -> nn.Dense:
    """A linear layer of the encoder: without bias in RoFormerV2."""
    return _dense(config, width, name, bias=not is_v2(config))


class FlaxRoFormerEmbeddings(nn.Module):
    """Word plus token-type embedding, normalised: ``[B, S] -> [B, S, E]``. No position enters here."""

    config: RoFormerConfig

    def setup(self) -> None:
        start = nn.initializers.normal(self.config.initializer_range)
        width = self.config.width_of_embeddings
        self.word_embeddings = nn.Embed(self.config.vocab_size, width, embedding_init=start)
        self.token_type_embeddings = nn.Embed(self.config.type_vocab_size, width, embedding_init=start)
        self.LayerNorm = _norm(self.config)
        self.dropout = nn.Dropout(self.config.hidden_dropout_prob)

    def __call__(
        self, input_ids: Array | None, token_type_ids: Array | None, inputs_embeds: Array | None, fixed: bool
    ) -> Array:
        words = self._words(input_ids) if inputs_embeds is None else inputs_embeds
        if token_type_ids is None:
            token_type_ids = jnp.zeros(words.shape[:2], dtype=jnp.int32)
        return self.dropout(self.LayerNorm(words + self.token_type_embeddings(token_type_ids)), deterministic=fixed)

    def _words(self, input_ids: Array | None) -> Array:
        """The looked-up rows; as in torch, padding does not train its row."""
        words: Array = self.word_embeddings(input_ids)
        if self.config.pad_token_id is None:
            return words
        return jnp.where(jnp.equal(input_ids, self.config.pad_token_id)[..., None], jax.lax.stop_gradient(words), words)


def rotate(states: Array, angles: tuple[Array, Array]) -> Array:
    """Turn the pairs (0, 1), (2, 3) ... of ``[B, A, S, D]`` by angles given as sines and cosines ``[S, D / 2]``."""
    sines, cosines = angles
    even, odd = states[..., 0::2], states[..., 1::2]
    return jnp.stack((even * cosines - odd * sines, odd * cosines + even * sines), axis=-1).reshape(states.shape)


def additive_mask(mask: Array) -> Array:
    """``[B, S]`` or ``[B, S, S]`` with ones to attend to -> the lowest finite number elsewhere, ``[B, 1, ., S]``."""
    mask = mask[:, None, None, :] if mask.ndim == 2 else mask[:, None]
    return (1.0 - mask.astype(jnp.float32)) * jnp.finfo(jnp.float32).min


class Surroundings(NamedTuple):
    """What every layer sees besides the states of the layer before."""

    rotation: tuple[Array, Array]
    mask: Array | None
    fixed: bool  # no dropout


class FlaxRoFormerSelfAttention(nn.Module):
    """Scaled dot-product attention over rotated queries and keys."""

    config: RoFormerConfig

    @nn.compact
    def __call__(self, states: Array, head_mask: Array | None, around: Surroundings) -> tuple[Array, Array]:
        """The context ``[B, S, H]`` and the weights ``[B, A, S, S]``."""
        config = self.config
        batch, length, hidden = states.shape

        def project(name: str, turn: bool) -> Array:
            flat = _linear(config, hidden, name)(states)
            heads = flat.reshape(batch, length, config.num_attention_heads, -1).transpose(0, 2, 1, 3)
            return rotate(heads, around.rotation) if turn else heads

        query, key, value = project("query", True), project("key", True), project("value", config.rotary_value)
        scores = query @ key.swapaxes(-1, -2) / math.sqrt(config.head_size)
        weights = jax.nn.softmax(scores if around.mask is None else scores + around.mask, axis=-1)
        weights = nn.Dropout(config.attention_probs_dropout_prob)(weights, deterministic=around.fixed)
        weights = weights if head_mask is None else weights * head_mask
        return (weights @ value).transpose(0, 2, 1, 3).reshape(batch, length, hidden), weights


class FlaxRoFormerResidual(nn.Module):
    """A linear layer, dropout, the residual and the norm that close attention and feed-forward."""

    config: RoFormerConfig

    @nn.compact
    def __call__(self, states: Array, residual: Array, fixed: bool) -> Array:
        states = _linear(self.config, self.config.hidden_size, "dense")(states)
        states = nn.Dropout(self.config.hidden_dropout_prob)(states, deterministic=fixed)
        return _norm(self.config, "LayerNorm")(states + residual)


class FlaxRoFormerAttention(nn.Module):
    """Attention with its output product, residual and norm."""

    config: RoFormerConfig

    @nn.compact
    def __call__(self, states: Array, head_mask: Array | None, around: Surroundings) -> tuple[Array, Array]:
        context, weights = FlaxRoFormerSelfAttention(self.config, name="self")(states, head_mask, around)
        return FlaxRoFormerResidual(self.config, name="output")(context, states, around.fixed), weights


class FlaxRoFormerIntermediate(nn.Module):
    """The widening half of the feed-forward."""

    config: RoFormerConfig

    @nn.compact
    def __call__(self, states: Array) -> Array:
        widened = _linear(self.config, self.config.intermediate_size, "dense")(states)
        return _ACTIVATIONS[self.config.hidden_act](widened)


class FlaxRoFormerLayer(nn.Module):
    """Self-attention and feed-forward."""

    config: RoFormerConfig

    @nn.compact
    def __call__(self, states: Array, head_mask: Array | None, around: Surroundings) -> tuple[Array, Array]:
        states, weights = FlaxRoFormerAttention(self.config, name="attention")(states, head_mask, around)
        widened = FlaxRoFormerIntermediate(self.config, name="intermediate")(states)
        return FlaxRoFormerResidual(self.config, name="output")(widened, states, around.fixed), weights


class FlaxRoFormerLayers(nn.Module):
    """The layers, numbered."""

    config: RoFormerConfig

    @nn.compact
    def __call__(self, states: Array, head_mask: Array | None, around: Surroundings) -> tuple[list[Array], list[Array]]:
        """All states ``[B, S, H]``, those before the first layer included, and all weights ``[B, A, S, S]``."""
        all_states, all_weights = [states], []
        for index in range(self.config.num_hidden_layers):
            factor = None if head_mask is None else head_mask[index]
            states, weights = FlaxRoFormerLayer(self.config, name=str(index))(states, factor, around)
            all_states.append(states)
            all_weights.append(weights)
        return all_states, all_weights


class FlaxRoFormerEncoder(nn.Module):
    """The stack of layers over one rotary table."""

    config: RoFormerConfig

    @nn.compact
    def __call__(
        self, states: Array, mask: Array | None, head_mask: Array | None, fixed: bool
    ) -> tuple[list[Array], list[Array]]:
        length, positions = states.shape[1], self.config.max_position_embeddings
        if length > positions:
            raise TextTooLongError(
                f"{length} tokens, but the model has {positions} positions; truncate the text, or load the model with "
                "a config of more max_position_embeddings"
            )
        sines, cosines = np.split(rotary_table(length, self.config.head_size), 2, axis=-1)
        around = Surroundings((jnp.asarray(sines), jnp.asarray(cosines)), mask, fixed)
        return FlaxRoFormerLayers(self.config, name="layer")(states, head_mask, around)


class FlaxRoFormerModule(nn.Module):
    """The bare encoder, as a module without parameters of its own."""

    config: RoFormerConfig

    def setup(self) -> None:
        self.embeddings = FlaxRoFormerEmbeddings(self.config)
        if self.config.has_projection:
            self.embeddings_project = _linear(self.config, self.config.hidden_size)
        self.encoder = FlaxRoFormerEncoder(self.config)

    def __call__(
        self,
        input_ids: Array | None,
        attention_mask: Array | None,
        token_type_ids: Array | None,
        head_mask: Array | None,
        inputs_embeds: Array | None,
        fixed: bool,
    ) -> tuple[list[Array], list[Array]]:
        states = self.embeddings(input_ids, token_type_ids, inputs_embeds, fixed)
        if self.config.has_projection:
            states = self.embeddings_project(states)
        if head_mask is not None:  # [A] or [layers, A] -> one factor [1, A, 1, 1] a layer
            shape = (self.config.num_hidden_layers, self.config.num_attention_heads)
            head_mask = jnp.broadcast_to(head_mask, shape)[:, None, :, None, None]
        mask = None if attention_mask is None else additive_mask(attention_mask)
        return self.encoder(states, mask, head_mask, fixed)

    def word_table(self) -> Array:
        """``[V, E]``."""
        table: Array = self.embeddings.word_embeddings.embedding
        return table


class FlaxRoFormerPredictionTransform(nn.Module):
    """From hidden states to the width of the embeddings: ``[B, S, H] -> [B, S, E]``."""

    config: RoFormerConfig

    @nn.compact
    def __call__(self, states: Array) -> Array:
        states = _dense(self.config, self.config.width_of_embeddings, "dense")(states)
        return _norm(self.config, "LayerNorm")(_ACTIVATIONS[self.config.hidden_act](states))


class FlaxRoFormerPredictions(nn.Module):
    """From hidden states to the vocabulary: ``[B, S, H] -> [B, S, V]``; RoFormerV2 has the tied matrix only."""

    config: RoFormerConfig

    @nn.compact
    def __call__(self, states: Array, word_table: Array) -> Array:
        if not is_v2(self.config):
            states = FlaxRoFormerPredictionTransform(self.config, name="transform")(states)
        if self.config.tie_word_embeddings:
            logits = states @ word_table.T
        else:
            logits = _dense(self.config, self.config.vocab_size, "decoder", bias=False)(states)
        if is_v2(self.config):
            return logits
        return logits + self.param("bias", nn.initializers.zeros, (self.config.vocab_size,))


class FlaxRoFormerMaskedLMHead(nn.Module):
    """The language-model head under the name it has in checkpoints."""

    config: RoFormerConfig

    @nn.compact
    def __call__(self, states: Array, word_table: Array) -> Array:
        return FlaxRoFormerPredictions(self.config, name="predictions")(states, word_table)


class FlaxRoFormerClassificationHead(nn.Module):
    """Two linear layers over the first token's state, with the config's activation between them."""

    config: RoFormerConfig

    @nn.compact
    def __call__(self, states: Array, fixed: bool) -> Array:
        dropout = nn.Dropout(self.config.hidden_dropout_prob)
        first = dropout(states[:, 0], deterministic=fixed)
        states = _dense(self.config, self.config.hidden_size, "dense")(first)
        states = dropout(_ACTIVATIONS[self.config.hidden_act](states), deterministic=fixed)
        return _dense(self.config, self.config.num_labels, "out_proj")(states)


def pool(states: Array, attention_mask: Array | None, summary_type: str) -> Array:
    """One state for a whole text: ``[B, S, H] -> [B, H]``; see :func:`roformer_edge.models.torch_roformer.pool`."""
    if summary_type == "last_token" and attention_mask is not None:
        last = ((attention_mask != 0) * jnp.arange(states.shape[1])).max(axis=1)
        return jnp.take_along_axis(states, last[:, None, None], axis=1)[:, 0]
    return states[:, 0] if summary_type == "first" else states.mean(axis=1) if summary_type == "mean" else states[:, -1]


class FlaxRoFormerHeadedModule(nn.Module):
    """An encoder with one head; subclasses say what the head computes."""

    config: RoFormerConfig

    def setup(self) -> None:
        self.roformer = FlaxRoFormerModule(self.config)
        self.add_head(self.config)

    def add_head(self, config: RoFormerConfig) -> None:
        """Create the head's modules."""
        raise NotImplementedError

    def head(self, states: Array, attention_mask: Array | None, fixed: bool) -> Array:
        """From the encoder's last states ``[B, S, H]`` to logits."""
        raise NotImplementedError

    def __call__(
        self,
        input_ids: Array | None,
        attention_mask: Array | None,
        token_type_ids: Array | None,
        head_mask: Array | None,
        inputs_embeds: Array | None,
        fixed: bool,
    ) -> tuple[Array, list[Array], list[Array]]:
        """Logits, all states and all attention weights."""
        states, weights = self.roformer(input_ids, attention_mask, token_type_ids, head_mask, inputs_embeds, fixed)
        return self.head(states[-1], attention_mask, fixed), states, weights


class FlaxRoFormerForMaskedLMModule(FlaxRoFormerHeadedModule):
    """See :class:`FlaxRoFormerForMaskedLM`."""

    def add_head(self, config: RoFormerConfig) -> None:
        self.cls = FlaxRoFormerMaskedLMHead(config)

    def head(self, states: Array, attention_mask: Array | None, fixed: bool) -> Array:
        return self.cls(states, self.roformer.word_table())


class FlaxRoFormerForSequenceClassificationModule(FlaxRoFormerHeadedModule):
    """See :class:`FlaxRoFormerForSequenceClassification`."""

    def add_head(self, config: RoFormerConfig) -> None:
        self.classifier = FlaxRoFormerClassificationHead(config)

    def head(self, states: Array, attention_mask: Array | None, fixed: bool) -> Array:
        return self.classifier(states, fixed)


class FlaxRoFormerForMultipleChoiceModule(FlaxRoFormerHeadedModule):
    """See :class:`FlaxRoFormerForMultipleChoice`."""

    def add_head(self, config: RoFormerConfig) -> None:
        self.summary_type = summary_type_of(config)
        self.classifier = _dense(config, 1)

    def head(self, states: Array, attention_mask: Array | None, fixed: bool) -> Array:
        return self.classifier(pool(states, attention_mask, self.summary_type))


class FlaxRoFormerForTokenClassificationModule(FlaxRoFormerHeadedModule):
    """See :class:`FlaxRoFormerForTokenClassification`."""

    def add_head(self, config: RoFormerConfig) -> None:
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.classifier = _dense(config, config.num_labels)

    def head(self, states: Array, attention_mask: Array | None, fixed: bool) -> Array:
        return self.classifier(self.dropout(states, deterministic=fixed))


class FlaxRoFormerForQuestionAnsweringModule(FlaxRoFormerHeadedModule):
    """See :class:`FlaxRoFormerForQuestionAnswering`."""

    def add_head(self, config: RoFormerConfig) -> None:
        self.qa_outputs = _dense(config, 2)

    def head(self, states: Array, attention_mask: Array | None, fixed: bool) -> Array:
        return self.qa_outputs(states)


class FlaxRoFormerPreTrainedModel:
    """Base of the Flax models: a module with its parameters, callable like the original's.

    Attributes:
        architecture: The class's name in ``config.json``, without the framework.
        module_class: The module that computes.
        config: The architecture's numbers.
        params: The parameter tree; replace it, or pass ``params`` to a call, as jit, grad and optax need it.
    """

    architecture: ClassVar[str]
    module_class: ClassVar[type[nn.Module]]

    def __init__(self, config: RoFormerConfig, *, seed: int = 0, params: Params | None = None) -> None:
        if config.is_decoder:
            raise UnsupportedModelError("the Flax models are encoders; use the torch or TensorFlow ones for a decoder")
        self.config = config
        self.module = self.module_class(config)
        self.params = self._random(seed) if params is None else params

    @classmethod
    def from_pretrained(
        cls, directory: str | Path, *, config: RoFormerConfig | None = None, new_head: bool = False, seed: int = 0
    ) -> Self:
        """Load a checkpoint directory of any framework.

        Args:
            directory: See :func:`~roformer_edge.models.checkpoint.load_checkpoint`.
            config: Used instead of the directory's, for instance with the labels of a new task.
            new_head: Start with a random head where the checkpoint has none; without it that is an error.
            seed: Of that head.

        Raises:
            CheckpointError: Missing, unexpected or mis-shaped weights, or a file that cannot be trusted.
        """
        checkpoint = load_architecture(directory, cls.architecture, config=config, head_may_miss=new_head)
        arrays = dict(checkpoint.arrays)
        head = shapes_of(checkpoint.config, cls.architecture).keys() - arrays.keys()
        if head:
            drawn = cls(checkpoint.config, seed=seed).canonical_arrays()
            arrays |= {name: drawn[name] for name in head}
        return cls(checkpoint.config, params=to_tree(arrays, bare=cls.architecture == "RoFormerModel"))

    def save_pretrained(self, directory: str | Path) -> Path:
        """Write ``config.json`` and ``model.safetensors``, which every framework here and transformers' torch read."""
        return save_checkpoint(directory, self.config, self.architecture, self.canonical_arrays())

    def canonical_arrays(self) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
        """The parameters under their canonical names, matrices as torch stores them."""
        return from_tree(self.params, bare=self.architecture == "RoFormerModel")

    def _random(self, seed: int) -> Params:
        ids = jnp.zeros((1, 1), dtype=jnp.int32)
        params: Any = self.module.init(jax.random.key(seed), ids, None, None, None, None, True)["params"]
        if self.config.pad_token_id is not None:
            encoder = params if self.architecture == "RoFormerModel" else params["roformer"]
            words = encoder["embeddings"]["word_embeddings"]
            words["embedding"] = words["embedding"].at[self.config.pad_token_id].set(0)
        tree: Params = params
        return tree

    def _run(
        self,
        params: Params | None,
        inputs: tuple[Array | None, ...],
        train: bool,
        dropout_rng: Array | None,
    ) -> tuple[Any, ...]:
        if (inputs[0] is None) == (inputs[4] is None):
            raise ValueError("give either input_ids or inputs_embeds")
        if train and dropout_rng is None:
            raise ValueError("training draws random numbers: give a dropout_rng")
        arrays = tuple(None if given is None else jnp.asarray(given) for given in inputs)
        variables = {"params": self.params if params is None else params}
        rngs = {"dropout": dropout_rng} if train else None
        outputs: tuple[Any, ...] = self.module.apply(variables, *arrays, not train, rngs=rngs)
        return outputs


def _chosen(states: list[Array], weights: list[Array], hidden: bool, attentions: bool) -> dict[str, Any]:
    return {
        "hidden_states": tuple(states) if hidden else None,
        "attentions": tuple(weights) if attentions else None,
    }


class FlaxRoFormerModel(FlaxRoFormerPreTrainedModel):
    """The bare encoder."""

    architecture = "RoFormerModel"
    module_class = FlaxRoFormerModule

    def __call__(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        token_type_ids: Any = None,
        head_mask: Any = None,
        inputs_embeds: Any = None,
        *,
        params: Params | None = None,
        dropout_rng: Array | None = None,
        train: bool = False,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
        return_dict: bool | None = None,
    ) -> EncoderOutput[Array] | tuple[Any, ...]:
        """Encode a batch; arguments as in :meth:`roformer_edge.models.torch_encoder.RoFormerModel.forward`.

        Args:
            input_ids: int ``[B, S]``; either these or ``inputs_embeds``.
            attention_mask: ``[B, S]`` or ``[B, S, S]``.
            token_type_ids: int ``[B, S]``.
            head_mask: ``[A]`` or ``[layers, A]``.
            inputs_embeds: ``[B, S, E]``.
            params: Used instead of the model's own: what jit and grad differentiate.
            dropout_rng: A random key, needed in training.
            train: Apply dropout.
            output_attentions: Return the attention weights of every layer.
            output_hidden_states: Return the states before the first layer and after each.
            return_dict: ``False`` gives a tuple of the fields that are there.
        """
        inputs = (input_ids, attention_mask, token_type_ids, head_mask, inputs_embeds)
        states, weights = self._run(params, inputs, train, dropout_rng)
        chosen = _chosen(states, weights, output_hidden_states, output_attentions)
        output: EncoderOutput[Array] = EncoderOutput(last_hidden_state=states[-1], **chosen)
        return output.to_tuple() if return_dict is False else output


class _HeadedModel(FlaxRoFormerPreTrainedModel):
    """A model with one kind of logits."""

    def __call__(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        token_type_ids: Any = None,
        head_mask: Any = None,
        inputs_embeds: Any = None,
        *,
        params: Params | None = None,
        dropout_rng: Array | None = None,
        train: bool = False,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
        return_dict: bool | None = None,
    ) -> LogitsOutput[Array] | tuple[Any, ...]:
        """Encode and apply the head; see :meth:`FlaxRoFormerModel.__call__`."""
        inputs = (input_ids, attention_mask, token_type_ids, head_mask, inputs_embeds)
        logits, states, weights = self._run(params, inputs, train, dropout_rng)
        chosen = _chosen(states, weights, output_hidden_states, output_attentions)
        output: LogitsOutput[Array] = LogitsOutput(logits=logits, **chosen)
        return output.to_tuple() if return_dict is False else output


class FlaxRoFormerForMaskedLM(_HeadedModel):
    """Every token from the tokens on both sides; logits ``[B, S, V]``."""

    architecture = "RoFormerForMaskedLM"
    module_class = FlaxRoFormerForMaskedLMModule


class FlaxRoFormerForSequenceClassification(_HeadedModel):
    """One label, several labels or numbers for a whole text; logits ``[B, labels]``."""

    architecture = "RoFormerForSequenceClassification"
    module_class = FlaxRoFormerForSequenceClassificationModule


class FlaxRoFormerForTokenClassification(_HeadedModel):
    """A label for each token; logits ``[B, S, labels]``."""

    architecture = "RoFormerForTokenClassification"
    module_class = FlaxRoFormerForTokenClassificationModule


class FlaxRoFormerForMultipleChoice(FlaxRoFormerPreTrainedModel):
    """One of several texts; inputs ``[B, choices, S]``, logits ``[B, choices]``. ``summary_type`` as in torch."""

    architecture = "RoFormerForMultipleChoice"
    module_class = FlaxRoFormerForMultipleChoiceModule

    def __call__(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        token_type_ids: Any = None,
        head_mask: Any = None,
        inputs_embeds: Any = None,
        *,
        params: Params | None = None,
        dropout_rng: Array | None = None,
        train: bool = False,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
        return_dict: bool | None = None,
    ) -> LogitsOutput[Array] | tuple[Any, ...]:
        """Encode every choice and apply the head; see :meth:`FlaxRoFormerModel.__call__`."""
        given = input_ids if input_ids is not None else inputs_embeds
        if given is None:
            raise ValueError("give either input_ids or inputs_embeds")
        flat = (_flat(input_ids), _flat(attention_mask), _flat(token_type_ids), head_mask, _flat(inputs_embeds))
        logits, states, weights = self._run(params, flat, train, dropout_rng)
        chosen = _chosen(states, weights, output_hidden_states, output_attentions)
        output: LogitsOutput[Array] = LogitsOutput(logits=logits.reshape(given.shape[:2]), **chosen)
        return output.to_tuple() if return_dict is False else output


def _flat(given: Any) -> Any:
    """``[B, choices, ...] -> [B * choices, ...]``."""
    return None if given is None else given.reshape(-1, *given.shape[2:])


class FlaxRoFormerForQuestionAnswering(FlaxRoFormerPreTrainedModel):
    """Where an answer starts and ends; two logits ``[B, S]``. Neither padding nor the question is masked."""

    architecture = "RoFormerForQuestionAnswering"
    module_class = FlaxRoFormerForQuestionAnsweringModule

    def __call__(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        token_type_ids: Any = None,
        head_mask: Any = None,
        inputs_embeds: Any = None,
        *,
        params: Params | None = None,
        dropout_rng: Array | None = None,
        train: bool = False,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
        return_dict: bool | None = None,
    ) -> SpanOutput[Array] | tuple[Any, ...]:
        """Encode and apply the head; see :meth:`FlaxRoFormerModel.__call__`."""
        inputs = (input_ids, attention_mask, token_type_ids, head_mask, inputs_embeds)
        logits, states, weights = self._run(params, inputs, train, dropout_rng)
        chosen = _chosen(states, weights, output_hidden_states, output_attentions)
        output: SpanOutput[Array] = SpanOutput(start_logits=logits[..., 0], end_logits=logits[..., 1], **chosen)
        return output.to_tuple() if return_dict is False else output
