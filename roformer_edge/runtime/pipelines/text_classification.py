"""Text classification: one text in, the most probable class out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import BackendError, OptionError, TextError
from roformer_edge.runtime.batching import window_size, windows
from roformer_edge.runtime.inference import Encoded, Encoder, Limits, TextModel
from roformer_edge.runtime.session import Session
from roformer_edge.runtime.texts import TextInput
from roformer_edge.tasks import get_task

Logits = NDArray[np.float32]
TextList = list[str] | list[tuple[str, str]] | list[TextInput]


@dataclass(frozen=True, kw_only=True)
class Classification:
    """One class for one text.

    Attributes:
        label: The name of the class.
        score: Its probability; for a regression, the value itself.
    """

    label: str
    score: float


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities over the last axis that sum to 1."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """A probability for each class on its own."""
    # tanh does not overflow, whatever the sign
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)))


def identity(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values themselves."""
    return logits


# problem_type of config.json -> logits to scores
SCORES: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "single_label_classification": softmax,
    "multi_label_classification": sigmoid,
    "regression": identity,
}


class TextClassifier:
    """Answers texts with classes. Calls from several threads at once are safe.

    Args:
        session: The loaded graph.
        tokenizer: Of the model.
        config: Of the model: labels, kind of problem, padding.
        limits: Lengths and batches; by default the model's positions bound the length.

    Attributes:
        labels: Names of the classes in the order of the logits.
        problem_type: A key of ``SCORES``. Where the config leaves it open, one label means independent
            probabilities and more labels mean exclusive ones, as in transformers.
    """

    def __init__(
        self, session: Session, tokenizer: Encoder, config: RoFormerConfig, *, limits: Limits | None = None
    ) -> None:
        limits = limits or Limits(max_length=config.max_position_embeddings, pad_id=config.pad_token_id or 0)
        self._model = TextModel(session, tokenizer, get_task("text-classification"), limits)
        self.labels = config.labels
        self.problem_type = config.problem_type or (
            "multi_label_classification" if config.num_labels == 1 else "single_label_classification"
        )

    @overload
    def __call__(
        self, texts: TextInput, top_k: None = None, *, batch_size: int = 8, truncation: bool = False
    ) -> Classification: ...
    @overload
    def __call__(
        self, texts: TextInput, top_k: int, *, batch_size: int = 8, truncation: bool = False
    ) -> list[Classification]: ...
    @overload
    def __call__(
        self, texts: TextList, top_k: None = None, *, batch_size: int = 8, truncation: bool = False
    ) -> list[Classification]: ...
    @overload
    def __call__(
        self, texts: TextList, top_k: int, *, batch_size: int = 8, truncation: bool = False
    ) -> list[list[Classification]]: ...
    @overload
    def __call__(
        self, texts: Iterator[TextInput], top_k: None = None, *, batch_size: int = 8, truncation: bool = False
    ) -> Iterator[Classification]: ...
    @overload
    def __call__(
        self, texts: Iterator[TextInput], top_k: int, *, batch_size: int = 8, truncation: bool = False
    ) -> Iterator[list[Classification]]: ...

    def __call__(
        self,
        texts: TextInput | Iterable[TextInput],
        top_k: int | None = None,
        *,
        batch_size: int = 8,
        truncation: bool = False,
    ) -> Any:
        """Classify one text, or many.

        Args:
            texts: A ``str``; a tuple of two for a pair; a list (or other collection) of such; or an iterator.
            top_k: ``None`` for the best class alone; a number for a list of that many, best first.
            batch_size: The most texts that are computed at once. Texts of like length are put together.
            truncation: Cut texts that are longer than the model allows, instead of refusing them.

        Returns:
            One answer for one text, a list for a collection. For an iterator a generator, which reads 32 batches ahead
            and holds no more than that; with ``batch_size=1`` it answers each text before it reads the next.

        Raises:
            TextError: Something is not a text, or holds NUL or a lone surrogate.
            TextTooLongError: A text has more tokens than the model takes, and ``truncation`` is not set.
            OptionError: ``top_k`` or ``batch_size`` is not a whole number of at least 1.
            BackendError: The engine failed.
        """
        _check_numbers(top_k, batch_size)
        if isinstance(texts, (str, tuple)):
            encoding = self._model.encode(texts, truncation=truncation)
            return self._answer(self._model.run([encoding], 1)[0]["logits"], top_k)
        rows = self._rows(_iterate(texts), batch_size, truncation=truncation)
        answers = (self._answer(row, top_k) for row in rows)
        return answers if isinstance(texts, Iterator) else list(answers)

    def logits(self, texts: Iterable[TextInput], *, batch_size: int = 8, truncation: bool = False) -> Logits:
        """The graph's float32 logits ``[texts, labels]`` in the order of ``texts``; errors as for a call."""
        _check_numbers(None, batch_size)
        rows = list(self._rows(_iterate(texts), batch_size, truncation=truncation))
        return np.stack(rows) if rows else np.empty((0, len(self.labels)), dtype=np.float32)

    @property
    def provider(self) -> str:
        """Where the engine really runs the graph."""
        return self._model.session.provider

    @property
    def fallbacks(self) -> tuple[str, ...]:
        """What was asked of the engine and is not used, with the reason; empty when all went as asked."""
        return self._model.session.fallbacks

    @property
    def max_length(self) -> int:
        """The most tokens of one text, special tokens included."""
        return self._model.limits.max_length

    @property
    def model(self) -> TextModel:
        """The tokenizer and the graph, for those who want ids or raw outputs."""
        return self._model

    def close(self) -> None:
        """Free the graph's memory; calls fail from here on."""
        self._model.session.close()

    def __enter__(self) -> TextClassifier:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _rows(self, texts: Iterator[object], batch_size: int, *, truncation: bool) -> Iterator[Logits]:
        """Logits of each text in order, window by window."""
        position = 0
        for window in windows(texts, window_size(batch_size)):
            encodings: list[Encoded] = []
            refused: TextError | None = None
            for text in window:
                try:
                    where = f"text {position + len(encodings)}"
                    encodings.append(self._model.encode(text, truncation=truncation, where=where))
                except TextError as error:
                    # the texts before it are answered first
                    refused = error
                    break
            for outputs in self._model.run(encodings, batch_size):
                yield outputs["logits"]
            if refused is not None:
                raise refused
            position += len(window)

    def _answer(self, logits: Logits, top_k: int | None) -> Classification | list[Classification]:
        if logits.shape != (len(self.labels),):
            raise BackendError(
                f"the graph gave {logits.shape} logits for a text, and there are {len(self.labels)} labels"
            )
        scores = SCORES[self.problem_type](logits.astype(np.float64))
        best = np.argsort(-logits, kind="stable")[: top_k or 1]
        answers = [Classification(label=self.labels[index], score=float(scores[index])) for index in best]
        return answers[0] if top_k is None else answers


def _iterate(texts: object) -> Iterator[object]:
    if isinstance(texts, (str, bytes, Mapping)) or not isinstance(texts, Iterable):
        raise TextError(
            f"texts must be a str, a tuple of two, a list or an iterator of such, found {type(texts).__name__}"
        )
    return iter(texts)


def _check_numbers(top_k: int | None, batch_size: int) -> None:
    for name, value in (("top_k", top_k), ("batch_size", batch_size)):
        if value is not None and (not isinstance(value, int) or value < 1):
            raise OptionError(name, value)
