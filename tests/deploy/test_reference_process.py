"""The process that answers the probes of parity for another one: its request, and what it writes."""

from __future__ import annotations

import json
import sys

import numpy as np

from roformer_edge.checkpoint.loading import load_checkpoint
from roformer_edge.deploy.reference_process import probe, read
from roformer_edge.processes import run_fresh
from roformer_edge.tasks import get_task
from tests.tiny_checkpoint import write_checkpoint

COMMAND = [sys.executable, "-m", "roformer_edge.deploy.reference_process"]


def test_what_it_writes_is_what_is_computed_here(tmp_path) -> None:
    directory, task = write_checkpoint(tmp_path / "tiny"), get_task("text-classification")
    request = {"out": str(tmp_path / "answers.npz"), "checkpoint": {"directory": str(directory), "task": task.name}}
    done = run_fresh(COMMAND, stdin=json.dumps(request).encode())
    assert done.code == 0, done.complaint
    found = read(tmp_path / "answers.npz")
    with load_checkpoint(directory, task) as checkpoint:
        wanted = probe(checkpoint, task)
    assert [[*one] for one in found] == [[*one] for one in wanted]
    for ours, theirs in zip(found, wanted, strict=True):
        for name, array in theirs.items():
            np.testing.assert_allclose(ours[name], array, atol=1e-5)


def test_it_fails_where_there_is_no_checkpoint(tmp_path) -> None:
    request = {"out": str(tmp_path / "answers.npz"), "checkpoint": {"directory": str(tmp_path), "task": "fill-mask"}}
    assert run_fresh(COMMAND, stdin=json.dumps(request).encode()).code
    assert not (tmp_path / "answers.npz").exists()
