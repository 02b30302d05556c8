"""Values of tokenizer files and of a bundle's settings, checked before anything is built of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from roformer_edge.errors import VocabularyError
from roformer_edge.tokenizer.added_tokens import FIELDS, AddedToken
from roformer_edge.tokenizer.token_table import EXTRA_SPECIAL, MORE_SPECIAL, SPECIAL_NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeGuard

# model_max_length of a tokenizer that knows no limit
NO_LIMIT = int(1e30)
# the options that a tokenizer_config.json and the settings of a bundle hold
OPTIONS = (
    "do_lower_case",
    "do_basic_tokenize",
    "never_split",
    "tokenize_chinese_chars",
    "strip_accents",
    "model_max_length",
    "padding_side",
    "truncation_side",
    "clean_up_tokenization_spaces",
    "split_special_tokens",
    "model_input_names",
)
SIDES = ("right", "left")
MODE, ADDED, PIPELINE = "mode", "added_tokens_decoder", "pipeline"
# the added tokens that a tokenizer.json lists; they are among the others once they were taken in
STORED = "added_tokens"
# greater numbers than those of any embedding
_MOST_ID = 10**9


def shown(value: object) -> str:
    """Show a value from a file as an error does: in one line, escaped and short."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    return f"{value!r:.80}"


def is_flag(value: object) -> bool:
    """Tell whether it is true or false."""
    return isinstance(value, bool)


def is_text(value: object) -> TypeGuard[str]:
    """Tell whether it is a text of at least one character that can be encoded."""
    if not isinstance(value, str) or not value:
        return False
    return not any("\ud800" <= character <= "\udfff" for character in value)


def is_length(value: object) -> bool:
    """Tell whether it is a whole number of at least 1."""
    return type(value) is int and value >= 1


def is_id(value: object) -> TypeGuard[int]:
    """Tell whether it is a whole number that an embedding may have a row for."""
    return type(value) is int and 0 <= value < _MOST_ID


def are_texts(value: object) -> bool:
    """Tell whether it is a list of texts."""
    return isinstance(value, list) and all(map(is_text, value))


def or_null(fits: Callable[[object], bool]) -> Callable[[object], bool]:
    """Let null fit too."""
    return lambda value: value is None or fits(value)


def as_object(value: object, where: str) -> dict[str, Any]:
    """Return the value, which must be an object."""
    if not isinstance(value, dict):
        raise VocabularyError(f"{where}: expected an object, found {shown(value)}")
    return value


def as_list(value: object, where: str) -> list[Any]:
    """Return the value, which must be a list."""
    if not isinstance(value, list):
        raise VocabularyError(f"{where}: expected a list, found {shown(value)}")
    return value


def read_id(value: object, where: str) -> int:
    """Read the id that a number or its digits stand for."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10:
        value = int(value)
    if type(value) is not int or not is_id(value):
        raise VocabularyError(
            f"{where}: the id of a token must be a whole number below {_MOST_ID}, found {shown(value)}"
        )
    return value


def read_token(value: object, where: str, special: bool = False) -> AddedToken:
    """Read an added token as JSON holds it: its text or an object of its fields.

    Args:
        value: What the file holds.
        where: What to call the place in an error.
        special: Whether it is a special token, whatever the object says.
    """
    if isinstance(value, str):
        value = {"content": value}
    if not isinstance(value, Mapping) or "content" not in value:
        raise VocabularyError(
            f"{where}: an added token must be a text or an object with its content, found {shown(value)}"
        )
    if not is_text(value["content"]):
        raise VocabularyError(
            f"{where}: the content of an added token must be a text that is not empty, found {shown(value['content'])}"
        )
    flags = {name: value[name] for name in FIELDS if name in value and name != "content"}
    for name, flag in flags.items():
        if not is_flag(flag):
            raise VocabularyError(f"{where}: {name} of an added token must be true or false, found {shown(flag)}")
    return AddedToken(value["content"], **{**flags, **({"special": True} if special else {})})


def _are_added(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(index, str)
        and index.isascii()
        and index.isdecimal()
        and len(index) < 10
        and isinstance(token, dict)
        and token.keys() == set(FIELDS)
        and is_text(token["content"])
        and all(is_flag(token[name]) for name in FIELDS if name != "content")
        for index, token in value.items()
    )


# what is no flag among options and settings -> whether a value fits, and what does
FITS: dict[str, tuple[Callable[[object], bool], str]] = {
    MODE: (is_text, "a text"),
    ADDED: (_are_added, "an object of ids and tokens"),
    MORE_SPECIAL: (are_texts, "a list of texts"),
    EXTRA_SPECIAL: (
        lambda value: isinstance(value, dict) and all(is_text(name) and is_text(value[name]) for name in value),
        "an object of names and texts",
    ),
    PIPELINE: (or_null(lambda value: isinstance(value, dict)), "an object or null"),
    "never_split": (or_null(are_texts), "a list of texts or null"),
    "strip_accents": (or_null(is_flag), "true, false or null"),
    "model_max_length": (is_length, "a whole number of at least 1"),
    **dict.fromkeys(("padding_side", "truncation_side"), (lambda value: value in SIDES, " or ".join(SIDES))),
    "model_input_names": (lambda value: are_texts(value) and bool(value), "a list of texts that is not empty"),
    **{name: (or_null(is_text), "a text or null") for name in SPECIAL_NAMES},
}
NAMES = frozenset((MODE, ADDED, MORE_SPECIAL, EXTRA_SPECIAL, PIPELINE, *OPTIONS, *SPECIAL_NAMES))


def check_value(name: str, value: object, where: str) -> None:
    """Refuse a value of an option or setting that is of another kind than it takes.

    Raises:
        VocabularyError: It is; the message names it.
    """
    fits, kind = FITS.get(name, (is_flag, "true or false"))
    if not fits(value):
        raise VocabularyError(f"{where} {name} must be {kind}, found {shown(value)}")


def check_settings(settings: Mapping[str, object]) -> None:
    """Refuse settings that are unknown, missing or of another kind than ``to_settings`` gives.

    Raises:
        VocabularyError: One of them is; the message names it.
    """
    for problem, names in (("lack", NAMES - settings.keys()), ("have the unknown", settings.keys() - NAMES)):
        if names:
            listed = ", ".join(f"{name!r:.40}" for name in sorted(names)[:5])
            raise VocabularyError(f"the tokenizer's settings {problem} {listed}")
    for name, value in settings.items():
        check_value(name, value, "the tokenizer's setting")
