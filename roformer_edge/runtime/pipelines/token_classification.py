"""Token classification: one text in, the names and other stretches in it out, with their places."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from roformer_edge.config import RoFormerConfig
from roformer_edge.crf import Crf
from roformer_edge.errors import BackendError, TextTooLongError, UnknownNameError
from roformer_edge.runtime.inference import EncodingTokenizer, Limits, OffsetEncoding
from roformer_edge.runtime.pipelines.base import Pipeline, check_shared
from roformer_edge.runtime.session import Session
from roformer_edge.runtime.texts import check_text
from roformer_edge.runtime.windows import SHARED_TOKENS, Window, cut_windows, join_windows, room_for
from roformer_edge.scores import softmax
from roformer_edge.tagging import TagScheme

# "none": one entry a token. Else entries are stretches of the text, made of units: with "simple" a unit is a token;
# with "first" and "mean" it is a word, a token with the "##" tokens that continue it, and its probabilities are those
# of its first token or their mean.
AGGREGATIONS = ("none", "simple", "first", "mean")


@dataclass(frozen=True, kw_only=True)
class Entity:
    """A stretch of a text.

    Attributes:
        label: What it is: the label without its letter; with ``aggregation="none"`` the label as it is.
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
class _Text:
    """A text, its tokens, and the rows of the graph that it is read in."""

    text: str
    encoding: OffsetEncoding
    windows: Sequence[Window]


@dataclass(frozen=True)
class _Unit:
    """A token or a word: where it stands, the index of its label, and the probability of that."""

    start: int
    end: int
    label: int
    score: float


