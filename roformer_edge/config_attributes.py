"""What scripts written for transformers do with a config: read and set any attribute, update it, write it as JSON."""

from __future__ import annotations

import dataclasses
import functools
import warnings
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from roformer_edge.errors import shown

T = TypeVar("T")

# Attributes that every config of transformers has, and their values where a file is silent.
ABSENT: Mapping[str, object] = {
    **dict.fromkeys(
        ("architectures", "bos_token_id", "eos_token_id", "sep_token_id", "cls_token_id", "mask_token_id",
         "decoder_start_token_id", "cross_attention_hidden_size", "finetuning_task", "tokenizer_class", "dtype",
         "torch_dtype", "_commit_hash", "base_model_tp_plan", "base_model_pp_plan", "transformers_version")
    ),
    **dict.fromkeys(("is_encoder_decoder", "tie_encoder_decoder", "torchscript", "use_bfloat16", "is_composition",
                     "tf_legacy_loss"), False),
    "return_dict": True,
    "_name_or_path": "",
    "name_or_path": "",
    "_attn_implementation": "sdpa",
}  # fmt: skip
# kept in ``extra`` and checked when they are read
_CHECKED_WHEN_READ = ("summary_type", "pooler_activation", "output_attentions", "output_hidden_states")


class ConfigAttributes:
    """Base of the config: a field is set with the checks of a new config; what is no field is kept in ``extra``."""

    model_type: ClassVar[str] = "roformer"
    # keys of ``extra`` with a known meaning, and values where they are not given: the config's to fill
    _known_keys: ClassVar[frozenset[str]] = frozenset()
    _defaults: ClassVar[Mapping[str, object]] = ABSENT

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a field, with all checks, or keep what is no field in ``extra``.

        Raises:
            ConfigError: The config would contradict itself; it is left as it was.
            AttributeError: The name is that of a method, or of what follows from fields.
        """
        if "extra" not in self.__dict__:  # the last field that the constructor sets: until then it is at work
            object.__setattr__(self, name, value)
        elif name in _fields(type(self)):
            # all or nothing: labels, sizes and their checks hang together
            self.__dict__.update(vars(self.replace(**{name: value})))
        elif hasattr(type(self), name) and name not in _CHECKED_WHEN_READ:
            raise AttributeError(f"{name} of a config cannot be set; it follows from the fields, or is a method")
        else:
            self._say_unknown([name])
            self.__dict__["extra"] = {**self.__dict__["extra"], name: _plain(name, value)}

    def __getattr__(self, name: str) -> Any:
        extra = self.__dict__.get("extra", {})
        if name in extra:
            return extra[name]
        if name in self._defaults:
            return self._defaults[name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def _say_unknown(self, names: list[str]) -> None:
        for name in names:
            if name not in self._known_keys and name not in self._defaults and not name.startswith("_"):
                from difflib import get_close_matches  # slow to import, and rarely needed

                near = get_close_matches(name, [*_fields(type(self)), *self._known_keys], n=1, cutoff=0.7)
                meant = f" (did you mean {near[0]}?)" if near else ""
                warnings.warn(
                    f"{type(self).__name__} has no field {shown(repr(name))}{meant}: it is kept, and changes nothing",
                    stacklevel=4,
                )

    def replace(self: T, **changes: Any) -> T:
        """Return a copy with some fields changed."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """Return the content of a ``config.json``."""
        raise NotImplementedError

    def to_json(self) -> str:
        """Write :meth:`to_dict` as stable, indented JSON with a final newline."""
        raise NotImplementedError

    def update(self, config_dict: Mapping[str, Any]) -> None:
        """Set several attributes, as one by one, in order."""
        for name, value in config_dict.items():
            setattr(self, name, value)

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute, or ``default`` where there is none of that name."""
        return getattr(self, name, default)

    def to_diff_dict(self) -> dict[str, Any]:
        """Return what :meth:`to_dict` returns; transformers leaves out what is a default."""
        return self.to_dict()

    def to_json_string(self, use_diff: bool = True) -> str:
        """Write the content of a ``config.json``; whole, whether or not a difference is asked for."""
        return self.to_json()

    def get_text_config(self: T, decoder: bool | None = None, encoder: bool | None = None) -> T:
        """Return this config: the model has one part, and it reads text."""
        return self


def keep_others(kind: type[T]) -> type[T]:
    """Let a config be made with names that are no fields: they are kept in ``extra``, and the unknown said aloud."""
    made = kind.__init__

    @functools.wraps(made)
    def initialise(self: Any, **values: Any) -> None:
        others = {name: values.pop(name) for name in list(values) if name not in _fields(kind)}
        if others:
            self._say_unknown(list(others))
            others = {name: _plain(name, value) for name, value in others.items()}
            others = {**values.pop("extra", {}), **others}
            values["extra"] = others
        made(self, **values)

    kind.__init__ = initialise  # type: ignore[method-assign]
    return kind


def _fields(kind: Any) -> tuple[str, ...]:
    return tuple(item.name for item in dataclasses.fields(kind))


def _plain(name: str, value: Any) -> Any:
    """Return a value as JSON holds it: a type of torch by its name."""
    return str(value).rpartition(".")[2] if name in ("dtype", "torch_dtype") and value is not None else value
