"""Token classification: one text in, the names and other stretches in it out, with their places."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args, overload

import numpy as np
from numpy.typing import NDArray

from roformer_edge.config import RoFormerConfig
from roformer_edge.crf import Crf
from roformer_edge.errors import BackendError, OptionError, TextError, TextTooLongError, UnknownNameError
from roformer_edge.records import Result
from roformer_edge.runtime.inference import EncodingTokenizer, Limits, OffsetEncoding
from roformer_edge.runtime.pipelines.base import Pipeline, check_shared, check_threshold
from roformer_edge.runtime.session import Session
from roformer_edge.runtime.texts import check_text, join_words
from roformer_edge.runtime.windows import SHARED_TOKENS, Window, cut_windows, join_windows, room_for
from roformer_edge.scores import softmax
from roformer_edge.tagging import TagScheme

# "none": one entry a token. Else entries are stretches of the text, made of units: with "simple" a unit is a token;
# with "first" and "mean" it is a word, a token with the "##" tokens that continue it, and its probabilities are those
# of its first token or their mean.
Aggregation = Literal["none", "simple", "first", "mean"]
AGGREGATIONS: tuple[Aggregation, ...] = get_args(Aggregation)


@dataclass(frozen=True, kw_only=True)
class Entity(Result):
    """A stretch of a text, or of the words that a text came in.

    Attributes:
        label: What it is: the label without its letter; with ``aggregation="none"`` the label as it is.
        score: The mean probability of its tokens' labels.
        start: Its first character in the text; of what came in words, its first word.
        end: One more than its last.
        text: ``text[start:end]``; of what came in words, ``words[start:end]`` as one text.
    """

    label: str
    score: float
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class _Text:
    """A text, its tokens, and the rows of the graph that it is read in; where its words are if it came in such."""

    text: str
    encoding: OffsetEncoding
    windows: Sequence[Window]
    words: Sequence[tuple[int, int]] | None


@dataclass(frozen=True)
class _InWords:
    """The encoding of a text that came in words: its tokens, each of which stands at its word."""

    ids: Sequence[int]
    type_ids: Sequence[int]
    sequence_ids: Sequence[int | None]
    tokens: Sequence[str]
    offsets: Sequence[tuple[int, int]]


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
        is_split_into_words: Literal[False] = False,
        aggregation: Aggregation | None = None,
        threshold: float | None = None,
        stride: int = SHARED_TOKENS,
        batch_size: int | None = None,
        truncation: bool = False,
    ) -> list[Entity]: ...
    @overload
    def __call__(
        self,
        texts: list[str],
        *,
        is_split_into_words: Literal[False] = False,
        aggregation: Aggregation | None = None,
        threshold: float | None = None,
        stride: int = SHARED_TOKENS,
        batch_size: int | None = None,
        truncation: bool = False,
    ) -> list[list[Entity]]: ...
    @overload
    def __call__(
        self,
        texts: Iterator[str],
        *,
        is_split_into_words: Literal[False] = False,
        aggregation: Aggregation | None = None,
        threshold: float | None = None,
        stride: int = SHARED_TOKENS,
        batch_size: int | None = None,
        truncation: bool = False,
    ) -> Iterator[list[Entity]]: ...
    @overload
    def __call__(
        self,
        texts: list[str],
        *,
        is_split_into_words: Literal[True],
        aggregation: Aggregation | None = None,
        threshold: float | None = None,
        stride: int = SHARED_TOKENS,
        batch_size: int | None = None,
        truncation: bool = False,
    ) -> list[Entity]: ...
    @overload
    def __call__(
        self,
        texts: list[list[str]],
        *,
        is_split_into_words: Literal[True],
        aggregation: Aggregation | None = None,
        threshold: float | None = None,
        stride: int = SHARED_TOKENS,
        batch_size: int | None = None,
        truncation: bool = False,
    ) -> list[list[Entity]]: ...
    @overload
    def __call__(
        self,
        texts: Iterator[list[str]],
        *,
        is_split_into_words: Literal[True],
        aggregation: Aggregation | None = None,
        threshold: float | None = None,
        stride: int = SHARED_TOKENS,
        batch_size: int | None = None,
        truncation: bool = False,
    ) -> Iterator[list[Entity]]: ...

    def __call__(
        self,
        texts: str | Iterable[str] | Iterable[Sequence[str]],
        *,
        is_split_into_words: bool = False,
        aggregation: Aggregation | None = None,
        threshold: float | None = None,
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
            is_split_into_words: A text is a list of its words. Each is cut into tokens by itself, as models are trained
                on data of words; answers count words, and a word is labelled as a whole.
            aggregation: ``"simple"`` (of texts, where left out): every token has its own label. ``"first"`` (of words):
                a word that is cut into several tokens (``##``) has the label of the first. ``"mean"``: it has the
                label with the highest mean probability. ``"none"``: no entities, but one entry for each token, or each
                word that has tokens, those labelled ``O`` included.
            threshold: Only entities with a larger score, from 0 to 1.
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
            OptionError: A number is out of range, or words are to be labelled token by token.
            BackendError: The engine failed.
        """
        if aggregation not in (None, *AGGREGATIONS):
            raise UnknownNameError("aggregation", str(aggregation), AGGREGATIONS)
        if is_split_into_words and aggregation == "simple":
            raise OptionError("aggregation", aggregation, "first, mean or none for words, whose tokens are no entities")
        chosen = aggregation or ("first" if is_split_into_words else "simple")
        check_threshold(threshold)
        check_shared("stride", stride)
        encode = self._encode_words if is_split_into_words else self._encode_text
        if is_split_into_words and isinstance(texts, (list, tuple)):
            alone = not self.holds_several(texts, {"is_split_into_words": True})
            inputs: Any = iter([texts]) if alone else list(texts)
        else:
            alone, inputs = False, texts

        def read(value: object, where: str) -> _Text:
            text, encoding, words = encode(value, where, truncation=truncation)
            if len(encoding.ids) > self.max_length and room_for(encoding, 0, self.max_length) < 1:
                raise TextTooLongError(
                    f"{where} has {len(encoding.ids)} tokens, special tokens included, and the model takes "
                    f"{self.max_length}, which is too few to read any text"
                )
            return _Text(text, encoding, cut_windows(encoding, 0, self.max_length, stride), words)

        def respond(texts: Sequence[_Text], size: int) -> Iterator[list[Entity]]:
            rows = iter(self._model.run([window for text in texts for window in text.windows], size))
            for text in texts:
                outputs = [next(rows)["logits"] for _ in text.windows]
                self._check_width(outputs[0])
                found = self._answer(text, join_windows(text.windows, outputs), chosen)
                yield found if threshold is None else [entity for entity in found if entity.score > threshold]

        answers = self._respond(inputs, read, respond, batch_size)
        return next(answers) if alone else answers

    @classmethod
    def holds_several(cls, inputs: object, options: Mapping[str, object]) -> bool:
        """Tell whether a collection holds several inputs; a list of words is one, and its answer no list of answers."""
        if options.get("is_split_into_words") and isinstance(inputs, (list, tuple)):
            return not all(isinstance(word, str) for word in inputs)
        return super().holds_several(inputs, options)

    def _encode_text(self, value: object, where: str, *, truncation: bool) -> tuple[str, OffsetEncoding, None]:
        text = check_text(value, where)
        if truncation:
            return text, self._model.encode(text, truncation=True, where=where), None
        return text, self._model.tokenizer.encode_text(text), None

    def _encode_words(
        self, value: object, where: str, *, truncation: bool
    ) -> tuple[str, OffsetEncoding, Sequence[tuple[int, int]]]:
        """Encode every word by itself, with what stands around a text around all of them."""
        if not isinstance(value, (list, tuple)):
            raise TextError(f"{where} must be a list of words, found {type(value).__name__}: {value!r:.60}")
        words = [check_text(word, f"word {number} of {where}") for number, word in enumerate(value)]
        empty = self._model.tokenizer.encode_text("")
        around = len(empty.ids) // 2
        ids: list[int] = []
        tokens: list[str] = []
        places: list[tuple[int, int]] = []
        for number, word in enumerate(words):
            encoding = self._model.tokenizer.encode_text(word)
            inside = [index for index, text in enumerate(encoding.sequence_ids) if text is not None]
            ids += [encoding.ids[index] for index in inside]
            tokens += [encoding.tokens[index] for index in inside]
            places += [(number, number + 1)] * len(inside)
        if truncation:
            kept = max(0, min(self.max_length, self._model.tokenizer.model_max_length) - len(empty.ids))
            del ids[kept:], tokens[kept:], places[kept:]
        text, spans = join_words(words)
        encoded = _InWords(
            ids=[*empty.ids[:around], *ids, *empty.ids[around:]],
            type_ids=[0] * (len(empty.ids) + len(ids)),
            sequence_ids=[*[None] * around, *[0] * len(ids), *[None] * (len(empty.ids) - around)],
            tokens=[*empty.tokens[:around], *tokens, *empty.tokens[around:]],
            offsets=[*[(0, 0)] * around, *places, *[(0, 0)] * (len(empty.ids) - around)],
        )
        return text, encoded, spans

    def _check_width(self, logits: NDArray[np.float32]) -> None:
        if logits.shape[1:] != (len(self.labels),):
            raise BackendError(
                f"the graph gave {logits.shape[1:]} logits for a token, and there are {len(self.labels)} labels"
            )

    def _answer(self, text: _Text, logits: NDArray[np.float32], aggregation: Aggregation) -> list[Entity]:
        units = self._units(text.encoding, logits.astype(np.float64), aggregation)
        labels = [self.labels[unit.label] for unit in units]
        if aggregation == "none":
            return [_entity(text, label, [unit]) for label, unit in zip(labels, units, strict=True)]
        return [_entity(text, name, units[first:end]) for name, first, end in self.scheme.join(labels)]

    def _units(self, encoding: OffsetEncoding, logits: NDArray[np.float64], aggregation: Aggregation) -> list[_Unit]:
        scores = softmax(logits) if self.crf is None else self.crf.marginals(logits)
        labels = scores.argmax(axis=-1) if self.crf is None else self.crf.best_labels(logits)
        units = []
        for word in _words(encoding, joined=aggregation in ("first", "mean")):
            mean = scores[word].mean(axis=0) if aggregation == "mean" else scores[word[0]]
            label = int(mean.argmax() if aggregation == "mean" else labels[word[0]])
            start, end = encoding.offsets[word[0]][0], encoding.offsets[word[-1]][1]
            units.append(_Unit(start, end, label, float(mean[label])))
        return units


def _entity(text: _Text, label: str, units: Sequence[_Unit]) -> Entity:
    start, end = units[0].start, units[-1].end
    score = sum(unit.score for unit in units) / len(units)
    first, last = (start, end) if text.words is None else (text.words[start][0], text.words[end - 1][1])
    return Entity(label=label, score=score, start=start, end=end, text=text.text[first:last])


def _words(encoding: OffsetEncoding, *, joined: bool) -> list[list[int]]:
    """Collect the indices of the text's tokens, those of a word together where words are to be joined."""
    offsets, tokens = encoding.offsets, encoding.tokens
    in_words = isinstance(encoding, _InWords)
    words: list[list[int]] = []
    for index, text in enumerate(encoding.sequence_ids):
        if text is None:
            continue
        last = offsets[words[-1][-1]] if words else None
        if in_words:
            continues = offsets[index] == last
        else:
            # the tokens of a word stand side by side in the text
            continues = joined and tokens[index].startswith("##") and last is not None and last[1] == offsets[index][0]
        if continues:
            words[-1].append(index)
        else:
            words.append([index])
    return words
