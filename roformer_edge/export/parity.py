"""Does the graph compute what the reference model computes?

Both are given the same token ids: short, long and padded rows, second segments, and a row of nothing but padding. Every
layer's output is compared beside the answer, so that a failure names the first place to look.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from roformer_edge.checkpoint.loading import Checkpoint
from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import ParityError
from roformer_edge.export.onnx.graph import Graph
from roformer_edge.export.onnx.heads import BARE_TASKS, FIRST_POSITION_TASKS
from roformer_edge.export.onnx.session import GraphSession
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
        checked: Whether the graph was compared.
        reference: What it was compared with, or why it was not compared.
        tolerance: What was allowed for the smaller of the two differences.
        worst_tensor: The compared tensor that came closest to its tolerance.
        absolute_difference: Its largest absolute difference.
        relative_difference: That, divided by the reference's largest absolute value of the tensor.
    """

    checked: bool
    reference: str
    tolerance: float | None = None
    worst_tensor: str | None = None
    absolute_difference: float | None = None
    relative_difference: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The outcome as JSON-able data."""
        return {
            "checked": self.checked,
            "reference": self.reference,
            "tolerance": self.tolerance,
            "worst_tensor": self.worst_tensor,
            "absolute_difference": self.absolute_difference,
            "relative_difference": self.relative_difference,
        }


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


def check_parity(graph: Graph, expected: Sequence[Tensors], config: RoFormerConfig, task: Task) -> Parity:
    """Compare ``graph`` with what a reference answered to :func:`probe_feeds`.

    Args:
        graph: A float32 graph.
        expected: One mapping a probe, by the graph's names: the task's outputs, and any inner tensors in the order of
            the network.
        config: The architecture.
        task: Gives the tolerance.

    Returns:
        The worst of all comparisons.

    Raises:
        ParityError: A tensor differs by more than the tolerance, or is not finite on one side only.
    """
    outputs = {spec.name for spec in graph.outputs}
    taps = [name for name in expected[0] if name not in outputs]
    session = GraphSession(graph, taps)
    worst, figures = "", (-1.0, -1.0)
    for feeds, wanted in zip(probe_feeds(config, task), expected, strict=True):
        found = session(feeds)
        for name in wanted:
            pair = differences(wanted[name], found[name])
            difference = min(pair)
            if not difference <= task.tolerance:
                detail = f"inputs of shape {feeds['input_ids'].shape}, compared in the order of the network"
                raise ParityError(name, difference, task.tolerance, detail)
            if difference > min(figures):
                worst, figures = name, pair
    return Parity(
        checked=True,
        reference="torch",
        tolerance=task.tolerance,
        worst_tensor=worst,
        absolute_difference=figures[0],
        relative_difference=figures[1],
    )


def differences(wanted: np.ndarray, found: np.ndarray) -> tuple[float, float]:
    """Measure how far two arrays are apart.

    The smaller of the two figures is what a tolerance is for: the absolute one where the values are below 1, and the
    relative one above.

    Returns:
        The largest absolute difference, and that divided by the largest absolute value of ``wanted``. Infinite where
        the shapes differ or one side holds a value that is not finite.
    """
    if wanted.shape != found.shape or not (np.isfinite(wanted).all() and np.isfinite(found).all()):
        return float("inf"), float("inf")
    if not wanted.size:
        return 0.0, 0.0
    absolute, largest = float(np.abs(wanted - found).max()), float(np.abs(wanted).max())
    # where all of wanted is zero the ratio has no meaning, and must stay a number that JSON can hold
    return absolute, absolute / max(largest, float(np.finfo(np.float32).tiny))


def torch_answers(checkpoint: Checkpoint, task: Task) -> list[dict[str, np.ndarray]]:
    """What the PyTorch model of ``task`` answers to :func:`probe_feeds`, as :func:`check_parity` wants it.

    Beside the task's outputs there is what every encoder layer makes, under the names of the graph's tensors. The model
    is gone when this returns: it and the graph are never in memory together.
    """
    import torch

    from roformer_edge.models.torch import heads

    model = getattr(heads, task.model_class).from_arrays(checkpoint.config, checkpoint.arrays)
    answers = []
    for feeds in probe_feeds(checkpoint.config, task):
        with torch.inference_mode():
            result = model(**{name: torch.from_numpy(ids) for name, ids in feeds.items()}, output_hidden_states=True)
        found = dict(_layers(checkpoint.config, task, [state.numpy() for state in result.hidden_states]))
        answers.append(found | {spec.name: getattr(result, spec.name).numpy() for spec in task.outputs})
    return answers


def _layers(config: RoFormerConfig, task: Task, states: Sequence[np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
    """Name the embeddings' and the layers' outputs as the graph does, as far as they are inside it."""
    yield "embeddings.project/output" if config.has_projection else "embeddings.norm/output", states[0]
    last = config.num_hidden_layers - 1
    for index, state in enumerate(states[1:]):
        if index < last:
            yield f"layer.{index}.ffn.norm/output", state
        elif task.name in FIRST_POSITION_TASKS:
            yield f"layer.{index}.ffn.norm/output", state[:, 0]
        elif task.name not in BARE_TASKS:
            yield f"layer.{index}.ffn.norm/output", state


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
