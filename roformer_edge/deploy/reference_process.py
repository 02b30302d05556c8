"""Run as a fresh process: let a checkpoint answer the probes of parity in PyTorch, and write what it answers.

Standard input: ``{"out": path of an .npz file, "checkpoint": arguments of load_checkpoint}``.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np

from roformer_edge.checkpoint.loading import Checkpoint, load_checkpoint
from roformer_edge.tasks import Task, get_task
from roformer_edge.validate.torch_session import TorchSession

_THREADS = 1


def main() -> None:
    """Answer the request on standard input."""
    request = json.load(sys.stdin)
    directory, task = request["checkpoint"].pop("directory"), get_task(request["checkpoint"].pop("task"))
    with load_checkpoint(directory, task, **request["checkpoint"]) as checkpoint:
        answers = probe(checkpoint, task.pooled(checkpoint.sentence))
    arrays = {f"{number}/{name}": array for number, one in enumerate(answers) for name, array in one.items()}
    np.savez(request["out"], **arrays)  # type: ignore[arg-type]  # the name of one is none of its own arguments


def probe(checkpoint: Checkpoint, task: Task) -> list[dict[str, np.ndarray]]:
    """Answer the probes in this process."""
    from roformer_edge.export.parity import torch_answers

    return torch_answers(TorchSession(checkpoint, task, _THREADS).model, checkpoint.config, task)


def read(path: Path) -> list[dict[str, np.ndarray]]:
    """Read what a process wrote."""
    answers: list[dict[str, np.ndarray]] = []
    with np.load(path, allow_pickle=False) as file:
        for key in file.files:
            number, _, name = key.partition("/")
            answers += [{} for _ in range(int(number) + 1 - len(answers))]
            answers[int(number)][name] = file[key]
    return answers


if __name__ == "__main__":
    main()
    # what was asked for is on disk: taking PyTorch apart, which nobody waits for, takes a tenth of a second
    os._exit(0)
