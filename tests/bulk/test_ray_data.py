"""Workers of Ray: what they send back, what is said where it is missing. Real clusters: tests/cli/test_run_ray.py."""

from __future__ import annotations

import importlib.util
import json
import pickle
from collections.abc import Callable

import pytest

from roformer_edge.bulk.ray_data import Cluster, _Worker, compute, require_ray
from roformer_edge.errors import BundleIntegrityError, MissingDependencyError

ONE = Cluster(workers=1, threads=1)


def opened() -> Callable[[int], int]:
    return lambda piece: 10 * piece


def row(number: int) -> dict[str, object]:
    return {"number": number, "piece": pickle.dumps(number)}


def test_a_worker_opens_its_model_once_and_returns_results():
    calls = []

    def counted() -> Callable[[int], int]:
        calls.append(1)
        return opened()

    worker = _Worker(counted)
    assert calls == []
    done = [worker(row(number)) for number in (1, 0)]
    assert [(found["number"], pickle.loads(found["result"]), found["failure"]) for found in done] == [
        (1, 10, b""),
        (0, 0, b""),
    ]
    assert calls == [1]


def test_an_error_that_was_meant_comes_back_as_it_is():
    def refuse() -> Callable[[int], int]:
        raise BundleIntegrityError("model.onnx was altered")

    found = _Worker(refuse)(row(0))
    error = pickle.loads(found["failure"])
    assert (type(error), str(error), found["result"]) == (BundleIntegrityError, "model.onnx was altered", b"")


def test_where_there_is_nothing_to_do_ray_is_not_asked():
    assert list(compute([], opened, ONE)) == []


# a piece that is the end of whoever gets it would be given away for ever
POISON = """
import json, os, sys
from roformer_edge.bulk.ray_data import Cluster, compute
from roformer_edge.errors import BackendError

FOLDER, FATAL = sys.argv[1], int(sys.argv[2])

def opened():
    def do(piece):
        open(os.path.join(FOLDER, f"{piece}.{os.getpid()}"), "w").close()
        if piece == FATAL:
            os._exit(1)
        return 10 * piece
    return do

found, told = {}, ""
try:
    found.update(compute([0, 1, 2], opened, Cluster(workers=1, threads=1), restarts=2))
except BackendError as error:
    told = str(error)
print(json.dumps([found, told]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("poison", [-1, 1])
def test_workers_may_be_lost_so_often_and_no_more(start_with_ray, tmp_path, poison):
    (tmp_path / "program.py").write_text(POISON)
    child = start_with_ray(tmp_path / "program.py", tmp_path, poison)
    out, err = child.communicate()
    assert child.returncode == 0, err
    found, told = json.loads(out)
    begun = [path.name.partition(".")[0] for path in tmp_path.glob("[0-9].*")]
    if poison < 0:
        assert (found, told, sorted(begun)) == ({"0": 0, "1": 10, "2": 20}, "", ["0", "1", "2"])
    else:
        assert told.startswith("Ray: ")
        assert told.count("\n") == 0
        assert begun.count("1") == 3


@pytest.mark.parametrize("package", ["ray", "pyarrow"])
def test_without_ray_the_pip_line_is_said(monkeypatch, package):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else object())
    message = (
        rf"{package} is needed to compute on several machines; install it with: pip install 'roformer-edge\[ray\]'"
    )
    with pytest.raises(MissingDependencyError, match=message):
        require_ray()
    with pytest.raises(MissingDependencyError, match=message):
        next(compute([1], opened, ONE))
