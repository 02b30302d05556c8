"""Packed weights between two starts: equal answers, nothing damaged is used, nothing stands in the way."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

pytest.importorskip("ai_edge_litert", reason="the engine is not installed: pip install 'roformer-edge[tflite]'")

from roformer_edge.bundle.pack import pack_directory
from roformer_edge.bundle.reader import Bundle
from roformer_edge.errors import OptionError
from roformer_edge.runtime import weight_cache as module
from roformer_edge.runtime.backends import litert_compiled
from roformer_edge.runtime.backends.litert import LiteRTSession
from roformer_edge.runtime.loading import load
from roformer_edge.runtime.session import SessionOptions
from roformer_edge.runtime.weight_cache import WeightCache, weight_cache_folder
from roformer_edge.tasks import TASKS
from tests.runtime.test_every_task import ASKED
from tests.runtime.tiny_tasks import bundle_of

TASK = "text-classification"
LONGER = {"text-classification": "把客厅的灯打开，现在几点？", "fill-mask": "现在[MASK]点，把客厅的灯打开"}


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {
        task: bundle_of(task, tmp_path_factory.mktemp(task), "int8-dynamic", {"format": "tflite"}) for task in TASKS
    }


@pytest.fixture
def bundle(bundles: dict[str, Path]) -> Path:
    return bundles[TASK]


def kept(folder: Path) -> Path:
    """The file of weights, which is all there is."""
    (weights,) = folder.iterdir()
    assert weights.suffix == ".weights"
    return weights


@pytest.mark.parametrize("task", TASKS)
def test_every_start_gives_the_answers_of_a_start_without(bundles: dict[str, Path], task: str, tmp_path: Path) -> None:
    asked = [ASKED[task], LONGER.get(task, ASKED[task]), ASKED[task]]
    with load(bundles[task]) as pipeline:
        expected = [repr(pipeline(one)) for one in asked]
    marks = []
    for _ in range(2):
        with load(bundles[task], weight_cache=tmp_path, self_test=True) as pipeline:
            assert [repr(pipeline(one)) for one in asked] == expected
            if task == "text-generation":
                assert len(pipeline.fallbacks) == 1
                assert "empty cache of keys" in pipeline.fallbacks[0]
            else:
                assert pipeline.fallbacks == ()
                marks.append(kept(tmp_path).stat().st_mtime_ns)
    assert len(set(marks)) == (task != "text-generation")


def test_fixed_lengths_share_a_file(tmp_path: Path) -> None:
    made = bundle_of(TASK, tmp_path / "made", "int8-dynamic", {"format": "tflite", "lengths": (8, 40)})
    with load(made) as pipeline:
        expected = [pipeline(text) for text in (ASKED[TASK], LONGER[TASK])]
    for _ in range(2):
        with load(made, weight_cache=tmp_path / "cache") as pipeline:
            assert [pipeline(text) for text in (ASKED[TASK], LONGER[TASK])] == expected
    kept(tmp_path / "cache")


@pytest.mark.parametrize("damage", ["a byte", "an end", "a name"])
def test_what_is_damaged_is_made_anew(bundle: Path, damage: str, tmp_path: Path) -> None:
    with load(bundle, weight_cache=tmp_path) as pipeline:
        expected = pipeline(ASKED[TASK])
    weights = kept(tmp_path)
    whole, place = weights.read_bytes(), weights.stat().st_size // 2
    if damage == "a byte":
        weights.write_bytes(whole[:place] + bytes([whole[place] ^ 0x40]) + whole[place + 1 :])
    elif damage == "an end":
        weights.write_bytes(whole[:place])
    else:
        weights.rename(tmp_path / f"{weights.name.partition('.')[0]}.{'0' * 64}.weights")
    for _ in range(2):
        with load(bundle, weight_cache=tmp_path) as pipeline:
            assert pipeline(ASKED[TASK]) == expected
            assert pipeline.fallbacks == ()
    assert kept(tmp_path) == weights
    assert weights.read_bytes() == whole


def test_a_start_takes_what_lies_there(
    bundle: Path, bundles: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []

    class Watched(WeightCache):
        def open(self, engine: str) -> Path:
            path = super().open(engine)
            opened.append((path.name, self.used))
            return path

    monkeypatch.setattr(module, "WeightCache", Watched)
    for path in (bundle, bundle, bundles["token-classification"], bundle):
        load(path, weight_cache=tmp_path).close()
    monkeypatch.setattr("roformer_edge.runtime.backends.litert.processor_kind", lambda: "another processor")
    load(bundle, weight_cache=tmp_path).close()
    assert [used for _, used in opened] == [False, True, False, True, False]
    assert opened[1] == opened[3]
    assert len(list(tmp_path.glob("*.weights"))) == 3


def test_a_folder_that_cannot_be_written_costs_the_cache_only(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with load(bundle) as pipeline:
        expected = pipeline(ASKED[TASK])
    with load(bundle, weight_cache=tmp_path / "file" / "folder") as pipeline:
        assert pipeline(ASKED[TASK]) == expected
        assert [line.partition(" to ")[0] for line in pipeline.fallbacks] == ["weight_cache: cannot write"]


def test_an_engine_without_it_says_so(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = bundle_of(TASK, tmp_path / "onnx", "int8-dynamic")
    with load(other, weight_cache=tmp_path / "cache") as pipeline:
        assert pipeline.fallbacks == ("weight_cache: onnxruntime has none",)
    monkeypatch.setattr(litert_compiled, "_DISTRIBUTION", "another")
    with load(bundle, weight_cache=tmp_path / "cache") as pipeline:
        assert len(pipeline.fallbacks) == 1
        assert "2.3 or newer" in pipeline.fallbacks[0]
    assert not (tmp_path / "cache").exists()


def test_an_archive_starts_with_the_weights_of_its_directory(bundle: Path, tmp_path: Path) -> None:
    packed = pack_directory(bundle, tmp_path / "bundle.rfe")
    answers = []
    for path in (bundle, packed):
        with load(path, weight_cache=tmp_path / "cache") as pipeline:
            assert pipeline.fallbacks == ()
            answers.append(pipeline(ASKED[TASK]))
    assert answers[0] == answers[1]
    kept(tmp_path / "cache")


def test_bytes_keep_none(bundle: Path, tmp_path: Path) -> None:
    options = SessionOptions(weight_cache=WeightCache(tmp_path, "digest"))
    session = LiteRTSession((bundle / "model.tflite").read_bytes(), options)
    assert ["load the unpacked bundle" in line for line in session.report.fallbacks] == [True]
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_cleared_away(bundle: Path, tmp_path: Path) -> None:
    load(bundle, weight_cache=tmp_path).close()
    key = kept(tmp_path).name.partition(".")[0]
    kept(tmp_path).unlink()
    old, young = tmp_path / f".{key}.1.weights", tmp_path / f".{key}.2.weights"
    for path, age in ((old, 7200), (young, 0)):
        path.touch()
        os.utime(path, (time.time() - age,) * 2)
    load(bundle, weight_cache=tmp_path).close()
    assert not old.exists()
    assert young.exists()


def test_unverified_weights_are_not_kept(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="verify=False"):
        load(bundle, weight_cache=tmp_path, verify=False)
    assert list(tmp_path.iterdir()) == []


def test_threads_take_turns(bundle: Path, tmp_path: Path) -> None:
    texts = [ASKED[TASK], LONGER[TASK]]
    with load(bundle, weight_cache=tmp_path) as pipeline:
        expected = [pipeline(text) for text in texts]
        wrong: list[object] = []

        def ask(turn: int) -> None:
            for step in range(20):
                which = (turn + step) % 2
                if pipeline(texts[which]) != expected[which]:
                    wrong.append(which)

        threads = [threading.Thread(target=ask, args=(turn,)) for turn in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []


def test_processes_that_start_at_once_leave_one_whole_file(bundle: Path, tmp_path: Path) -> None:
    program = "import sys, roformer_edge; print(roformer_edge.load(sys.argv[1], weight_cache=sys.argv[2])('今天'))"
    command = [sys.executable, "-c", program, str(bundle), str(tmp_path)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    ended = [(*process.communicate(timeout=120), process.returncode) for process in started]
    assert [code for _, _, code in ended] == [0, 0, 0], ended
    answers = {answer for answer, _, _ in ended}
    assert len(answers) == 1
    assert "" not in answers
    kept(tmp_path)
    with load(bundle, weight_cache=tmp_path) as pipeline:
        assert f"{pipeline('今天')}\n" in answers


def test_a_start_reads_nothing_that_is_what_it_was(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now + 10**10)
    read: list[str] = []
    pieces, digest_of = Bundle.pieces, module._digest_of
    monkeypatch.setattr(
        Bundle, "pieces", lambda self, entry, *into: read.append(entry.role) or pieces(self, entry, *into)
    )
    monkeypatch.setattr(module, "_digest_of", lambda path: read.append(path.suffix) or digest_of(path))
    answers, large = [], []
    for _ in range(3):
        read.clear()
        with load(bundle, weight_cache=tmp_path / "cache", verify="changed") as pipeline:
            answers.append(pipeline(ASKED[TASK]))
        large.append({"model", ".weights"} & set(read))
    assert large == [{"model", ".weights"}, set(), set()]
    assert len(set(map(repr, answers))) == 1
    weights = kept(tmp_path / "cache")
    weights.write_bytes(b"x" + weights.read_bytes()[1:])
    with load(bundle, weight_cache=tmp_path / "cache", verify="changed") as pipeline:
        assert pipeline(ASKED[TASK]) == answers[0]
    assert digest_of(kept(tmp_path / "cache")) in kept(tmp_path / "cache").name


def test_the_folder_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bundle: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert weight_cache_folder() == tmp_path / "roformer-edge" / "weights"
    load(bundle, weight_cache=True).close()
    kept(weight_cache_folder())
    assert weight_cache_folder().stat().st_mode & 0o077 == 0
