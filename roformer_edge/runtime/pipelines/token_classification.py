"""Token classification: one text in, the names and other stretches in it out, with their places."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import BackendError, UnknownNameError
from roformer_edge.runtime.inference import EncodingTokenizer, Limits, OffsetEncoding
from roformer_edge.runtime.pipelines.base import Pipeline
from roformer_edge.runtime.session import Session
from roformer_edge.runtime.texts import check_text
from roformer_edge.scores import softmax

# "none": one entry a token. Else entries are stretches of the text, made of units: with "simple" a unit is a token;
# with "first" and "mean" it is a word, a token with the "##" tokens that continue it, and its probabilities are those
# of its first token or their mean.
AGGREGATIONS = ("none", "simple", "first", "mean")

OUTSIDE = "O"
# What the letter in front of a label's name says: whether an entity begins here in any case, and whether it ends.
# B-, I-: begin, inside (BIO); M-: middle, E- or L-: end or last, S- or U-: single or unit (BMES, BIOES, BILOU).
_PREFIXES = {
    "B": (True, False),
    "I": (False, False),
    "M": (False, False),
    "E": (False, True),
    "L": (False, True),
    "S": (True, True),
    "U": (True, True),
}


@dataclass(frozen=True, kw_only=True)
class Entity:
    """A stretch of a text.

    Attributes:
        label: What it is: the label without its ``B-`` or ``I-``; with ``aggregation="none"`` the label as it is.
        score: The mean probability of its tokens' labels.
        start: Its first character in the text.
        end: One more than its last.
        text: ``text[start:end]``.
    """

    label: str
    score: float
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class _Unit:
    """A token or a word: where it stands, and a probability for each label."""

    start: int
    end: int
    scores: NDArray[np.float64]


class TokenClassifier(Pipeline):
    """Answers texts with entities; see :class:`~roformer_edge.runtime.pipelines.base.Pipeline` for what it is made of.

    Attributes:
        labels: Names of the classes in the order of the logits.
    """

    task = "token-classification"

    def __init__(
        self, session: Session, tokenizer: EncodingTokenizer, config: RoFormerConfig, *, limits: Limits | None = None
    ) -> None:
        super().__init__(session, tokenizer, config, limits=limits)
        self.labels = config.labels

    @overload
    def __call__(
        self, texts: str, *, aggregation: str = "simple", batch_size: int | None = None, truncation: bool = False
    ) -> list[Entity]: ...
    @overload
    def __call__(
        self, texts: list[str], *, aggregation: str = "simple", batch_size: int | None = None, truncation: bool = False
    ) -> list[list[Entity]]: ...
    @overload
    def __call__(
        self,
        texts: Iterator[str],
        *,
        aggregation: str = "simple",
        batch_size: int | None = None,
        truncation: bool = False,
    ) -> Iterator[list[Entity]]: ...

    def __call__(
        self,
        texts: str | Iterable[str],
        *,
        aggregation: str = "simple",
        batch_size: int | None = None,
        truncation: bool = False,
    ) -> Any:
        """Find the entities of one text, or of many.

        The label of a unit is its most probable one. An entity begins with ``B-`` or ``S-``, or where the label's name
        differs from that of the unit before; it goes on while the name stays, so an ``I-`` without its ``B-`` begins
        one, and labels without a letter in front (``PER``) are joined with equal neighbours. ``E-`` and ``S-`` end it.
        ``O`` is outside.

        Args:
            texts: A ``str``; a list (or other collection) of such; or an iterator.
            aggregation: ``"simple"``: every token has its own label. ``"first"``: a word that is cut into several
                tokens (``##``) has the label of the first. ``"mean"``: it has the label with the highest mean
                probability. ``"none"``: no entities, but one entry for each token, those labelled ``O`` included.
            batch_size: The most texts that are computed at once; ``None`` for as many as change no answer.
            truncation: Cut texts that are longer than the model allows, instead of refusing them.

        Returns:
            Entities in the order of the text; ``[CLS]`` and ``[SEP]`` are never among them. A list or a generator of
            such lists for many texts.

        Raises:
            TextError: Something is not a text, or holds NUL or a lone surrogate.
            TextTooLongError: A text has more tokens than the model takes, and ``truncation`` is not set.
            UnknownNameError: No such aggregation.
            OptionError: ``batch_size`` is not a whole number of at least 1.
            BackendError: The engine failed.
        """
        if aggregation not in AGGREGATIONS:
            raise UnknownNameError("aggregation", aggregation, AGGREGATIONS)

        def read(value: object, where: str) -> tuple[str, OffsetEncoding]:
            return check_text(value, where), self._model.encode(value, truncation=truncation, where=where)

        def respond(texts: Sequence[tuple[str, OffsetEncoding]], size: int) -> Iterator[list[Entity]]:
            rows = self._model.run([encoding for _, encoding in texts], size)
            return (
                self._answer(text, encoding, row["logits"], aggregation)
                for (text, encoding), row in zip(texts, rows, strict=True)
            )

        return self._respond(texts, read, respond, batch_size)

    def _answer(
        self, text: str, encoding: OffsetEncoding, logits: NDArray[np.float32], aggregation: str
    ) -> list[Entity]:
        if logits.shape[1:] != (len(self.labels),):
            raise BackendError(
                f"the graph gave {logits.shape[1:]} logits for a token, and there are {len(self.labels)} labels"
            )
        units = _units(encoding, softmax(logits.astype(np.float64)), aggregation)
        found = [(unit, int(unit.scores.argmax())) for unit in units]
        if aggregation == "none":
            return [
                self._entity(text, self.labels[index], unit.start, unit.end, [float(unit.scores[index])])
                for unit, index in found
            ]
        return self._join(text, found)

    def _join(self, text: str, found: Sequence[tuple[_Unit, int]]) -> list[Entity]:
        labels = [self.labels[index] for _, index in found]
        return [
            self._entity(
                text,
                name,
                found[first][0].start,
                found[end - 1][0].end,
                [float(unit.scores[index]) for unit, index in found[first:end]],
            )
            for name, first, end in join_labels(labels)
        ]

    @staticmethod
    def _entity(text: str, label: str, start: int, end: int, scores: Sequence[float]) -> Entity:
        score = sum(scores) / len(scores)
        return Entity(label=label, score=score, start=start, end=end, text=text[start:end])


def join_labels(labels: Sequence[str]) -> list[tuple[str, int, int]]:
    """Entities in the labels of consecutive units: ``(name, index of the first unit, one more than that of the last)``.

    An entity begins where a label says so or the name changes, and ends where a label says so or another begins; see
    :meth:`TokenClassifier.__call__`.
    """
    entities: list[tuple[str, int, int]] = []
    name, start = OUTSIDE, 0

    def close(end: int) -> None:
        if name != OUTSIDE:
            entities.append((name, start, end))

    for index, label in enumerate(labels):
        this, begins, ends = split_label(label)
        if begins or this != name:
            close(index)
            name, start = this, index
        if ends:
            close(index + 1)
            name = OUTSIDE
    close(len(labels))
    return entities


def split_label(label: str) -> tuple[str, bool, bool]:
    """Split a label: its name, whether an entity begins with it in any case, and whether it ends with it."""
    letter, dash, name = label.partition("-")
    if dash and name and letter in _PREFIXES:
        return (name, *_PREFIXES[letter])
    return label, False, False


def _units(encoding: OffsetEncoding, scores: NDArray[np.float64], aggregation: str) -> list[_Unit]:
    """Collect tokens of the text, or its words, with their probabilities."""
    offsets, tokens = encoding.offsets, encoding.tokens
    words: list[list[int]] = []
    for index, text in enumerate(encoding.sequence_ids):
        if text is None:
            continue
        continues = tokens[index].startswith("##") and aggregation in ("first", "mean")
        # the tokens of a word stand side by side in the text
        if words and continues and offsets[words[-1][-1]][1] == offsets[index][0]:
            words[-1].append(index)
        else:
            words.append([index])
    return [
        _Unit(
            offsets[word[0]][0],
            offsets[word[-1]][1],
            scores[word].mean(axis=0) if aggregation == "mean" else scores[word[0]],
        )
        for word in words
    ]