class TokenClassifier(Pipeline):
    """Answers texts with entities; see :class:`~roformer_edge.runtime.pipelines.base.Pipeline` for what it is made of.

    Attributes:
        labels: Names of the classes in the order of the logits.
        scheme: How the labels are read.
        crf: The transitions between labels, where the model has them.
    """

    task = "token-classification"

    def __init__(
        self,
        session: Session,
        tokenizer: EncodingTokenizer,
        config: RoFormerConfig,
        *,
        limits: Limits | None = None,
        crf: Crf | None = None,
    ) -> None:
        super().__init__(session, tokenizer, config, limits=limits)
        self.crf = crf
        self.labels = config.labels
        self.scheme = TagScheme.of(config.labels)

    @overload
    def __call__(
        self,
        texts: str,
        *,
        aggregation: str = "simple",
        stride: int = SHARED_TOKENS,
        batch_size: int | None = None,
        truncation: bool = False,
    ) -> list[Entity]: ...
    @overload
    def __call__(
        self,
        texts: list[str],
        *,
        aggregation: str = "simple",
        stride: int = SHARED_TOKENS,
        batch_size: int | None = None,
        truncation: bool = False,
    ) -> list[list[Entity]]: ...
    @overload
    def __call__(
        self,
        texts: Iterator[str],
        *,
        aggregation: str = "simple",
        stride: int = SHARED_TOKENS,
        batch_size: int | None = None,
        truncation: bool = False,
    ) -> Iterator[list[Entity]]: ...

    def __call__(
        self,
        texts: str | Iterable[str],
        *,
        aggregation: str = "simple",
        stride: int = SHARED_TOKENS,
        batch_size: int | None = None,
        truncation: bool = False,
    ) -> Any:
        """Find the entities of one text, or of many.

        The label of a unit is its most probable one; with a conditional random field it is that of the most probable
        sequence over all tokens, and probabilities are those over all sequences. Letters in labels are read as the
        whole set of labels has them, before a name, behind it or alone; see
        :class:`~roformer_edge.tagging.TagScheme`. An entity begins with ``B-`` or ``S-``, or where the label's name
        differs from that of the unit before; it goes on while the name stays, so an ``I-`` without its ``B-`` begins
        one, and labels without a letter (``PER``) are joined with equal neighbours. ``E-`` and ``S-`` end it. ``O`` is
        outside.

        A text that is longer than the model takes is read in windows that overlap. The logits of a token are those of
        the window in which it has most tokens beside it, and the labels are chosen, or the best sequence found, over
        the whole text.

        Args:
            texts: A ``str``; a list (or other collection) of such; or an iterator.
            aggregation: ``"simple"``: every token has its own label. ``"first"``: a word that is cut into several
                tokens (``##``) has the label of the first. ``"mean"``: it has the label with the highest mean
                probability. ``"none"``: no entities, but one entry for each token, those labelled ``O`` included.
            stride: How many tokens neighbouring windows share; at most half of a window.
            batch_size: The most windows that are computed at once, one a text where texts are short; ``None`` for as
                many as change no answer.
            truncation: Cut texts that are longer than the model allows, instead of reading them in windows.

        Returns:
            Entities in the order of the text; ``[CLS]`` and ``[SEP]`` are never among them. A list or a generator of
            such lists for many texts.

        Raises:
            TextError: Something is not a text, or holds NUL or a lone surrogate.
            TextTooLongError: The model takes no more tokens than those around a text.
            UnknownNameError: No such aggregation.
            OptionError: A number is out of range.
            BackendError: The engine failed.
        """
        if aggregation not in AGGREGATIONS:
            raise UnknownNameError("aggregation", aggregation, AGGREGATIONS)

        check_shared("stride", stride)

        def read(value: object, where: str) -> _Text:
            text = check_text(value, where)
            if truncation:
                encoding = self._model.encode(text, truncation=True, where=where)
            else:
                encoding = self._model.tokenizer.encode_text(text)
            if len(encoding.ids) > self.max_length and room_for(encoding, 0, self.max_length) < 1:
                raise TextTooLongError(
                    f"{where} has {len(encoding.ids)} tokens, special tokens included, and the model takes "
                    f"{self.max_length}, which is too few to read any text"
                )
            return _Text(text, encoding, cut_windows(encoding, 0, self.max_length, stride))

        def respond(texts: Sequence[_Text], size: int) -> Iterator[list[Entity]]:
            rows = iter(self._model.run([window for text in texts for window in text.windows], size))
            for text in texts:
                outputs = [next(rows)["logits"] for _ in text.windows]
                self._check_width(outputs[0])
                yield self._answer(text.text, text.encoding, join_windows(text.windows, outputs), aggregation)

        return self._respond(texts, read, respond, batch_size)

    def _check_width(self, logits: NDArray[np.float32]) -> None:
        if logits.shape[1:] != (len(self.labels),):
            raise BackendError(
                f"the graph gave {logits.shape[1:]} logits for a token, and there are {len(self.labels)} labels"
            )

    def _answer(
        self, text: str, encoding: OffsetEncoding, logits: NDArray[np.float32], aggregation: str
    ) -> list[Entity]:
        units = self._units(encoding, logits.astype(np.float64), aggregation)
        labels = [self.labels[unit.label] for unit in units]
        if aggregation == "none":
            return [_entity(text, label, [unit]) for label, unit in zip(labels, units, strict=True)]
        return [_entity(text, name, units[first:end]) for name, first, end in self.scheme.join(labels)]

    def _units(self, encoding: OffsetEncoding, logits: NDArray[np.float64], aggregation: str) -> list[_Unit]:
        scores = softmax(logits) if self.crf is None else self.crf.marginals(logits)
        labels = scores.argmax(axis=-1) if self.crf is None else self.crf.best_labels(logits)
        units = []
        for word in _words(encoding, joined=aggregation in ("first", "mean")):
            mean = scores[word].mean(axis=0) if aggregation == "mean" else scores[word[0]]
            label = int(mean.argmax() if aggregation == "mean" else labels[word[0]])
            start, end = encoding.offsets[word[0]][0], encoding.offsets[word[-1]][1]
            units.append(_Unit(start, end, label, float(mean[label])))
        return units


def _entity(text: str, label: str, units: Sequence[_Unit]) -> Entity:
    start, end = units[0].start, units[-1].end
    score = sum(unit.score for unit in units) / len(units)
    return Entity(label=label, score=score, start=start, end=end, text=text[start:end])


def _words(encoding: OffsetEncoding, *, joined: bool) -> list[list[int]]:
    """Collect the indices of the text's tokens, those of a word together where words are to be joined."""
    offsets, tokens = encoding.offsets, encoding.tokens
    words: list[list[int]] = []
    for index, text in enumerate(encoding.sequence_ids):
        if text is None:
            continue
        continues = joined and tokens[index].startswith("##")
        # the tokens of a word stand side by side in the text
        if words and continues and offsets[words[-1][-1]][1] == offsets[index][0]:
            words[-1].append(index)
        else:
            words.append([index])
    return words
