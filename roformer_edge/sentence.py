"""How one vector of a text is made of its tokens' states: pooling, and layers before and after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from roformer_edge.config import ACTIVATIONS
from roformer_edge.errors import ConfigError
from roformer_edge.records import PositiveInt, one_of

# The name of the vector among the outputs of a graph; that of the exporters of Hugging Face.
VECTOR = "sentence_embedding"
# What goes without a vector: the graph gives the state of every token.
TOKENS = "tokens"
# The dense layer over the state of [CLS] that some checkpoints hold, such as those of RoFormer-sim.
POOLER = "pooler"
# Of the layer norms of sentence-transformers, which are torch's.
LAYER_NORM_EPSILON = 1e-5

# how the states of tokens become one, under the names of sentence-transformers -> in words; padding is in none of them
POOLINGS = {
    "cls": "the state of [CLS]",
    "max": "the largest value of each channel",
    "mean": "the mean of the states",
    "mean_sqrt_len_tokens": "the sum of the states over the square root of their number",
    "weightedmean": "the mean of the states, each counted as often as its position says",
    "lasttoken": "the state of the last token",
}
# kinds of a step -> in words
STEPS = {
    "pooling": "one state of those of all tokens; of several poolings one beside the other",
    "dense": "a linear layer and its activation function",
    "layer_norm": "a layer norm",
    "normalize": "divided by the length",
}


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step on the way from states to the vector.

    Attributes:
        kind: A key of ``STEPS``.
        inputs: Width of what it takes.
        width: Width of what it makes.
        poolings: Keys of ``POOLINGS``, for a pooling.
        module: Canonical name of the layer whose weight and bias it takes; empty for a step without.
        activation: A value of ``config.ACTIVATIONS``, for a dense layer.
    """

    kind: Annotated[str, one_of(STEPS)]
    inputs: PositiveInt
    width: PositiveInt
    poolings: tuple[Annotated[str, one_of(POOLINGS)], ...] = ()
    module: str = ""
    activation: Annotated[str, one_of(sorted(set(ACTIVATIONS.values())))] = "linear"


@dataclass(frozen=True, kw_only=True)
class SentenceHead:
    """All steps in order; one of them pools, and those before it change every token's state.

    Attributes:
        asked: Which pooling was asked for: a key of ``POOLINGS`` or ``POOLER``; ``None`` for what the checkpoint's own
            ``modules.json`` says.
        steps: The steps.

    Raises:
        ConfigError: None of them pools, or more than one.
    """

    asked: str | None
    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        pooled = [step.kind for step in self.steps].count("pooling")
        if pooled != 1:
            raise ConfigError(f"a vector of a text is made by one pooling, found {pooled}")

    @property
    def width(self) -> int:
        """Width of the vector."""
        return self.steps[-1].width

    @property
    def reads_first(self) -> bool:
        """Whether nothing is read but the state of ``[CLS]``."""
        return self.steps[0].poolings == ("cls",)

    @property
    def description(self) -> str:
        """The steps in a few words."""
        return ", ".join(map(_describe, self.steps))


def _describe(step: Step) -> str:
    if step.kind == "pooling":
        return " beside ".join(POOLINGS[name] for name in step.poolings)
    if step.kind == "dense":
        return f"a dense layer ({step.module}) to {step.width} with the activation {step.activation}"
    return "a layer norm" if step.kind == "layer_norm" else "divided by its length"
