"""A session without an engine, for tests of whatever is built on the runtime."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roformer_edge.errors import BackendError
from roformer_edge.runtime.feeds import fit_feeds
from roformer_edge.tasks import TensorSpec

Answer = Callable[[dict[str, NDArray[Any]]], dict[str, NDArray[np.float32]]]


class FakeSession:
    """Answers with a function of the arrays that a graph would get.

    ::

        def odd_or_even(feeds):
            return {"logits": np.eye(2, dtype="float32")[feeds["input_ids"][:, 1] % 2]}

        task = get_task("text-classification")
        session = FakeSession(odd_or_even, task.inputs, task.outputs)

    Args:
        answer: Gets the arrays as the graph would, filled in and cast; returns arrays by output name.
        inputs: Of the graph that it stands for.
        outputs: Of that graph.

    Attributes:
        calls: The arrays of every run so far.
    """

    provider = "FakeExecutionProvider"
    fallbacks: tuple[str, ...] = ()

    def __init__(self, answer: Answer, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]) -> None:
        self._answer = answer
        self._closed = False
        self.inputs = inputs
        self.outputs = outputs
        self.calls: list[dict[str, NDArray[Any]]] = []

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        """Call the function; see ``Session.run``."""
        if self._closed:
            raise BackendError("the session is closed")
        fitted = fit_feeds(feeds, self.inputs)
        self.calls.append(fitted)
        return self._answer(fitted)

    def close(self) -> None:
        """From here on, ``run`` raises."""
        self._closed = True
