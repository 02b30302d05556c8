from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from roformer_edge.errors import BackendError, BundleIntegrityError, OptionError, TextTooLongError
from roformer_edge.processes import peak_resident_bytes
from roformer_edge.runtime.bench import BenchOptions, bench_bundle, measure_cold_start, measure_latency, time_in_turns
from roformer_edge.runtime.fake import FakeSession
from roformer_edge.runtime.inference import Limits, TextModel
from roformer_edge.tasks import get_task
from tests.tiny_runtime import VOCABULARY, CharacterTokenizer, fixed_signatures

TASK = get_task("text-classification")


def test_a_bundle_is_measured(runnable: Path) -> None:
    report = bench_bundle(runnable, BenchOptions(lengths=(8, 64), batch_sizes=(1, 4), threads=1, runs=5, cold_starts=2))
    assert [(point.length, point.batch_size) for point in report.points] == [(8, 1), (8, 4), (64, 1), (64, 4)]
    for point in report.points:
        assert point.runs == 5
        assert 0 < point.fastest <= point.p50 <= point.p90 <= point.p99
        assert point.fastest <= point.mean <= point.p99 * 1.01
        assert point.texts_per_second == pytest.approx(1000 * point.batch_size / point.p50)
    assert report.model_bytes == (runnable / "model.onnx").stat().st_size
    assert report.bundle_bytes > report.model_bytes
    assert report.provider == "CPUExecutionProvider"
    assert report.cold_start is not None
    assert len(report.cold_start.seconds) == 2
    assert min(report.cold_start.seconds) > 0
    if report.cold_start.peak_bytes is not None:
        assert 20e6 < report.cold_start.peak_bytes < 1e9


def test_lengths_follow_the_model_unless_they_are_given(runnable: Path) -> None:
    report = bench_bundle(runnable, BenchOptions(runs=1, batch_sizes=(1,), cold_starts=0))
    assert [point.length for point in report.points] == [16, 64]
    assert report.cold_start is None
    with pytest.raises(TextTooLongError, match="cannot measure at 128 tokens: the model takes 64"):
        bench_bundle(runnable, BenchOptions(lengths=(16, 128), cold_starts=0))


def test_the_graph_gets_full_rows_of_valid_ids() -> None:
    session = FakeSession(lambda feeds: {"logits": np.zeros((1, 4), np.float32)}, {"default": TASK.signature})
    model = TextModel(session, CharacterTokenizer(), TASK, Limits(max_length=10))
    points = measure_latency(model, BenchOptions(batch_sizes=(2,), runs=4))
    assert [point.length for point in points] == [10]
    assert len(session.calls) == 3 + 4
    for call in session.calls:
        assert call["input_ids"].shape == (2, 10)
        assert 0 <= call["input_ids"].min() <= call["input_ids"].max() < VOCABULARY
        assert call["attention_mask"].all()


def test_what_is_timed_takes_turns_until_patience_ends() -> None:
    called: list[str] = []
    seconds = [0.0]

    def taking(name: str, duration: float):
        def run() -> None:
            called.append(name)
            seconds[0] += duration

        return run

    runs = [taking("a", 1.0), taking("b", 3.0)]
    timed = time_in_turns(runs, 6, clock=lambda: seconds[0])
    assert called == ["a", "b"] * (3 + 6)
    np.testing.assert_array_equal(timed, [[1.0, 3.0]] * 6)
    # four seconds a round, warm-up included; five rounds count however long they take
    assert len(time_in_turns(runs, 30, clock=lambda: seconds[0], patience=50.0)) == 10
    assert len(time_in_turns(runs, 30, clock=lambda: seconds[0], patience=0.0)) == 5


def test_a_graph_of_fixed_sizes_is_measured_at_those() -> None:
    answer = {"logits": np.zeros((1, 4), np.float32)}
    session = FakeSession(lambda feeds: answer, fixed_signatures(TASK.signature, 10, 5, rows=1))
    model = TextModel(session, CharacterTokenizer(), TASK, Limits(max_length=64))
    points = measure_latency(model, BenchOptions(batch_sizes=(1, 8), runs=2))
    assert [(point.length, point.batch_size) for point in points] == [(5, 1), (10, 1)]
    assert session.called == ["length 5", "default"] * 5
    with pytest.raises(TextTooLongError, match="takes 10 at most"):
        measure_latency(model, BenchOptions(lengths=(11,)))


def test_a_process_that_cannot_answer_is_reported(tmp_path: Path, runnable: Path) -> None:
    with pytest.raises(BackendError, match=r"could not answer: .*no bundle at"):
        measure_cold_start(tmp_path / "absent", BenchOptions(cold_starts=1))
    (tmp_path / "empty").mkdir()
    with pytest.raises(BundleIntegrityError, match=r"manifest\.json is missing"):
        bench_bundle(tmp_path / "empty", BenchOptions(cold_starts=0))


@pytest.mark.parametrize(
    "changes", [{"lengths": (0,)}, {"batch_sizes": ()}, {"batch_sizes": (0, 1)}, {"runs": 0}, {"cold_starts": -1}]
)
def test_options_out_of_range(changes: dict) -> None:
    with pytest.raises(OptionError, match=next(iter(changes))):
        BenchOptions(**changes)


def test_peak_memory_grows_with_use() -> None:
    before = peak_resident_bytes()
    if before is None:
        pytest.skip("this system does not tell a process its peak")
    block = np.ones(before // 8 + 4_000_000)
    after = peak_resident_bytes()
    assert after is not None
    assert after - before > 16_000_000
    assert block[0] == 1
