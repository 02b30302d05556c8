"""Entities out of the labels of tokens: which letters of a label say where an entity begins and ends.

``B-LOC``, ``I-LOC``: begin, inside (BIO); ``M``: middle, ``E`` or ``L``: end or last, ``S`` or ``U``: single or unit
(BMES, BIOES, BILOU). People also write ``B_LOC``, ``LOC-B`` and ``b-loc``, and letters alone where there is one kind of
entity, as in word segmentation. A label such as ``E-mail`` or ``S-Bahn`` has the look of one and is none: what a letter
means is decided by the label set as a whole, see :class:`TagScheme`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

_BEGINS, _ENDS, _SINGLE = frozenset("BSU"), frozenset("ELSU"), frozenset("SU")
# letters that go on with an entity that another letter began
_GOES_ON = frozenset("IMEL")
_LETTERS = _BEGINS | _ENDS | _GOES_ON
_SEPARATORS = "-_:./|"
# what an entity is called whose labels are letters alone, as in seqeval
_NAMELESS = "_"
# an entity: its name, its first unit, and one more than its last
Span = tuple[str, int, int]


class Tag(NamedTuple):
    """What a label says.

    Attributes:
        name: The kind of the entity; the label itself where it has no letter; empty for what is outside of all.
        letter: One of ``B I M E L S U``, or empty for a label without one.
    """

    name: str
    letter: str = ""


OUTSIDE = Tag("")


@dataclass(frozen=True)
class TagScheme:
    """How the labels of one set are read.

    A label is ``O`` (outside), or a letter and a name, or a name alone. Letters stand before or behind, with a dash, an
    underscore or another of ``_SEPARATORS`` between: whichever way reads most labels of the set. A name has letters if
    the set can write an entity of it in several units (an ``I``, or a ``B`` with ``M``, ``E`` or ``L``), or if its
    letters, of ``B``, ``S`` and ``U``, are those of such a name too, or if all labels begin with ``B``. Where all
    labels are letters, ``B`` and one that goes on among them, they are those of entities called ``_``. Any other label
    is a name as it stands.

    Attributes:
        tags: Label -> what it says.
    """

    tags: Mapping[str, Tag]

    @classmethod
    def of(cls, labels: Sequence[str]) -> TagScheme:
        """Decide how the labels of a set are read."""
        ways = [_read(labels, separator, behind=behind) for behind in (False, True) for separator in _SEPARATORS]
        ways.append(_read_letters(labels))
        best = max(ways, key=len)  # the first of the longest
        plain = {label: OUTSIDE if label in ("O", "o") else Tag(label) for label in labels}
        return cls({**plain, **best})

    @property
    def names(self) -> tuple[str, ...]:
        """The kinds of entities, in the order of the labels."""
        return tuple(dict.fromkeys(tag.name for tag in self.tags.values() if tag != OUTSIDE))

    @property
    def letters(self) -> frozenset[str]:
        """The letters in use."""
        return frozenset(tag.letter for tag in self.tags.values() if tag.letter)

    def join(self, labels: Sequence[str]) -> list[Span]:
        """Join the labels of consecutive units to entities.

        An entity begins with ``B``, ``S`` or ``U``, or where the name differs from that of the unit before, so an ``I``
        without its ``B`` begins one, and labels without letters are joined with equal neighbours. ``E``, ``L``, ``S``
        and ``U`` end it.
        """
        entities: list[Span] = []
        name, start = "", 0
        for index, tag in enumerate([*(self.tags[label] for label in labels), OUTSIDE]):
            if tag.letter in _BEGINS or tag.name != name:
                if name:
                    entities.append((name, start, index))
                name, start = tag.name, index
            if tag.letter in _ENDS:
                entities.append((name, start, index + 1))
                name = ""
        return entities

    def strict_reader(self) -> Callable[[Sequence[str]], list[Span]] | None:
        """Choose how entities are read strictly; ``None`` where no label says that one begins.

        With ``B`` and ``I`` (seqeval's IOB2) an entity is a ``B`` and the ``I`` of its name that follow it. Where
        labels also say that an entity ends (IOBES, BILOU, BMES), it must end so; other labels are no entities at all.
        """
        if "B" not in self.letters:
            return None
        closed = bool(self.letters & _ENDS)

        def read(labels: Sequence[str]) -> list[Span]:
            found: list[Span] = []
            name, start = "", -1  # of the entity that is open
            for index, tag in enumerate([*(self.tags[label] for label in labels), OUTSIDE]):
                goes_on = start >= 0 and tag.name == name and tag.letter in _GOES_ON
                if start >= 0 and not goes_on and not closed:
                    found.append((name, start, index))
                if goes_on and tag.letter in _ENDS:
                    found.append((name, start, index + 1))
                if tag.letter in _SINGLE:
                    found.append((tag.name, index, index + 1))
                if tag.letter == "B":
                    name, start = tag.name, index
                elif not goes_on or tag.letter in _ENDS:
                    start = -1
            return found

        return read


def _read(labels: Sequence[str], separator: str, *, behind: bool) -> dict[str, Tag]:
    """Read the labels that have letters, on one side and with one separator."""
    split = {label: tag for label in labels if (tag := _split(label, separator, behind=behind)) is not None}
    letters: dict[str, set[str]] = defaultdict(set)
    for name, letter in split.values():
        letters[name].add(letter)
    chained = {name for name, own in letters.items() if "I" in own or ("B" in own and own & _GOES_ON)}
    common = set().union(*(letters[name] for name in chained))
    known = chained | {name for name, own in letters.items() if own <= (common & _BEGINS)}
    # without a chain anywhere, a B before every name is a scheme too: of entities of one unit each
    if len(split) == sum(label not in ("O", "o") for label in labels) and {tag.letter for tag in split.values()} == {
        "B"
    }:
        known |= letters.keys()
    return {label: tag for label, tag in split.items() if tag.name in known}


def _read_letters(labels: Sequence[str]) -> dict[str, Tag]:
    """Read labels that are letters alone, as all of them must be."""
    read = {label: Tag(_NAMELESS, label.upper()) for label in labels if label not in ("O", "o")}
    letters = {tag.letter for tag in read.values()}
    return read if letters <= _LETTERS and "B" in letters and letters & _GOES_ON else {}


def _split(label: str, separator: str, *, behind: bool) -> Tag | None:
    first, found, last = label.rpartition(separator) if behind else label.partition(separator)
    name, letter = (first, last) if behind else (last, first)
    return Tag(name, letter.upper()) if found and name and letter.upper() in _LETTERS else None
