"""Workers of Ray: what they send back, what is said where it is missing. Real clusters: tests/cli/test_run_ray.py."""

from __future__ import annotations

import importlib.util
import pickle
from collections.abc import Iterator

import pytest

from roformer_edge.bulk.job import Answer, JobFolder, Skip
from roformer_edge.bulk.ray_data import Cluster, _Worker, compute, require_ray
from roformer_edge.bulk.shards import Shard, cut_files
from roformer_edge.errors import BundleIntegrityError, MissingDependencyError


@pytest.fixture
def shards(tmp_path) -> list[Shard]:
    path = tmp_path / "in.txt"
    path.write_text("a\nb\nc\n")
    (tmp_path / "out").mkdir()
    return cut_files([path], None, 2)


def opened() -> Answer:
    def answer(shard: Shard, skip: Skip) -> Iterator[bytes]:
        yield b"line\n" * shard.span.lines

    return answer


def test_a_worker_opens_its_model_once_and_returns_counts(tmp_path, shards):
    calls = []

    def counted() -> Answer:
        calls.append(1)
        return opened()

    worker = _Worker(shards, JobFolder(tmp_path / "out"), counted)
    assert calls == []
    assert [worker({"item": number}) for number in (1, 0)] == [{"answers": 1, "bad": 0, "failure": b""}] * 2
    assert calls == [1]
    assert (tmp_path / "out" / "part-00001.jsonl").read_bytes() == b"line\n"


def test_an_error_that_was_meant_comes_back_as_it_is(tmp_path, shards):
    def refuse() -> Answer:
        raise BundleIntegrityError("model.onnx was altered")

    row = _Worker(shards, JobFolder(tmp_path / "out"), refuse)({"item": 0})
    error = pickle.loads(row["failure"])
    assert (type(error), str(error)) == (BundleIntegrityError, "model.onnx was altered")
    assert list((tmp_path / "out").iterdir()) == []


def test_where_nothing_is_missing_ray_is_not_asked(tmp_path):
    assert list(compute([], JobFolder(tmp_path), opened, Cluster(workers=2, threads=1))) == []


@pytest.mark.parametrize("package", ["ray", "pyarrow"])
def test_without_ray_the_pip_line_is_said(tmp_path, shards, monkeypatch, package):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else object())
    message = (
        rf"{package} is needed to compute on several machines; install it with: pip install 'roformer-edge\[ray\]'"
    )
    with pytest.raises(MissingDependencyError, match=message):
        require_ray()
    with pytest.raises(MissingDependencyError, match=message):
        next(compute(shards, JobFolder(tmp_path), opened, Cluster(workers=2, threads=1)))
