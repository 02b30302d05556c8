"""Which key of a data file is which field of a task."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from roformer_edge.errors import OptionError

# field -> other keys that well-known data sets hold it under, CLUE's among them
ALIASES: dict[str, tuple[str, ...]] = {
    "text": ("sentence", "sentence1"),
    "text_pair": ("pair", "sentence2"),
    "labels": ("label",),
    "score": ("label",),
    "tokens": ("words",),
    "tags": ("ner_tags", "labels"),
    "answers": ("answer",),
}
# what --fields may name
NAMES = (
    *("text", "text_pair", "question", "context", "choices", "tokens"),
    *("label", "labels", "score", "entities", "tags", "answers", "id"),
)
# What a task may read, as far as --fields names it.
INPUTS = frozenset({"text", "text_pair", "question", "context", "choices", "tokens"})
# Keys that hold what a model reads, in some data set or other, as people spell them: text_b, textB, Sentence2, text-2.
# One of them that nobody reads is a question that was not asked, and not a remark.
_INPUT_KEY = re.compile(
    r"pair|sent[ab12]|(text|sentence|question|context|choices|passage|query|premise|hypothesis)(a|b|[0-9]|pair)?"
)
_JOINTS = re.compile(r"[\s_.-]")


def looks_like_input(key: str) -> bool:
    """Tell whether a key of a data file is called as one that a model reads."""
    return _INPUT_KEY.fullmatch(_JOINTS.sub("", key).lower()) is not None


@dataclass(frozen=True, kw_only=True)
class FieldNames:
    """Keys of a data file by the fields of a task.

    Attributes:
        given: What the user said; a field that is not in it goes by its own name, or by one of ``ALIASES``.
    """

    given: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> FieldNames:
        """Read what ``--fields`` says, such as ``text=sentence1,pair=sentence2,label=label``.

        Raises:
            OptionError: A part is no ``field=key``, its field is unknown, or is named twice.
        """
        allowed = f"field=key with commas between, of the fields {', '.join(NAMES)}"
        given: dict[str, str] = {}
        for part in text.split(","):
            name, equals, key = (piece.strip() for piece in part.partition("="))
            name = "text_pair" if name == "pair" else name
            if not (equals and key) or name not in NAMES or name in given:
                raise OptionError("--fields", part, allowed)
            given[name] = key
        return cls(given=given)

    def key(self, name: str, values: Mapping[str, Any]) -> str:
        """Find the key among ``values`` that holds a field; the field's own name where none does."""
        if name in self.given:
            return self.given[name]
        return next((key for key in (name, *ALIASES.get(name, ())) if key in values), name)


BY_NAME = FieldNames()
