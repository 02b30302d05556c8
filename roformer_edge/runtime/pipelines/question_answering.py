"""Question answering: a question and a context in, the stretch of the context that answers it out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from roformer_edge.errors import TextError, TextTooLongError
from roformer_edge.records import Result
from roformer_edge.runtime.inference import Outputs
from roformer_edge.runtime.pipelines.base import Pipeline, check_count, check_shared
from roformer_edge.runtime.texts import check_text, split_fields
from roformer_edge.runtime.windows import SHARED_TOKENS, Window, cut_windows, room_for
from roformer_edge.scores import largest, softmax

# (question, context), or a mapping with these keys
Question = tuple[str, str] | Mapping[str, Any]

_FIELDS = ("question", "context")
Scores = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Answer(Result):
    """A stretch of the context.

    Attributes:
        text: ``context[start:end]``.
        start: Its first character in the context.
        end: One more than its last.
        score: See :meth:`QuestionAnswerer.__call__`.
    """

    text: str
    start: int
    end: int
    score: float


@dataclass(frozen=True)
class _Asked:
    context: str
    windows: Sequence[Window]


class QuestionAnswerer(Pipeline):
    """Answers from a context; see :class:`~roformer_edge.runtime.pipelines.base.Pipeline` for what it is made of."""

    task = "question-answering"
    single = (tuple, Mapping)
    form = "a tuple of question and context, a dict with these keys"
    noun = "input"

    @overload
    def __call__(
        self,
        inputs: Question,
        top_k: None = None,
        *,
        max_answer_length: int = 30,
        doc_stride: int = SHARED_TOKENS,
        batch_size: int | None = None,
    ) -> Answer: ...
    @overload
    def __call__(
        self,
        inputs: Question,
        top_k: int,
        *,
        max_answer_length: int = 30,
        doc_stride: int = SHARED_TOKENS,
        batch_size: int | None = None,
    ) -> list[Answer]: ...
    @overload
    def __call__(
        self,
        inputs: list[Question],
        top_k: None = None,
        *,
        max_answer_length: int = 30,
        doc_stride: int = SHARED_TOKENS,
        batch_size: int | None = None,
    ) -> list[Answer]: ...
    @overload
    def __call__(
        self,
        inputs: list[Question],
        top_k: int,
        *,
        max_answer_length: int = 30,
        doc_stride: int = SHARED_TOKENS,
        batch_size: int | None = None,
    ) -> list[list[Answer]]: ...
    @overload
    def __call__(
        self,
        inputs: Iterator[Question],
        top_k: None = None,
        *,
        max_answer_length: int = 30,
        doc_stride: int = SHARED_TOKENS,
        batch_size: int | None = None,
    ) -> Iterator[Answer]: ...
    @overload
    def __call__(
        self,
        inputs: Iterator[Question],
        top_k: int,
        *,
        max_answer_length: int = 30,
        doc_stride: int = SHARED_TOKENS,
        batch_size: int | None = None,
    ) -> Iterator[list[Answer]]: ...
    @overload
    def __call__(
        self, *, question: str, context: str, max_answer_length: int = 30, doc_stride: int = SHARED_TOKENS
    ) -> Answer: ...
    @overload
    def __call__(
        self, *, question: str, context: str, top_k: int, max_answer_length: int = 30, doc_stride: int = SHARED_TOKENS
    ) -> list[Answer]: ...

    def __call__(
        self,
        inputs: Question | Iterable[Question] | None = None,
        *more: Any,
        top_k: int | None = None,
        question: str | None = None,
        context: str | None = None,
        max_answer_length: int = 30,
        doc_stride: int = SHARED_TOKENS,
        batch_size: int | None = None,
    ) -> Any:
        """Answer one question, or many.

        A stretch of tokens of the context is scored by the product of two probabilities: that of its first token among
        all starts and that of its last among all ends, each a softmax over the logits of the context's tokens and of
        ``[CLS]``, which stands for "not in here" where the model learned that. This is the score of transformers, which
        besides adds up those of equal texts.
        A context that is longer than the model takes is read in windows of as many tokens as fit beside the question;
        the softmax is taken in each window, and the best stretch of any of them wins.

        Args:
            inputs: A tuple ``(question, context)`` or a dict with these keys; a list of such; or an iterator. Left
                out where ``question`` and ``context`` are given by name.
            more: ``top_k``, where it is not given by name.
            top_k: ``None`` for the best stretch alone; a number for a list of at most that many different ones, best
                first.
            question: The question, in place of ``inputs``.
            context: What it is answered from.
            max_answer_length: The most tokens of an answer.
            doc_stride: How many tokens neighbouring windows share; at most half of a window.
            batch_size: The most questions that are computed at once; ``None`` for as many as change no answer.

        Raises:
            TextError: Something is not a text, holds NUL or a lone surrogate, or the context has no tokens.
            TextTooLongError: The question leaves no room for a context.
            OptionError: A number is out of range.
            BackendError: The engine failed.
        """
        top_k = self._top_k(more, top_k)
        check_count("max_answer_length", max_answer_length)
        check_shared("doc_stride", doc_stride)
        if question is not None or context is not None:
            if inputs is not None:
                raise TextError("give the question and the context by name, or as one input, not both")
            inputs = {"question": question, "context": context}

        def read(value: object, where: str) -> _Asked:
            names = split_fields(value, _FIELDS, where)
            texts = [check_text(text, f"the {name} of {where}") for name, text in zip(_FIELDS, names, strict=True)]
            return _Asked(texts[1], self._windows(texts[0], texts[1], doc_stride, where))

        def respond(asked: Sequence[_Asked], size: int) -> Iterator[Answer | list[Answer]]:
            groups = self._run_groups([item.windows for item in asked], size)
            for item, outputs in zip(asked, groups, strict=True):
                answers = _best_answers(item, outputs, top_k or 1, max_answer_length)
                yield answers[0] if top_k is None else answers

        return self._respond(inputs, read, respond, batch_size)

    def _windows(self, question: str, context: str, doc_stride: int, where: str) -> list[Window]:
        """Make rows ``[CLS] question [SEP] part of the context [SEP]``, for as many parts as it takes."""
        whole = self._model.tokenizer.encode_text(question, context)
        texts = list(whole.sequence_ids)
        if 1 not in texts:
            raise TextError(f"the context of {where} has no tokens that could be an answer: {context!r:.60}")
        if room_for(whole, 1, self.max_length) < 1:
            raise TextTooLongError(
                f"the question of {where} has {texts.index(1)} tokens, special tokens included, and the model takes "
                f"{self.max_length} at most, those of the context among them; shorten it"
            )
        return cut_windows(whole, 1, self.max_length, doc_stride)


def span_scores(starts: Scores, ends: Scores, longest: int) -> Scores:
    """Multiply the probabilities of every start and the ends that it may have.

    Args:
        starts: The probability of each token to be the first one, ``[tokens]``.
        ends: The probability of each token to be the last one, ``[tokens]``.
        longest: The most tokens of a span.

    Returns:
        ``[tokens, longest]``: row i, column j is the span from token i to token i + j; -1 beyond the last token.
    """
    # in place of all pairs: a band as wide as the longest span, of views into one array
    padded = np.concatenate((ends, np.full(longest - 1, -np.inf)))
    band = np.lib.stride_tricks.sliding_window_view(padded, longest)
    with np.errstate(invalid="ignore"):  # a start of probability 0 times the padding
        scores = starts[:, np.newaxis] * band
    return np.where(np.isneginf(band), -1.0, scores)


def _best_answers(asked: _Asked, rows: Sequence[Outputs], count: int, longest: int) -> list[Answer]:
    found: dict[tuple[int, int], float] = {}
    for window, outputs in zip(asked.windows, rows, strict=True):
        for place, score in _best_spans(window, outputs, count, longest).items():
            # windows overlap, so two of them may have found the same
            found[place] = max(found.get(place, 0.0), score)
    best = sorted(found.items(), key=lambda item: (-item[1], item[0]))[:count]
    return [Answer(text=asked.context[start:end], start=start, end=end, score=score) for (start, end), score in best]


def _best_spans(window: Window, outputs: Outputs, count: int, longest: int) -> dict[tuple[int, int], float]:
    """Find places in characters and scores of the best spans of one window, at most ``count``, best first."""
    starts, ends = (_probabilities(outputs[name], window) for name in ("start_logits", "end_logits"))
    width = min(longest, len(starts))
    scores = span_scores(starts, ends, width).ravel()
    found: dict[tuple[int, int], float] = {}
    # a character may be several tokens, and then spans of different tokens are the same text: look at more of them
    for index in map(int, largest(scores, 1 if count == 1 else len(scores))):
        if scores[index] < 0 or len(found) == count:
            break
        first, more = divmod(index, width)
        found.setdefault((window.offsets[first][0], window.offsets[first + more][1]), float(scores[index]))
    return found


def _probabilities(logits: NDArray[np.float32], window: Window) -> Scores:
    """Compute the probability of every token of the context, among them and ``[CLS]``, which is left out."""
    context = logits[window.first : window.first + len(window.offsets)]
    return softmax(np.concatenate((logits[:1], context)).astype(np.float64))[1:]
