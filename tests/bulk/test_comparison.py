"""Sides that answer on workers of Ray: the same answers, in the same order, in the same batches."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path

import pytest

from roformer_edge.bulk import comparison
from roformer_edge.bulk.comparison import PIECE, Answerer, OnRay
from roformer_edge.bulk.ray_data import Cluster
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.validate.openers import open_predictor
from roformer_edge.validate.runner import answers_of_all
from tests.tiny_checkpoint import TEXTS, write_checkpoint


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("comparison")
    deploy_checkpoint(write_checkpoint(folder / "tiny"), folder / "tiny-int8", DeployOptions())
    return folder / "tiny-int8"


@pytest.fixture
def on_ray(monkeypatch):
    """It, with one worker that is this process, which does the last piece first."""

    def compute(pieces, opened, cluster, *, restarts):
        do = pickle.loads(pickle.dumps(opened))()
        for number, piece in reversed([*enumerate(pickle.loads(pickle.dumps(pieces)))]):
            yield number, do(piece)

    monkeypatch.setattr(comparison, "compute", compute)
    return OnRay(cluster=Cluster(workers=1, threads=1))


@pytest.fixture
def side(bundle, monkeypatch):
    """A bundle, opened by a path that only this folder knows."""
    monkeypatch.chdir(bundle.parent)
    return open_predictor(bundle.name)


def inputs_of(count: int) -> list[dict[str, str]]:
    return [{"text": TEXTS[number % len(TEXTS)] + "好" * (number % 5)} for number in range(count)]


@pytest.mark.parametrize("count", [1, PIECE, PIECE + 1, 2 * PIECE + 7])
def test_answers_stand_in_the_order_of_the_inputs(on_ray, side, count):
    seen: list[int] = []
    inputs = inputs_of(count)
    given = on_ray([side, side], inputs, [1, 8], seen.append)
    expected = answers_of_all([side, side], inputs, [1, 8], lambda number: None)
    assert [[row.tolist() for row in rows] for rows in given] == [[row.tolist() for row in rows] for rows in expected]
    assert sum(seen) == 2 * count


def test_a_piece_ends_where_a_batch_ends(on_ray, side, monkeypatch):
    sizes = []
    answer = Answerer.__call__
    monkeypatch.setattr(
        Answerer, "__call__", lambda self, piece: sizes.append(len(piece.inputs)) or answer(self, piece)
    )
    on_ray([side], inputs_of(PIECE + 300), [100], lambda number: None)
    assert sorted(sizes) == [312, 500]


def test_a_function_answers_here(on_ray, side):
    other = dataclasses.replace(side, opening=None, answer=lambda inputs, *, batch_size: [batch_size] * len(inputs))
    seen: list[int] = []
    given = on_ray([other, side, other], inputs_of(3), [4, 1, 5], seen.append)
    assert (given[0], len(given[1]), given[2]) == ([4] * 3, 3, [5] * 3)
    assert sum(seen) == 9


def test_a_worker_opens_each_side_once(on_ray, side, monkeypatch):
    opened = []
    monkeypatch.setattr(
        comparison, "open_predictor", lambda path, **words: opened.append(path) or open_predictor(path, **words)
    )
    on_ray([side, side], inputs_of(3 * PIECE), [1, 1], lambda number: None)
    assert opened == [str(Path(side.opening.path).absolute())]
