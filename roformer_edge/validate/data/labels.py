"""A value of a data file as one of the model's labels; a number is never guessed into the wrong one."""

from __future__ import annotations

from collections.abc import Sequence

from roformer_edge.validate.data.lines import Line, kind, listed, shown


def label_of(line: Line, value: object, known: Sequence[str], name: str) -> str:
    """Find the name of a label, from a name or an index, also where the index is written as a string.

    A value that is a label's name is that label, whatever its type. Other whole numbers are indices, unless some of
    the model's labels are numbers that differ from their own index (``"100"``, ``"101"``): an index would then look
    like a name, so only names are taken.

    Args:
        line: Where the value stands.
        value: What stands there.
        known: The model's labels, in the order of its outputs.
        name: What the value is called in messages, such as ``'label'``.

    Raises:
        DatasetError: It is no label of the model's.
    """
    if type(value) not in (int, str):  # a bool is no index
        raise line.error(f"{name} must be a name or an index, found {kind(value)}")
    written = str(value)
    if written in known:
        return written
    number = int(written) if written.isascii() and written.isdecimal() and len(written) < 10 else None
    if type(value) is str and (number is None or _numbered(known)):
        raise line.error(f"unknown label {shown(value)}; the model has {_allowed(known)}")
    if _numbered(known):
        raise line.error(f"unknown label {shown(value)}; the model's labels are numbers themselves: {_allowed(known)}")
    if number is None or number >= len(known):
        raise line.error(f"label {shown(value)} is out of range; the model has {_allowed(known)}")
    return known[number]


def _numbered(known: Sequence[str]) -> bool:
    """Tell whether a label is called by a number that is not its index."""
    return any(label.isdecimal() and label != str(index) for index, label in enumerate(known))


def _allowed(known: Sequence[str]) -> str:
    noun = "label" if len(known) == 1 else "labels"
    return f"{len(known)} {noun}: {listed(known)}"
