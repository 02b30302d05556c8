"""Whatever turns texts into logits: a bundle, a checkpoint, or any function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from roformer_edge.validate.report import Facts

Logits = NDArray[np.float32]

A_FUNCTION = Facts(engine="a Python function", provider="unknown", recipe="unknown", threads=None, files=())


class LogitFunction(Protocol):
    """Texts to float32 logits ``[texts, labels]`` in the order of the texts, computing ``batch_size`` at once."""

    def __call__(self, texts: Sequence[str], *, batch_size: int) -> Logits:
        """Compute the logits."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """How any process opens the same predictor: the arguments of ``openers.open_predictor``."""

    path: str
    task: str
    threads: int
    truncate: bool
    tokenizer: str
    max_length: int | None = None


@dataclass(frozen=True, kw_only=True)
class Predictor:
    """One side of a comparison; any function can be one.

    Attributes:
        name: What the report calls it.
        labels: Class names in the order of the logits.
        logits: Called as ``logits(texts, batch_size=...)``.
        facts: Engine, precision, files.
        source: How another process opens the same, or ``None`` where it cannot.
    """

    name: str
    labels: tuple[str, ...]
    logits: LogitFunction
    facts: Facts = A_FUNCTION
    source: Source | None = None
