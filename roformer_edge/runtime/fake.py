"""A session without an engine, for tests of whatever is built on the runtime."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roformer_edge.errors import BackendError
from roformer_edge.runtime.feeds import fit_feeds
from roformer_edge.runtime.session import BackendReport
from roformer_edge.signatures import DEFAULT, Signature

AnswerFunction = Callable[[dict[str, NDArray[Any]]], dict[str, NDArray[np.float32]]]


class FakeSession:
    """Answers with a function of the arrays that a graph would get.

    ::

        def odd_or_even(feeds):
            return {"logits": np.eye(2, dtype="float32")[feeds["input_ids"][:, 1] % 2]}

        session = FakeSession(odd_or_even, {"default": get_task("text-classification").signature})

    Args:
        answer: Gets the arrays as the graph would, filled in and cast; returns arrays by output name.
        signatures: Those of the graph that the session stands for.

    Attributes:
        calls: The arrays of every run so far.
        called: The name of the signature of each of those runs.
    """

    report = BackendReport(engine="fake", version="0", used="FakeExecutionProvider")

    def __init__(self, answer: AnswerFunction, signatures: Mapping[str, Signature]) -> None:
        self._answer = answer
        self._closed = False
        self.signatures = signatures
        self.calls: list[dict[str, NDArray[Any]]] = []
        self.called: list[str] = []

    def run(self, feeds: Mapping[str, NDArray[Any]], signature: str = DEFAULT) -> dict[str, NDArray[np.float32]]:
        """Call the function; see ``Session.run``."""
        if self._closed:
            raise BackendError("the session is closed")
        fitted = fit_feeds(feeds, self.signatures, signature)
        self.calls.append(fitted)
        self.called.append(signature)
        return self._answer(fitted)

    def close(self) -> None:
        """End the session: from here on, ``run`` raises."""
        self._closed = True
