"""Feature extraction: one text in, the last layer's states out, of every token or as one vector.

Some graphs make the vector themselves, as the checkpoint or whoever deployed it says; they give nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from roformer_edge.errors import OptionError, UnknownNameError, advice
from roformer_edge.runtime.inference import EncodedRow, Outputs
from roformer_edge.runtime.pipelines.base import Pipeline
from roformer_edge.runtime.texts import TextInput
from roformer_edge.sentence import POOLER, VECTOR, SentenceHead
from roformer_edge.vectors import normalized

Features = NDArray[np.float32]
# the keys of POOLING, and what a graph that makes vectors itself may have been asked for
Pooling = Literal["mean", "first", "pooler", "cls", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]
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
        self,
        texts: TextInput,
        *,
        pooling: Pooling | None = None,
        normalize: bool = False,
        batch_size: int | None = None,
        truncation: bool = False,
    ) -> Features: ...
    @overload
    def __call__(
        self,
        texts: TextList,
        *,
        pooling: Pooling | None = None,
        normalize: bool = False,
        batch_size: int | None = None,
        truncation: bool = False,
    ) -> list[Features]: ...
    @overload
    def __call__(
        self,
        texts: Iterator[TextInput],
        *,
        pooling: Pooling | None = None,
        normalize: bool = False,
        batch_size: int | None = None,
        truncation: bool = False,
    ) -> Iterator[Features]: ...

    def __call__(
        self,
        texts: TextInput | Iterable[TextInput],
        *,
        pooling: Pooling | None = None,
        normalize: bool = False,
        batch_size: int | None = None,
        truncation: bool = False,
    ) -> Any:
        """Compute the states of one text, or of many.

        Args:
            texts: A ``str``; a tuple of two for a pair; a list (or other collection) of such; or an iterator.
            pooling: ``None`` for the state of every token, ``[CLS]`` and ``[SEP]`` included; ``"mean"`` for their
                mean; ``"first"`` for the state of ``[CLS]``. Padding is in none of them. Left out for a graph
                that makes vectors itself (``sentence``).
            normalize: Divide each vector by its length, so that products of vectors are cosines.
            batch_size: The most texts that are computed at once; ``None`` for as many as change no answer.
            truncation: Cut texts that are longer than the model allows, instead of refusing them.

        Returns:
            float32 ``[tokens, hidden]``, with pooling ``[hidden]``, of a graph that makes vectors ``[width]``; a list
            or a generator of such for many texts.

        Raises:
            TextError: Something is not a text, or holds NUL or a lone surrogate.
            TextTooLongError: A text has more tokens than the model takes, and ``truncation`` is not set.
            UnknownNameError: No such pooling.
            OptionError: ``batch_size`` is not a whole number of at least 1, or the graph would have to make such
                vectors, or makes others, or ``normalize`` is asked of the states of all tokens.
            BackendError: The engine failed.
        """
        output, reduce = self._reduction(pooling, normalize=normalize)

        def pick(encoding: EncodedRow, outputs: Outputs) -> Outputs:
            return {output: reduce(outputs[output])}

        def respond(encodings: Sequence[EncodedRow], size: int) -> Iterator[Features]:
            return (row[output] for row in self._model.run(encodings, size, pick))

        return self._respond(texts, self._reader(truncation=truncation), respond, batch_size)

    def vectors(
        self,
        texts: Iterable[TextInput],
        *,
        pooling: Pooling | None = None,
        normalize: bool = False,
        batch_size: int | None = None,
        truncation: bool = False,
    ) -> Features:
        """Compute one vector of each text, as one array; :mod:`roformer_edge.vectors` compares and searches such.

        Args:
            texts: A collection of texts or pairs, or an iterator.
            pooling: ``None`` for the vector that the graph makes, or else the mean of the tokens' states; see
                :meth:`__call__` for others, and for what follows.
            normalize: See there.
            batch_size: See there.
            truncation: See there.

        Returns:
            float32 ``[texts, width]``, in the order of ``texts``.

        Raises:
            RoFormerEdgeError: Any of those of a call.
        """
        if self.sentence is None and pooling is None:
            pooling = "mean"
        rows = list(
            self(
                self._iterate(texts),  # type: ignore[arg-type]  # what is no text is refused in its turn
                pooling=pooling,
                normalize=normalize,
                batch_size=batch_size,
                truncation=truncation,
            )
        )
        if not rows:
            return np.empty((0, len(self("", pooling=pooling))), np.float32)
        return np.stack(rows)

    @property
    def sentence(self) -> SentenceHead | None:
        """How the graph makes one vector of a text; ``None`` where it gives the state of every token."""
        return self._model.task.sentence

    def _reduction(self, pooling: Pooling | None, *, normalize: bool) -> tuple[str, Callable[[Features], Features]]:
        """Choose the output of the graph, and what is made of it."""
        output, reduce = self._pooled(pooling)
        if not normalize:
            return output, reduce
        if reduce is _every and output != VECTOR:
            raise OptionError("normalize", normalize, "left out for the states of all tokens; name a pooling, too")
        return output, lambda states: normalized(reduce(states))

    def _pooled(self, pooling: Pooling | None) -> tuple[str, Callable[[Features], Features]]:
        if self.sentence is not None:
            if pooling not in (None, self.sentence.asked):
                raise OptionError(
                    "pooling", pooling, f"left out: the graph makes {self.sentence.description} of a text"
                )
            return VECTOR, _every
        if pooling in POOLING:
            return _OUTPUT, POOLING[pooling]
        if pooling == POOLER:
            made = advice(python=f"DeployOptions(pooling={POOLER!r})", command=f"deploy --pooling {POOLER}")
            raise OptionError("pooling", pooling, f"mean, first or left out: the graph holds no pooler; {made} adds it")
        raise UnknownNameError("pooling", str(pooling), [str(name) for name in POOLING])
