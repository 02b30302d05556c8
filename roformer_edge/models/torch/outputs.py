"""What the torch models return: the named results of every framework, which are dictionaries too.

Trainer, accelerate, DataParallel and pipelines take results apart, and put them together again, as dictionaries.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

import torch
from torch import Tensor

from roformer_edge.config import RoFormerConfig
from roformer_edge.models.outputs import EncoderOutput, LogitsOutput, ModelOutput, SentenceOutput, SpanOutput
from roformer_edge.resemblance import resembling

Output = TypeVar("Output", bound=ModelOutput)

# to a type checker the methods of named results and of dictionaries, which return tuples and views, do not agree
if TYPE_CHECKING:

    class _Dict:
        def __setitem__(self, name: str, value: Any) -> None: ...
        def get(self, name: str, default: Any = None) -> Any: ...
        def values(self) -> tuple[Any, ...]: ...

else:
    _Dict = dict


class _MadeOfPairs(type):
    """Lets a class of keyword arguments be made of a mapping or of pairs too, as a dictionary is."""

    def __call__(cls, *pairs: Any, **fields: Any) -> Any:
        return super().__call__(**dict(*pairs, **fields))


@dataclass(frozen=True, kw_only=True)
class DictOutput(ModelOutput, _Dict, metaclass=_MadeOfPairs):
    """Named results whose fields that are not ``None`` are the items of a dictionary."""

    @property
    def __class__(self) -> Any:  # pipelines keep the order of the results of a ModelOutput alone
        return resembling(type(self), "transformers.utils.generic", "ModelOutput")

    @__class__.setter
    def __class__(self, kind: type) -> None:
        object.__setattr__(self, "__class__", kind)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            if getattr(self, item.name) is not None:
                _Dict.__setitem__(self, item.name, getattr(self, item.name))

    def __setitem__(self, name: str, value: Any) -> None:
        """Set a field, or keep something else beside the fields, as pipelines do."""
        object.__setattr__(self, name, value)
        _Dict.__setitem__(self, name, value)

    def __getitem__(self, key: str | int | slice) -> Any:
        own = _Dict.get(self, key) if isinstance(key, str) else None
        return ModelOutput.__getitem__(self, key) if own is None else own

    def to_tuple(self) -> tuple[Any, ...]:
        """Return the values, in order."""
        return tuple(_Dict.values(self))

    if not TYPE_CHECKING:
        keys, values, items, get = dict.keys, dict.values, dict.items, dict.get
        __iter__, __len__ = dict.__iter__, dict.__len__


@dataclass(frozen=True, kw_only=True)
class TorchEncoderOutput(DictOutput, EncoderOutput[Tensor]):
    """See :class:`~roformer_edge.models.outputs.EncoderOutput`."""


@dataclass(frozen=True, kw_only=True)
class TorchLogitsOutput(DictOutput, LogitsOutput[Tensor]):
    """See :class:`~roformer_edge.models.outputs.LogitsOutput`."""


@dataclass(frozen=True, kw_only=True)
class TorchSpanOutput(DictOutput, SpanOutput[Tensor]):
    """See :class:`~roformer_edge.models.outputs.SpanOutput`."""


@dataclass(frozen=True, kw_only=True)
class TorchSentenceOutput(DictOutput, SentenceOutput[Tensor]):
    """See :class:`~roformer_edge.models.outputs.SentenceOutput`."""


# results of every framework -> the same as dictionaries
_KINDS: dict[type[ModelOutput], type[DictOutput]] = {
    EncoderOutput: TorchEncoderOutput,
    LogitsOutput: TorchLogitsOutput,
    SpanOutput: TorchSpanOutput,
    SentenceOutput: TorchSentenceOutput,
}
# torch.export knows no classes but those that it was told of
for _kind in _KINDS.values():
    torch.export.register_dataclass(_kind, serialized_type_name=f"roformer_edge.{_kind.__name__}")


def answer(output: Output, return_dict: bool | None, config: RoFormerConfig) -> Output | tuple[Any, ...]:
    """Return a model's output as the call or the config asks for it; ``torch.jit.trace`` knows nothing but tuples."""
    traced = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    named = output.as_asked(False if return_dict is None and traced else return_dict, config)
    return cast(Output, _KINDS[type(named)](**named)) if isinstance(named, ModelOutput) else named
