"""Feature extraction: one text in, the last layer's states out, of every token or as one vector."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from roformer_edge.errors import UnknownNameError
from roformer_edge.runtime.inference import EncodedRow, Outputs
from roformer_edge.runtime.pipelines.base import Pipeline
from roformer_edge.runtime.texts import TextInput

Features = NDArray[np.float32]
TextList = list[str] | list[tuple[str, str]] | list[TextInput]

_OUTPUT = "last_hidden_state"


def _every(states: Features) -> Features:
    return np.array(states)  # not a part of its batch, which would stay in memory with it


def _mean(states: Features) -> Features:
    return np.asarray(states.mean(axis=0, dtype=np.float64), dtype=np.float32)


def _first(states: Features) -> Features:
    return np.array(states[0])


# pooling -> states [tokens, hidden] to what is returned
POOLING: dict[str | None, Callable[[Features], Features]] = {None: _every, "mean": _mean, "first": _first}


class FeatureExtractor(Pipeline):
    """Answers texts with states; see :class:`~roformer_edge.runtime.pipelines.base.Pipeline` for what it is made of."""

    task = "feature-extraction"
    form = "a str, a tuple of two"

    @overload
    def __call__(
        self, texts: TextInput, *, pooling: str | None = None, batch_size: int | None = None, truncation: bool = False
    ) -> Features: ...
    @overload
    def __call__(
        self, texts: TextList, *, pooling: str | None = None, batch_size: int | None = None, truncation: bool = False
    ) -> list[Features]: ...
    @overload
    def __call__(
        self,
        texts: Iterator[TextInput],
        *,
        pooling: str | None = None,
        batch_size: int | None = None,
        truncation: bool = False,
    ) -> Iterator[Features]: ...

    def __call__(
        self,
        texts: TextInput | Iterable[TextInput],
        *,
        pooling: str | None = None,
        batch_size: int | None = None,
        truncation: bool = False,
    ) -> Any:
        """Compute the states of one text, or of many.

        Args:
            texts: A ``str``; a tuple of two for a pair; a list (or other collection) of such; or an iterator.
            pooling: ``None`` for the state of every token, ``[CLS]`` and ``[SEP]`` included; ``"mean"`` for their
                mean; ``"first"`` for the state of ``[CLS]``. Padding is in none of them.
            batch_size: The most texts that are computed at once; ``None`` for as many as change no answer.
            truncation: Cut texts that are longer than the model allows, instead of refusing them.

        Returns:
            float32 ``[tokens, hidden]``, with pooling ``[hidden]``; a list or a generator of such for many texts.

        Raises:
            TextError: Something is not a text, or holds NUL or a lone surrogate.
            TextTooLongError: A text has more tokens than the model takes, and ``truncation`` is not set.
            UnknownNameError: No such pooling.
            OptionError: ``batch_size`` is not a whole number of at least 1.
            BackendError: The engine failed.
        """
        if pooling not in POOLING:
            raise UnknownNameError("pooling", pooling, [str(name) for name in POOLING])
        reduce = POOLING[pooling]

        def pick(encoding: EncodedRow, outputs: Outputs) -> Outputs:
            return {_OUTPUT: reduce(outputs[_OUTPUT])}

        def respond(encodings: Sequence[EncodedRow], size: int) -> Iterator[Features]:
            return (row[_OUTPUT] for row in self._model.run(encodings, size, pick))

        return self._respond(texts, self._reader(truncation=truncation), respond, batch_size)
