"""``threads="auto"``: the quickest number of threads, on a clock that the sessions themselves move."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest

from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.errors import BackendError, OptionError
from roformer_edge.runtime import thread_choice
from roformer_edge.runtime.bench import BenchOptions, bench_bundle
from roformer_edge.runtime.fake import FakeSession
from roformer_edge.runtime.inference import Limits, TextModel
from roformer_edge.runtime.loading import load
from roformer_edge.runtime.thread_choice import AnyRow, choose_threads, thread_counts, typical_row
from roformer_edge.tasks import get_task
from tests.runtime.tiny_tasks import TOKENIZER, bundle_of

TASK = get_task("text-classification")


class Machine:
    """A clock, and sessions that take their time on it.

    Args:
        costs: Seconds of a run, by number of threads.
    """

    def __init__(self, costs: dict[int, float]) -> None:
        self.costs = costs
        self.now = 0.0
        self.ran: list[int] = []
        self.opened: dict[int, FakeSession] = {}
        self.most_open = 0

    def open_session(self, threads: int) -> FakeSession:
        def answer(feeds: dict) -> dict:
            self.ran.append(threads)
            self.now += self.costs[threads] * (5 if self.ran.count(threads) <= 2 else 1)
            return {"logits": np.zeros((1, 2), np.float32)}

        self.opened[threads] = FakeSession(answer, {"default": TASK.signature})
        self.most_open = max(self.most_open, sum(map(is_open, self.opened.values())))
        return self.opened[threads]


def is_open(session: FakeSession) -> bool:
    return not session._closed


def chosen(machine: Machine, monkeypatch: pytest.MonkeyPatch, cores: int) -> tuple[int, tuple]:
    monkeypatch.setattr(thread_choice, "perf_counter", lambda: machine.now)
    model = TextModel(machine.open_session(1), TOKENIZER, TASK, Limits(max_length=40))
    times = choose_threads(model, AnyRow([1, 2, 3], [0, 0, 0]), cores, machine.open_session)
    (left,) = (threads for threads, session in machine.opened.items() if session is model.session)
    return left, times


@pytest.mark.parametrize(
    ("cores", "counts"),
    [
        (1, (1,)),
        (2, (1, 2)),
        (3, (1, 2, 3)),
        (4, (1, 2, 3, 4)),
        (6, (1, 2, 3, 4, 6)),
        (8, (1, 2, 3, 4, 8)),
        (20, (1, 2, 3, 4, 8, 16, 20)),
    ],
)
def test_the_numbers_that_are_tried(cores: int, counts: tuple[int, ...]) -> None:
    assert thread_counts(cores) == counts


@pytest.mark.parametrize(
    ("costs", "best"),
    [
        ({1: 0.010, 2: 0.006}, 2),
        ({1: 0.006, 2: 0.010}, 1),
        ({1: 0.0100, 2: 0.0096}, 1),  # too little for a core
        ({1: 0.010, 2: 0.006, 3: 0.0059, 4: 0.012}, 2),
        ({1: 0.010, 2: 0.020, 3: 0.005, 4: 0.004}, 4),
        ({1: 2.0, 2: 1.0}, 2),  # longer than all the time that there is
    ],
)
def test_the_quickest_is_chosen_and_all_times_are_told(
    monkeypatch: pytest.MonkeyPatch, costs: dict[int, float], best: int
) -> None:
    machine = Machine(costs)
    left, times = chosen(machine, monkeypatch, len(costs))
    assert left == best
    # the first runs of each are slow, and do not count
    assert dict(times) == pytest.approx({count: 1000 * cost for count, cost in costs.items()})
    assert [threads for threads, session in machine.opened.items() if is_open(session)] == [best]
    assert machine.most_open <= 2


def test_sessions_take_turns_for_about_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine({1: 0.01, 2: 0.01, 3: 0.01})
    chosen(machine, monkeypatch, 3)
    assert machine.now < 1.3 * thread_choice.SECONDS
    first = machine.ran[: machine.ran.index(3)]
    assert first.count(1) >= 10
    assert abs(first.count(1) - first.count(2)) <= 2


def test_one_core_leaves_no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine({1: 0.01})
    assert chosen(machine, monkeypatch, 1) == (1, ())
    assert machine.ran == []


@pytest.mark.parametrize(("lengths", "expected"), [((5, 30, 9), 9), ((), 40), ((100, 200), 40)])
def test_a_typical_text(lengths: tuple[int, ...], expected: int) -> None:
    model = TextModel(Machine({}).open_session(1), TOKENIZER, TASK, Limits(max_length=40))
    row = typical_row(lengths, model)
    assert (len(row.ids), len(row.type_ids)) == (expected, expected)
    assert max(row.ids) < len(TOKENIZER)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("auto")
    made = bundle_of("text-generation", folder, "fp32", intermediate_size=256)
    options = DeployOptions(task="text-generation", recipe="fp32", format="tflite")
    return {"onnx": made, "tflite": deploy_checkpoint(folder / "checkpoint", folder / "tflite", options).bundle}


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roformer_edge.processors.usable_cores", lambda: 2)


@pytest.mark.parametrize("form", ["onnx", "tflite"])
def test_a_bundle_is_loaded_with_what_was_measured(
    bundles: dict[str, Path], form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thread_choice, "SECONDS", 0.01)
    with load(bundles[form], threads=1) as usual:
        expected = usual("今天")
        assert usual.backend_report().thread_times == ()
    for options in ({}, {"self_test": True}, {"weight_cache": tmp_path / "packed"}):
        with load(bundles[form], threads="auto", **options) as pipeline:
            report = pipeline.backend_report()
            assert pipeline("今天") == expected
            assert [count for count, _ in report.thread_times] == [1, 2]
            assert all(milliseconds > 0 for _, milliseconds in report.thread_times)
            assert report.to_dict()["thread_times"] == [list(one) for one in report.thread_times]
            quickest = min(report.thread_times, key=lambda one: one[1])[0]
            assert report.threads in {1, quickest}
            # which do not measure
            for other in (copy.copy(pipeline), pickle.loads(pickle.dumps(pipeline))):
                assert other.backend_report().threads == report.threads
                assert other.backend_report().thread_times == ()
                other.close()
        with pytest.raises(BackendError, match="closed"):
            pipeline("今天")


def test_bench_measures_with_it(bundles: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread_choice, "SECONDS", 0.01)
    options = BenchOptions(lengths=(8,), batch_sizes=(1,), runs=1, cold_starts=1, threads="auto")
    assert bench_bundle(bundles["onnx"], options).threads in (1, 2)


@pytest.mark.parametrize("threads", ["automatic", "2", ""])
def test_another_word_is_refused(bundles: dict[str, Path], threads: str) -> None:
    for ask in (lambda: load(bundles["onnx"], threads=threads), lambda: BenchOptions(threads=threads)):
        with pytest.raises(OptionError, match="threads must be a whole number from 1 to 1024, or 'auto', found"):
            ask()
