"""Does the graph compute what the reference model computes?

Both are given the same token ids: short, long and padded rows, second segments, and a row of nothing but padding. Every
layer's output is compared beside the answer, so that a failure names the first place to look.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import ParityError
from roformer_edge.export.artifact import Artifact, Run
from roformer_edge.tasks import Task

Tensors: TypeAlias = Mapping[str, np.ndarray]

_PROBE_SEED = 20240601
_PROBE_LENGTHS = (1, 7, 32)
_PROBE_ROWS = 4
_LONGEST_PROBE = 512
_PROBE_CHOICES = 2


@dataclass(frozen=True, kw_only=True)
class Parity:
    """The outcome of a comparison that passed, or the reason why there was none.

    Attributes:
        checked: Whether the artifact was compared.
        reference: What it was compared with, or why it was not compared.
        tolerance: Largest absolute difference allowed in a tensor whose values lie within -1 and 1; of a tensor with
            larger values, the largest difference relative to the largest of them.
        worst_tensor: The compared tensor that came closest to what is allowed.
        absolute_difference: Its largest absolute difference.
        relative_difference: The same, divided by the largest absolute value of the reference's tensor.
    """

    checked: bool
    reference: str
    tolerance: float | None = None
    worst_tensor: str | None = None
    absolute_difference: float | None = None
    relative_difference: float | None = None


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How far two tensors are apart: see :class:`Parity`. Infinite where one side holds a value that is not finite."""

    absolute: float
    relative: float

    @property
    def scaled(self) -> float:
        """What the tolerance bounds: the smaller of both."""
        return min(self.absolute, self.relative)


