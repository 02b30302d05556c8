"""What the models return: named results that also unpack like tuples, the same in every framework."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class ModelOutput:
    """Fields by attribute, by name in brackets, or by position among those that are not ``None``."""

    def to_tuple(self) -> tuple[Any, ...]:
        """The fields that are not ``None``, in order: what the models return under ``return_dict=False``."""
        return tuple(self[name] for name in self.keys())

    def keys(self) -> tuple[str, ...]:
        """Names of the fields that are not ``None``."""
        return tuple(item.name for item in dataclasses.fields(self) if getattr(self, item.name) is not None)

    def __getitem__(self, key: str | int | slice) -> Any:
        return getattr(self, key) if isinstance(key, str) else self.to_tuple()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())


@dataclass(frozen=True, kw_only=True)
class EncoderOutput(ModelOutput, Generic[T]):
    """Of the bare encoder. B texts of S tokens, H hidden units, A heads, T tokens including the cached ones.

    Attributes:
        last_hidden_state: ``[B, S, H]``.
        past_key_values: One tuple a layer: keys and values ``[B, A, T, H / A]``, then those of the cross-attention.
        hidden_states: ``[B, S, H]`` before the first layer and after each.
        attentions: ``[B, A, S, T]`` for each layer.
        cross_attentions: The same over the encoder's tokens.
    """

    last_hidden_state: T
    past_key_values: tuple[tuple[T, ...], ...] | None = None
    hidden_states: tuple[T, ...] | None = None
    attentions: tuple[T, ...] | None = None
    cross_attentions: tuple[T, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class LogitsOutput(ModelOutput, Generic[T]):
    """Of every head with one kind of logits; the other fields are those of :class:`EncoderOutput`.

    Attributes:
        loss: A scalar, where labels were given.
        logits: ``[B, labels]``, ``[B, choices]``, ``[B, S, labels]`` or ``[B, S, vocabulary]``.
    """

    loss: T | None = None
    logits: T
    past_key_values: tuple[tuple[T, ...], ...] | None = None
    hidden_states: tuple[T, ...] | None = None
    attentions: tuple[T, ...] | None = None
    cross_attentions: tuple[T, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class SpanOutput(ModelOutput, Generic[T]):
    """Of question answering.

    Attributes:
        loss: A scalar, where positions were given.
        start_logits: ``[B, S]``.
        end_logits: ``[B, S]``.
    """

    loss: T | None = None
    start_logits: T
    end_logits: T
    hidden_states: tuple[T, ...] | None = None
    attentions: tuple[T, ...] | None = None
