"""Whatever answers a task: a bundle, a checkpoint, or any function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from roformer_edge.validate.data.inputs import Inputs, Problem


@dataclass(frozen=True, kw_only=True)
class FileFact:
    """One file of an artifact: its path inside it, what it is for, its size in bytes."""

    path: str
    role: str
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of one side apart from its answers.

    Attributes:
        engine: What computes, with its version, such as ``"onnxruntime 1.32.0"``.
        provider: Where it computes, such as ``"CPUExecutionProvider"``.
        recipe: The precision, such as ``"float32"`` or ``"int8-dynamic"``.
        threads: Threads of one computation, or ``None`` where unknown.
        files: What has to be shipped to get these answers; empty where there are no files.
        truncates: Whether texts that are longer than the model allows are cut, rather than refused.
    """

    engine: str
    provider: str
    recipe: str
    threads: int | None
    files: tuple[FileFact, ...]
    truncates: bool = False

    @property
    def bytes(self) -> int | None:
        """Size of all files together, or ``None`` where there are none."""
        return sum(file.bytes for file in self.files) if self.files else None

    @property
    def model_bytes(self) -> int | None:
        """Size of the weights or the graph alone, or ``None`` where no file holds them."""
        return sum(file.bytes for file in self.files if file.role == "model") or None


A_FUNCTION = Facts(engine="a Python function", provider="unknown", recipe="unknown", threads=None, files=())


class AnswerFunction(Protocol):
    """Inputs to answers in their order, computing ``batch_size`` at once; the task's measure says what an answer is."""

    def __call__(self, inputs: Sequence[Inputs], *, batch_size: int) -> Sequence[Any]:
        """Answer every input."""


@dataclass(frozen=True, kw_only=True)
class Opening:
    """How any process opens the same predictor: the arguments of ``openers.open_predictor``."""

    path: str
    task: str
    threads: int
    truncate: bool
    tokenizer: str
    max_length: int | None = None
    pooling: str | None = None
    ignore_weights: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Predictor:
    """One side of a comparison; any function can be one.

    Attributes:
        name: What the report calls it.
        answer: Called as ``answer(inputs, batch_size=...)``.
        labels: Names of what it chooses from, in the order of its outputs; empty for tasks without labels.
        problem_type: The kind of a text classifier, as in ``config.json``; ``None`` for one label of several.
        method: How it comes from outputs to answers, where there are several ways; empty where that is not known.
        facts: Engine, precision, files.
        opening: How another process opens the same, or ``None`` where it cannot.
        find_problem: Tells why it could not take an input, without computing; ``None`` where it cannot tell.
        notes: What is worth saying aloud of the files that it was read from.
    """

    name: str
    answer: AnswerFunction
    labels: tuple[str, ...] = ()
    problem_type: str | None = None
    method: str = ""
    facts: Facts = A_FUNCTION
    opening: Opening | None = None
    find_problem: Callable[[Inputs], Problem | None] | None = None
    notes: tuple[str, ...] = ()
