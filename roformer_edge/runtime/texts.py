"""What a text must be before a tokenizer sees it. Pipelines, datasets and the command line share the rule."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from roformer_edge.errors import TextError

# letters of scripts that write no spaces between words begin here (CJK radicals)
_IDEOGRAPHS = 0x2E80
_FORBIDDEN = re.compile("[\0\ud800-\udfff]")

# one text, or a text and its pair
TextInput = str | tuple[str, str]


def check_text(value: object, where: str = "the text") -> str:
    """Return ``value`` if it is a text that can be classified.

    NUL is refused because programs in C, databases and terminals end a text there: whoever sends one is sending
    something else than text. Half a surrogate pair is no character at all.

    Args:
        value: What was given as a text.
        where: What it is called in messages.

    Raises:
        TextError: Not a ``str``, or it holds NUL or a lone surrogate; the message says where.
    """
    if not isinstance(value, str):
        raise TextError(f"{where} must be a str, found {type(value).__name__}: {value!r:.60}")
    found = _FORBIDDEN.search(value)
    if found is not None:
        name = "NUL (U+0000)" if found[0] == "\0" else f"the lone surrogate U+{ord(found[0]):04X}"
        raise TextError(f"{where} holds {name} at character {found.start()}, which no text may; remove it")
    return value


def split_pair(value: object, where: str = "the text") -> tuple[str, str | None]:
    """Split an input into a text and its pair, each checked; the pair is ``None`` where only one text was given.

    Raises:
        TextError: Neither a text nor a tuple of two texts.
    """
    if not isinstance(value, tuple):
        return check_text(value, where), None
    if len(value) != 2:
        raise TextError(f"{where} must be a str or a tuple of two, found a tuple of {len(value)}")
    return check_text(value[0], f"{where}, first of the pair"), check_text(value[1], f"{where}, second of the pair")


def split_fields(value: object, names: Sequence[str], where: str = "the input") -> tuple[object, ...]:
    """Split an input that is made of several parts, unchecked.

    Args:
        value: A tuple with one item for each of ``names``, or a mapping from the names; other keys are ignored, so
            that a line of a data file can be given as it is.
        names: The names of the parts, in order.
        where: What the input is called in messages.

    Returns:
        One value for each name; ``None`` for a name that a mapping does not hold.

    Raises:
        TextError: Something else.
    """
    if isinstance(value, Mapping):
        return tuple(value.get(name) for name in names)
    if isinstance(value, tuple) and len(value) == len(names):
        return value
    found = f"a tuple of {len(value)}" if isinstance(value, tuple) else f"{type(value).__name__}: {value!r:.60}"
    raise TextError(f"{where} must be a tuple of {', '.join(names)}, or a dict with these keys, found {found}")


def join_words(words: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Join words to the text that they stand in; return it with the characters ``(start, end)`` of each.

    Chinese is written without spaces; between two words of an alphabet or of digits stands one, unless all words are
    single characters, in which case the data set was cut into characters.
    """
    spaced = any(len(word) > 1 for word in words)
    text, places = "", []
    for word in words:
        if spaced and _is_letter(text[-1:]) and _is_letter(word[:1]):
            text += " "
        places.append((len(text), len(text) + len(word)))
        text += word
    return text, places


def _is_letter(character: str) -> bool:
    return character.isalnum() and ord(character) < _IDEOGRAPHS
