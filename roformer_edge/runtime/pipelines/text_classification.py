"""Text classification: one text in, the most probable class out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import BackendError, OptionError
from roformer_edge.records import Result
from roformer_edge.runtime.inference import EncodedRow, EncodingTokenizer, Limits
from roformer_edge.runtime.pipelines.base import Pipeline, check_threshold
from roformer_edge.runtime.session import Session
from roformer_edge.runtime.texts import TextInput
from roformer_edge.scores import identity, sigmoid, softmax

Logits = NDArray[np.float32]
TextList = list[str] | list[tuple[str, str]] | list[TextInput]


@dataclass(frozen=True, kw_only=True)
class Classification(Result):
    """One class for one text.

    Attributes:
        label: The name of the class.
        score: Its probability; for a regression, the value itself.
    """

    label: str
    score: float


# problem_type of config.json -> logits to scores
SCORES: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "single_label_classification": softmax,
    "multi_label_classification": sigmoid,
    "regression": identity,
}


class TextClassifier(Pipeline):
    """Answers texts with classes; see :class:`~roformer_edge.runtime.pipelines.base.Pipeline` for what it is made of.

    Attributes:
        labels: Names of the classes in the order of the logits.
        problem_type: A key of ``SCORES``. Where the config leaves it open, one label means independent
            probabilities and more labels mean exclusive ones, as in transformers.
    """

    task = "text-classification"
    form = "a str, a tuple of two"

    def __init__(
        self, session: Session, tokenizer: EncodingTokenizer, config: RoFormerConfig, *, limits: Limits | None = None
    ) -> None:
        super().__init__(session, tokenizer, config, limits=limits)
        self.labels = config.labels
        self.problem_type = config.problem_type or (
            "multi_label_classification" if config.num_labels == 1 else "single_label_classification"
        )

    @overload
    def __call__(
        self,
        texts: TextInput,
        top_k: None = None,
        *,
        threshold: None = None,
        batch_size: int | None = None,
        truncation: bool = False,
    ) -> Classification: ...
    @overload
    def __call__(
        self,
        texts: TextInput,
        top_k: int,
        *,
        threshold: None = None,
        batch_size: int | None = None,
        truncation: bool = False,
    ) -> list[Classification]: ...
    @overload
    def __call__(
        self,
        texts: TextInput,
        top_k: int | None = None,
        *,
        threshold: float,
        batch_size: int | None = None,
        truncation: bool = False,
    ) -> list[Classification]: ...
    @overload
    def __call__(
        self,
        texts: TextList,
        top_k: None = None,
        *,
        threshold: None = None,
        batch_size: int | None = None,
        truncation: bool = False,
    ) -> list[Classification]: ...
    @overload
    def __call__(
        self,
        texts: TextList,
        top_k: int,
        *,
        threshold: None = None,
        batch_size: int | None = None,
        truncation: bool = False,
    ) -> list[list[Classification]]: ...
    @overload
    def __call__(
        self,
        texts: TextList,
        top_k: int | None = None,
        *,
        threshold: float,
        batch_size: int | None = None,
        truncation: bool = False,
    ) -> list[list[Classification]]: ...
    @overload
    def __call__(
        self,
        texts: Iterator[TextInput],
        top_k: None = None,
        *,
        threshold: None = None,
        batch_size: int | None = None,
        truncation: bool = False,
    ) -> Iterator[Classification]: ...
    @overload
    def __call__(
        self,
        texts: Iterator[TextInput],
        top_k: int,
        *,
        threshold: None = None,
        batch_size: int | None = None,
        truncation: bool = False,
    ) -> Iterator[list[Classification]]: ...
    @overload
    def __call__(
        self,
        texts: Iterator[TextInput],
        top_k: int | None = None,
        *,
        threshold: float,
        batch_size: int | None = None,
        truncation: bool = False,
    ) -> Iterator[list[Classification]]: ...

    def __call__(
        self,
        texts: TextInput | Iterable[TextInput],
        *more: Any,
        top_k: int | None = None,
        threshold: float | None = None,
        batch_size: int | None = None,
        truncation: bool = False,
    ) -> Any:
        """Classify one text, or many.

        Args:
            texts: A ``str``; a tuple of two for a pair; a list (or other collection) of such; or an iterator.
            more: ``top_k``, where it is not given by name.
            top_k: ``None`` for the best class alone; a number for a list of that many, best first.
            threshold: A number from 0 to 1 for a list of the classes with a larger score, best first, at most ``top_k``
                and perhaps none: the set of labels of a text, where a model gives several. A report reads those of a
                multi-label model with 0.5.
            batch_size: The most texts that are computed at once; ``None`` for as many as change no answer. Texts of
                like length are put together.
            truncation: Cut texts that are longer than the model allows, instead of refusing them.

        Returns:
            One answer for one text, a list for a collection. For an iterator a generator, which reads 32 batches ahead
            and holds no more than that; with ``batch_size=1`` it answers each text before it reads the next.

        Raises:
            TextError: Something is not a text, or holds NUL or a lone surrogate.
            TextTooLongError: A text has more tokens than the model takes, and ``truncation`` is not set.
            OptionError: ``top_k`` or ``batch_size`` is not a whole number of at least 1, ``threshold`` is none from 0
                to 1, or the model is a regression, whose values are no probabilities.
            BackendError: The engine failed.
        """
        top_k = self._top_k(more, top_k)
        check_threshold(threshold)
        if threshold is not None and self.problem_type == "regression":
            raise OptionError("threshold", threshold, "left out for a regression, whose values are no probabilities")

        def respond(encodings: Sequence[EncodedRow], size: int) -> Iterator[Classification | list[Classification]]:
            return (self._answer(row["logits"], top_k, threshold) for row in self._model.run(encodings, size))

        return self._respond(texts, self._reader(truncation=truncation), respond, batch_size)

    def logits(self, texts: Iterable[TextInput], *, batch_size: int | None = None, truncation: bool = False) -> Logits:
        """Compute float32 logits ``[texts, labels]`` in the order of ``texts``; errors as for a call."""
        size = self._batch_size(batch_size)

        def respond(encodings: Sequence[EncodedRow], size: int) -> Iterator[Logits]:
            return (row["logits"] for row in self._model.run(encodings, size))

        rows = list(self._stream(self._iterate(texts), self._reader(truncation=truncation), respond, size))
        return np.stack(rows) if rows else np.empty((0, len(self.labels)), dtype=np.float32)

    def _answer(
        self, logits: Logits, top_k: int | None, threshold: float | None
    ) -> Classification | list[Classification]:
        if logits.shape != (len(self.labels),):
            raise BackendError(
                f"the graph gave {logits.shape} logits for a text, and there are {len(self.labels)} labels"
            )
        scores = SCORES[self.problem_type](logits.astype(np.float64))
        alone = top_k is None and threshold is None
        best = np.argsort(-logits, kind="stable")[: 1 if alone else top_k]
        answers = [Classification(label=self.labels[index], score=float(scores[index])) for index in best]
        if threshold is not None:
            return [answer for answer in answers if answer.score > threshold]
        return answers[0] if alone else answers
