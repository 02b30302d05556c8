"""The settings of a tokenizer as a bundle holds them, checked before anything is built of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from roformer_edge.errors import VocabularyError
from roformer_edge.tokenizer.files import OPTIONS
from roformer_edge.tokenizer.tokens import MORE_SPECIAL, SPECIAL_NAMES

MODE = "mode"
ADDED = "added_tokens_decoder"
_FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_length(value: object) -> bool:
    return type(value) is int and value >= 1


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_token(value: object) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"content", *_FLAGS}
        and _is_text(value["content"])
        and all(_is_flag(value[name]) for name in _FLAGS)
    )


def _are_added(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(index, str) and index.isascii() and index.isdecimal() and len(index) < 10 and _is_token(token)
        for index, token in value.items()
    )


def _or_null(fits: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: value is None or fits(value)


# what is no flag among the settings -> whether a value fits, and what does
_FITS: dict[str, tuple[Callable[[object], bool], str]] = {
    MODE: (_is_text, "a text"),
    ADDED: (_are_added, "an object of ids and tokens"),
    MORE_SPECIAL: (_are_texts, "a list of texts"),
    "never_split": (_or_null(_are_texts), "a list of texts or null"),
    "strip_accents": (_or_null(_is_flag), "true, false or null"),
    "model_max_length": (_is_length, "a whole number of at least 1"),
    "padding_side": (_is_text, "a text"),
    "truncation_side": (_is_text, "a text"),
    "model_input_names": (_are_texts, "a list of texts"),
    **{name: (_or_null(_is_text), "a text or null") for name in SPECIAL_NAMES},
    # rows cannot be framed, filled or completed without these
    **dict.fromkeys(("unk_token", "sep_token", "pad_token", "cls_token"), (_is_text, "a text")),
}
NAMES = frozenset((MODE, ADDED, MORE_SPECIAL, *OPTIONS, *SPECIAL_NAMES))


def check_settings(settings: Mapping[str, object]) -> None:
    """Refuse settings that are unknown, missing or of another kind than ``to_settings`` gives.

    Raises:
        VocabularyError: One of them is; the message names it.
    """
    for problem, names in (("lack", NAMES - settings.keys()), ("have the unknown", settings.keys() - NAMES)):
        if names:
            shown = ", ".join(f"{name!r:.40}" for name in sorted(names)[:5])
            raise VocabularyError(f"the tokenizer's settings {problem} {shown}")
    for name, value in settings.items():
        fits, kind = _FITS.get(name, (_is_flag, "true or false"))
        if not fits(value):
            raise VocabularyError(f"the tokenizer's setting {name} must be {kind}, found {value!r:.80}")
