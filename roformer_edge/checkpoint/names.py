"""Names and shapes of every weight.

Canonical names are those of the Hugging Face state dict of a headed model: the encoder under ``roformer.``, heads
beside it. Matrices are ``[out, in]``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import UnknownNameError, UnsupportedModelError

Shapes: TypeAlias = dict[str, tuple[int, ...]]

PREFIX = "roformer."
ROTARY_TABLE = "roformer.encoder.embed_positions.weight"
WORD_EMBEDDINGS = "roformer.embeddings.word_embeddings.weight"
DECODER_WEIGHT = "cls.predictions.decoder.weight"
PROJECTION = "roformer.embeddings_project"
POOLER = "roformer.pooler.dense"


def shapes_of(config: RoFormerConfig, architecture: str) -> Shapes:
    """List the tensors of a model class, such as ``"RoFormerForMaskedLM"``, with their shapes.

    The rotary table is not among them: it follows from the config. Neither is a tied decoder matrix.

    Args:
        config: The architecture.
        architecture: The model class; ``"RoFormerModel"`` is the bare encoder.

    Returns:
        Canonical name to shape, in the order of the data flow.

    Raises:
        UnknownNameError: No such class.
    """
    if architecture not in _HEADS:
        raise UnknownNameError("architecture", architecture, _HEADS)
    return {**_encoder(config), **_HEADS[architecture](config)}


def pooler_shapes(config: RoFormerConfig) -> Shapes:
    """List the tensors of a pooler, which some checkpoints hold and no class of ours needs."""
    return _linear(POOLER, config.hidden_size, config.hidden_size)


def architectures_with(names: set[str], config: RoFormerConfig) -> list[str]:
    """List the headed classes whose heads ``names`` hold whole."""
    heads = {architecture: head(config).keys() for architecture, head in _HEADS.items()}
    return [architecture for architecture, head in heads.items() if head and head <= names]


def head_names(config: RoFormerConfig) -> frozenset[str]:
    """List the tensors of all heads of RoFormer."""
    return frozenset(name for head in _HEADS.values() for name in head(config)) | {DECODER_WEIGHT}


def check_language_model(config: RoFormerConfig) -> None:
    """Check that a language-model head can be built.

    Raises:
        UnsupportedModelError: A RoFormerV2 whose embeddings are not as wide as its states: its head is the matrix of
            word embeddings alone, with no layer that leads from one width to the other.
    """
    if config.is_v2 and config.has_projection:
        raise UnsupportedModelError(
            f"the language-model head of RoFormerV2 multiplies states by word embeddings, which must have one width: "
            f"found hidden_size {config.hidden_size} and embedding_size {config.width_of_embeddings}; "
            "only the other heads can be used"
        )


def _linear(module: str, inputs: int, outputs: int, *, bias: bool = True) -> Shapes:
    return {f"{module}.weight": (outputs, inputs), **({f"{module}.bias": (outputs,)} if bias else {})}


def _norm(config: RoFormerConfig, module: str, width: int) -> Shapes:
    """List the tensors of a norm; those of RoFormerV2 have none."""
    return {} if config.is_v2 else {f"{module}.LayerNorm.{part}": (width,) for part in ("weight", "bias")}


def _encoder(config: RoFormerConfig) -> Shapes:
    """List the tensors of the bare model."""
    width, hidden, inner = config.width_of_embeddings, config.hidden_size, config.intermediate_size
    shapes: Shapes = {
        WORD_EMBEDDINGS: (config.vocab_size, width),
        "roformer.embeddings.token_type_embeddings.weight": (config.type_vocab_size, width),
        **_norm(config, "roformer.embeddings", width),
    }
    if config.has_projection:
        shapes |= _linear(PROJECTION, width, hidden)
    for index in range(config.num_hidden_layers):
        layer = f"roformer.encoder.layer.{index}"
        shapes |= _attention(config, f"{layer}.attention", config.heads_of(index))
        if config.add_cross_attention:  # never pruned
            shapes |= _attention(config, f"{layer}.crossattention", config.num_attention_heads)
        shapes |= _linear(f"{layer}.intermediate.dense", hidden, inner, bias=config.use_bias)
        shapes |= _linear(f"{layer}.output.dense", inner, hidden, bias=config.use_bias)
        shapes |= _norm(config, f"{layer}.output", hidden)
    return shapes


def _attention(config: RoFormerConfig, module: str, heads: int) -> Shapes:
    hidden, inner = config.hidden_size, heads * config.head_size
    shapes: Shapes = {}
    for part in ("query", "key", "value"):
        shapes |= _linear(f"{module}.self.{part}", hidden, inner, bias=config.use_bias)
    shapes |= _linear(f"{module}.output.dense", inner, hidden, bias=config.use_bias)
    return shapes | _norm(config, f"{module}.output", hidden)


def _language_model_head(config: RoFormerConfig) -> Shapes:
    """List the transform and the bias, which RoFormerV2 does without, and the decoder where it is not tied."""
    width = config.width_of_embeddings
    shapes: Shapes = {}
    if not config.is_v2:
        shapes = {
            **_linear("cls.predictions.transform.dense", config.hidden_size, width),
            **_norm(config, "cls.predictions.transform", width),
            "cls.predictions.bias": (config.vocab_size,),
        }
    if not config.tie_word_embeddings:
        shapes[DECODER_WEIGHT] = (config.vocab_size, width)
    return shapes


def _sequence_classification_head(config: RoFormerConfig) -> Shapes:
    hidden = config.hidden_size
    return {
        **_linear("classifier.dense", hidden, hidden),
        **_linear("classifier.out_proj", hidden, config.num_labels),
    }


# Model class -> shapes of its head.
_HEADS: dict[str, Callable[[RoFormerConfig], Shapes]] = {
    "RoFormerModel": lambda config: {},
    "RoFormerForCausalLM": _language_model_head,
    "RoFormerForMaskedLM": _language_model_head,
    "RoFormerForSequenceClassification": _sequence_classification_head,
    "RoFormerForMultipleChoice": lambda config: _linear("classifier", config.hidden_size, 1),
    "RoFormerForTokenClassification": lambda config: _linear("classifier", config.hidden_size, config.num_labels),
    "RoFormerForQuestionAnswering": lambda config: _linear("qa_outputs", config.hidden_size, 2),
}
