"""What the models return: named results that also unpack like tuples, the same in every framework."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from roformer_edge.config import RoFormerConfig

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class ModelOutput:
    """Named results: fields by attribute, by name in brackets, or by position among those that are not ``None``."""

    def to_tuple(self) -> tuple[Any, ...]:
        """Return the fields that are not ``None``, in order, as the models do under ``return_dict=False``."""
        return tuple(self[name] for name in self.keys())

    def keys(self) -> tuple[str, ...]:
        """Return the names of the fields that are not ``None``."""
        return tuple(item.name for item in dataclasses.fields(self) if getattr(self, item.name) is not None)

    def values(self) -> tuple[Any, ...]:
        """Return the same as :meth:`to_tuple`."""
        return self.to_tuple()

    def items(self) -> tuple[tuple[str, Any], ...]:
        """Return names and fields that are not ``None``."""
        return tuple(zip(self.keys(), self.to_tuple(), strict=True))

    def get(self, name: str, default: Any = None) -> Any:
        """Return a field, or ``default`` where it is ``None`` or there is no such field."""
        return dict(self.items()).get(name, default)

    def __getitem__(self, key: str | int | slice) -> Any:
        if not isinstance(key, str):
            return self.to_tuple()[key]
        if key not in (item.name for item in dataclasses.fields(self)):
            raise KeyError(f"{key} (there are: {', '.join(self.keys())})")
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    # TensorFlow's protocol for structures that may enter and leave a tf.function
    def __tf_flatten__(self) -> tuple[tuple[str, ...], tuple[Any, ...]]:
        return self.keys(), self.to_tuple()

    @classmethod
    def __tf_unflatten__(cls, names: tuple[str, ...], fields: tuple[Any, ...]) -> Self:
        return cls(**dict(zip(names, fields, strict=True)))

    def as_asked(self, return_dict: bool | None, config: RoFormerConfig) -> Self | tuple[Any, ...]:
        """Return this, or its tuple where a call or else the config asks for tuples."""
        named = config.use_return_dict if return_dict is None else return_dict
        return self if named else self.to_tuple()


def flag(asked: bool | None, default: bool) -> bool:
    """Return what a call asked for, or the config's word where it did not say."""
    return default if asked is None else bool(asked)


@dataclass(frozen=True, kw_only=True)
class EncoderOutput(ModelOutput, Generic[T]):
    """Output of the bare encoder. B texts of S tokens, H hidden units, A heads, T tokens including the cached ones.

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
    """Output of every head with one kind of logits; the other fields are those of :class:`EncoderOutput`.

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
    """Output of question answering.

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


@dataclass(frozen=True, kw_only=True)
class SentenceOutput(ModelOutput, Generic[T]):
    """One vector of each text; the other field is that of :class:`EncoderOutput`.

    Attributes:
        sentence_embedding: ``[B, width]``.
    """

    sentence_embedding: T
    hidden_states: tuple[T, ...] | None = None