def probe_feeds(config: RoFormerConfig, task: Task) -> Iterator[dict[str, np.ndarray]]:
    """Inputs that exercise lengths, padding and segments: int64 arrays of the task's axes by input name."""
    random = np.random.default_rng(_PROBE_SEED)
    longest = min(config.max_position_embeddings, _LONGEST_PROBE)
    for length in sorted({min(length, longest) for length in _PROBE_LENGTHS}):
        shape = (_PROBE_ROWS, length)
        keep = np.ones(shape, np.int64)
        keep[1, (length + 1) // 2 :] = 0  # padded on the right
        keep[2, : length // 2] = 0  # and on the left
        keep[3] = 0  # nothing but padding
        yield _feeds(random, config, task, keep)
    yield _feeds(random, config, task, np.ones((1, longest), np.int64))


def open_for_parity(artifact: Artifact, config: RoFormerConfig) -> Run:
    """Make a float artifact ready for :func:`check_parity`, which does without the artifact itself."""
    return artifact.open([name for name in _states(config.num_hidden_layers) if name in artifact.marks])


def _states(layers: int) -> list[str]:
    """List the states of the network that are compared, by mark: what goes into the first layer and leaves each."""
    return ["embeddings", *(f"layer.{index}" for index in range(layers))]


def check_parity(
    run: Run, expected: Sequence[Tensors], config: RoFormerConfig, task: Task, *, reference: str = "torch"
) -> Parity:
    """Compare a float artifact with what a reference answered to :func:`probe_feeds`.

    Args:
        run: What :func:`open_for_parity` made of the artifact.
        expected: One mapping a probe: the task's outputs by name, and states of the network by mark, in its order. Of a
            state that the artifact makes for position 0 alone, only that is compared.
        config: The architecture.
        task: Gives the tolerance.
        reference: What answered, as a report says it.

    Returns:
        The worst of all comparisons.

    Raises:
        ParityError: A tensor differs by more than the tolerance, or is not finite on one side only.
    """
    outputs = {spec.name for spec in task.outputs}
    running = {spec.name for spec in task.outputs if "sequence" in spec.axes}
    worst, largest = "", Difference(absolute=-1.0, relative=-1.0)
    for feeds, wanted in zip(probe_feeds(config, task), expected, strict=True):
        found = run(feeds)
        for name, values in wanted.items():
            first_alone = found[name].ndim < values.ndim
            difference = _difference(
                values[:, 0] if first_alone else values,
                found[name],
                feeds["attention_mask"],
                positions=name in running or (name not in outputs and not first_alone),
            )
            if not difference.scaled <= task.tolerance:
                detail = f"inputs of shape {feeds['input_ids'].shape}, compared in the order of the network"
                raise ParityError(name, difference.absolute, difference.relative, task.tolerance, detail)
            if difference.scaled > largest.scaled:
                worst, largest = name, difference
    return Parity(
        checked=True,
        reference=reference,
        tolerance=task.tolerance,
        worst_tensor=worst,
        absolute_difference=largest.absolute,
        relative_difference=largest.relative,
    )


def _difference(wanted: np.ndarray, found: np.ndarray, mask: np.ndarray, *, positions: bool) -> Difference:
    """Compare what was computed for tokens; for padding it need only be finite.

    Padding may see nothing at all, and what it answers then depends on how negative the number is that a format adds
    to the scores.

    Args:
        wanted: ``[rows, sequence, ...]``, or ``[rows, ...]``; with as many leading axes as ``mask`` or with one.
        found: The outputs to compare, of the same shape.
        mask: 1 at tokens, ``[..., sequence]``.
        positions: Whether the tensors run over positions.
    """
    if wanted.shape != found.shape or not np.isfinite(found).all():
        return difference_of(wanted, found)
    kept = (mask if positions else mask.any(axis=-1)).astype(bool).reshape(-1)
    first, second = (values.reshape(kept.size, -1)[kept] for values in (wanted, found))
    return difference_of(first, second)


def difference_of(wanted: np.ndarray, found: np.ndarray) -> Difference:
    """Compare two tensors; the difference is infinite where the shapes differ or a value is not finite."""
    if wanted.shape != found.shape or not (np.isfinite(wanted).all() and np.isfinite(found).all()):
        return Difference(absolute=float("inf"), relative=float("inf"))
    absolute = float(np.abs(wanted - found).max(initial=0.0))
    size = float(np.abs(wanted).max(initial=0.0))
    # beside a reference of nothing but zeros the ratio means nothing, and must stay a number that JSON can hold
    return Difference(absolute=absolute, relative=absolute / max(size, float(np.finfo(np.float32).tiny)))


def torch_answers(model: Any, config: RoFormerConfig, task: Task) -> list[dict[str, np.ndarray]]:
    """Let a PyTorch model answer :func:`probe_feeds`, as :func:`check_parity` wants it.

    Args:
        model: An instance of the task's class in ``models.torch.heads``.
        config: The architecture.
        task: The task.

    Returns:
        For each probe the task's outputs, and what every encoder layer makes.
    """
    import torch

    answers = []
    for feeds in probe_feeds(config, task):
        with torch.inference_mode():
            result = model(**{name: torch.from_numpy(ids) for name, ids in feeds.items()}, output_hidden_states=True)
        names = _states(config.num_hidden_layers)
        states = {name: state.numpy() for name, state in zip(names, result.hidden_states, strict=True)}
        answers.append(states | {spec.name: getattr(result, spec.name).numpy() for spec in task.outputs})
    return answers


def _feeds(random: np.random.Generator, config: RoFormerConfig, task: Task, keep: np.ndarray) -> dict[str, np.ndarray]:
    kinds = np.sort(random.integers(0, config.type_vocab_size, keep.shape), axis=1)
    feeds = {
        "input_ids": random.integers(0, config.vocab_size, keep.shape),
        "attention_mask": keep,
        "token_type_ids": kinds,
    }
    if "choices" not in task.inputs[0].axes:
        return feeds
    rows, length = keep.shape
    choices = min(rows, _PROBE_CHOICES)
    return {name: array.reshape(rows // choices, choices, length) for name, array in feeds.items()}
