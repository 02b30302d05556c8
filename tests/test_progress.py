"""One protocol of progress: whoever works long speaks it, whoever shows progress understands it."""

from __future__ import annotations

import inspect

import pytest

from roformer_edge.cli.progress import ProgressLine
from roformer_edge.demo.journey import run_demo
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.export.exporter import export_checkpoint
from roformer_edge.progress import SILENT, ProgressListener, Silent
from roformer_edge.quantize.calibrate import calibrate
from roformer_edge.runtime.bench import bench_bundle
from roformer_edge.validate.runner import compare, compare_all

WORKERS = (run_demo, deploy_checkpoint, export_checkpoint, calibrate, bench_bundle, compare, compare_all)


@pytest.mark.parametrize("worker", WORKERS, ids=lambda worker: worker.__name__)
def test_whoever_works_long_takes_the_same_listener_and_is_silent_by_default(worker):
    assert inspect.signature(worker, eval_str=True).parameters["progress"].annotation is ProgressListener
    assert inspect.signature(worker).parameters["progress"].default is SILENT


@pytest.mark.parametrize("listener", [Silent, ProgressLine])
def test_listeners_have_the_methods_of_the_protocol(listener):
    for name in ("stage", "step"):
        wanted = list(inspect.signature(getattr(ProgressListener, name)).parameters)
        assert list(inspect.signature(getattr(listener, name)).parameters) == wanted
