"""The language of a report's page. What the code says is English, and is looked up in ``messages`` for another one.

The language is set around the making of a page, with :func:`speaking`; everything else stays English.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

from roformer_edge.errors import UnknownNameError
from roformer_edge.validate.messages import CHINESE, COUNTED, PHRASES, STORED

ENGLISH = "en"
# name of a language -> how an HTML page names it
LANGUAGES = {ENGLISH: "en", "zh": "zh-CN"}

_language: ContextVar[str] = ContextVar("language", default=ENGLISH)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Within the block, words are in a language, a key of ``LANGUAGES``.

    Raises:
        UnknownNameError: No such language.
    """
    token = _language.set(checked_language(language))
    try:
        yield
    finally:
        _language.reset(token)


def checked_language(language: str) -> str:
    """Return ``language`` if reports are made in it.

    Raises:
        UnknownNameError: They are not.
    """
    if language not in LANGUAGES:
        raise UnknownNameError("language of the report", language, LANGUAGES)
    return language


def in_english() -> bool:
    """Tell whether words are English."""
    return _language.get() == ENGLISH


def language_tag() -> str:
    """Name the language as an HTML page does."""
    return LANGUAGES[_language.get()]


def translate(text: str, **values: object) -> str:
    """Say a message in the language of the page.

    Args:
        text: The message in English, a key of ``messages.CHINESE``; with ``{name}`` where values stand.
        values: What stands there, written out.
    """
    said = text if in_english() else CHINESE.get(text, text)
    return said.format(**values) if values else said


def translate_stored(text: str) -> str:
    """Say what a report holds as a whole English sentence, which was made of a key of ``messages.STORED``."""
    if in_english():
        return text
    for key, pattern in _stored():
        found = pattern.fullmatch(text)
        if found:
            return STORED[key].format(**found.groupdict())
    return translate(text)


def translate_phrases(text: str) -> str:
    """Say what a report holds as a list of phrases, the keys of ``messages.PHRASES``."""
    if in_english():
        return text
    for phrase, said in PHRASES.items():
        text = text.replace(phrase, said)
    return text


@cache
def _stored() -> list[tuple[str, re.Pattern[str]]]:
    return [(key, re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.*)", re.escape(key)), re.DOTALL)) for key in STORED]


def count(number: int, noun: str) -> str:
    """Write ``1 text``, ``1,200 texts``; in Chinese with the measure word of the noun."""
    if in_english():
        return f"{number:,} {noun}{'' if number == 1 else 's'}"
    return f"{number:,} {COUNTED.get(noun, noun)}"
