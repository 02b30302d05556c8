"""Worker processes that answer as one pipeline does, and say so when one of them is gone."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from roformer_edge.errors import (
    BundleError,
    BundleFormatError,
    BundleIntegrityError,
    OptionError,
    PoolError,
    TextError,
    TextTooLongError,
)
from roformer_edge.runtime.loading import load
from roformer_edge.runtime.pool import Pool
from roformer_edge.tasks import TASKS
from tests.process_watch import end
from tests.runtime.tiny_tasks import TEXTS, bundle_of
from tests.tiny_bundle import read_manifest, rewrite_manifest

ROOT = Path(__file__).resolve().parents[2]
BAD = "好\0"
MANY = [f"{text}{'灯' * (number % 11)}" for number, text in enumerate(TEXTS * 20)]

# task -> inputs and options of the calls
ASKED: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "feature-extraction": ([*TEXTS], {"pooling": "mean"}),
    "fill-mask": ([f"{text}[MASK]" for text in TEXTS], {"top_k": 2}),
    "text-generation": (["今天", "我", "把灯"], {"max_new_tokens": 4, "do_sample": True, "seed": 3}),
    "text-classification": ([*TEXTS, ("今天", "好")], {"top_k": 2, "truncation": True}),
    "token-classification": ([*TEXTS], {"aggregation": "none"}),
    "question-answering": ([{"question": "几点", "context": "今天天气好"}, ("？", "好")], {"top_k": 2}),
    "multiple-choice": ([("今天", None, ["好", "不"]), {"context": "我", "choices": ["把灯打开", "好"]}], {}),
}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One whose answers depend on their neighbours."""
    return bundle_of("text-classification", tmp_path_factory.mktemp("pool"), "int8-dynamic")


@pytest.fixture(scope="module")
def pool(bundle: Path) -> Iterator[Pool]:
    with Pool(bundle, workers=2) as made:
        yield made


@pytest.fixture(scope="module")
def one(bundle: Path) -> Iterator[Any]:
    with load(bundle, threads=1) as pipeline:
        yield pipeline


@pytest.mark.parametrize("task", TASKS)
def test_every_task_is_answered_as_by_one_pipeline(task: str, tmp_path: Path) -> None:
    made = bundle_of(task, tmp_path, "int8-dynamic")
    inputs, options = ASKED[task]
    # so many that both workers get some
    inputs = inputs * 3
    with load(made, threads=1) as pipeline, Pool(made, workers=2, threads=1) as pool:
        for settings in (options, {**options, "batch_size": 4}):
            expected = pipeline(inputs, **settings)
            np.testing.assert_equal(pool(inputs, **settings), expected)
            answers = pool(iter(inputs), **settings)
            assert isinstance(answers, Iterator)
            np.testing.assert_equal(list(answers), expected)
            np.testing.assert_equal(list(pool.outcomes(inputs, **settings)), expected)
        np.testing.assert_equal(pool(inputs[0], **options), pipeline(inputs[0], **options))
        np.testing.assert_equal(pool.submit(inputs[:2], **options).result(), pipeline(inputs[:2], **options))
        assert pool.backend_report() == pipeline.backend_report()
        assert pool.manifest == pipeline.manifest


def test_float_answers_are_equal_up_to_rounding(tmp_path: Path) -> None:
    made = bundle_of("text-classification", tmp_path, "fp32")
    with load(made, threads=1) as pipeline, Pool(made, workers=2) as pool:
        expected = pipeline(MANY)
        found = pool(MANY)
    assert [answer.label for answer in found] == [answer.label for answer in expected]
    np.testing.assert_allclose([one.score for one in found], [one.score for one in expected], rtol=1e-5)


def test_words_are_one_input_or_several(tmp_path: Path) -> None:
    made = bundle_of("token-classification", tmp_path, "fp32")
    with load(made, threads=1) as pipeline, Pool(made, workers=1) as pool:
        for words in (["我", "住在"], [["我", "住在"], ["好"]], ("我", "住在")):
            expected = pipeline(words, is_split_into_words=True)
            assert pool(words, is_split_into_words=True) == expected


@pytest.mark.parametrize("batch_size", [None, 1, 3])
def test_answers_and_their_order_are_those_of_one_pipeline(pool: Pool, one: Any, batch_size: int | None) -> None:
    expected = one(MANY, batch_size=batch_size)
    assert len(set(expected)) > 10
    assert pool(MANY, batch_size=batch_size) == expected
    assert pool(tuple(MANY[:2]), batch_size=batch_size) == one(tuple(MANY[:2]), batch_size=batch_size)
    assert list(pool(iter(MANY), batch_size=batch_size)) == expected


def test_both_workers_work(pool: Pool) -> None:
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(pool, MANY[:40]))
    assert answers == pool(MANY[:40])
    assert len(workers_of_this_process()) >= 2


def test_an_iterator_is_read_a_bounded_way_ahead(pool: Pool) -> None:
    read = 0

    def endless() -> Iterator[str]:
        nonlocal read
        for number in count():
            read += 1
            yield MANY[number % len(MANY)]

    answers = pool(endless())
    assert read == 0
    found = list(islice(answers, 200))
    assert found == pool([MANY[number % len(MANY)] for number in range(200)])
    assert read <= 200 + 5 * 32
    answers.close()
    assert pool("好") == pool(["好"])[0]


@pytest.mark.parametrize("inputs", [MANY, ["好"], [], (), iter([]), iter(["好"])])
def test_any_number_will_do(pool: Pool, one: Any, inputs: Any) -> None:
    asked = list(inputs)
    assert list(pool(iter(asked) if isinstance(inputs, Iterator) else asked)) == one(asked)
    assert list(pool.outcomes(asked)) == one(asked)


def test_collections_of_other_kinds_give_lists(pool: Pool, one: Any) -> None:
    for collection in (np.array(MANY[:3]), dict.fromkeys(MANY[:3]).keys()):
        assert pool(collection) == one(MANY[:3])


def test_what_stands_before_a_bad_input_is_answered_and_counted_from_the_beginning(pool: Pool, one: Any) -> None:
    texts = [*MANY[:75], BAD, *MANY[75:90], "好" * 100, "好"]
    answers = pool(iter(texts))
    assert [next(answers) for _ in range(75)] == one(MANY[:75])
    with pytest.raises(TextError, match=r"^text 75 holds NUL"):
        next(answers)
    with pytest.raises(TextError, match=r"^text 75 holds NUL"):
        pool(texts)
    found = list(pool.outcomes(texts))
    assert len(found) == len(texts)
    assert found[:75] + found[76:91] + found[92:] == one([*MANY[:90], "好"])
    assert type(found[75]) is TextError
    assert type(found[91]) is TextTooLongError
    assert str(found[91]).startswith("text 91 has 102 tokens")


def test_an_iterator_that_fails_is_an_error_in_its_turn(pool: Pool, one: Any) -> None:
    def failing() -> Iterator[str]:
        yield from MANY[:70]
        raise OSError("the disk is gone")

    answers = pool(failing())
    assert [next(answers) for _ in range(70)] == one(MANY[:70])
    with pytest.raises(OSError, match="the disk is gone"):
        next(answers)


@pytest.mark.parametrize("inputs", ["好", ["好"], [], iter(["好"]), iter([])])
def test_errors_come_as_they_are(pool: Pool, inputs: Any) -> None:
    def ask(**options: Any) -> None:
        answers = pool(inputs, **options)
        if isinstance(inputs, Iterator):
            list(answers)

    with pytest.raises(OptionError, match="top_k must be") as caught:
        ask(top_k=0)
    assert caught.value.name == "top_k"
    if not isinstance(inputs, Iterator):
        with pytest.raises(OptionError, match="batch_size must be"):
            ask(batch_size=0)
        with pytest.raises(TypeError, match="topk"):
            ask(topk=1)


@pytest.mark.parametrize("inputs", [3, None, {"text": "好"}, b"abc"])
def test_what_is_no_text_is_refused_as_by_a_pipeline(pool: Pool, one: Any, inputs: Any) -> None:
    with pytest.raises(TextError) as expected:
        one(inputs)
    with pytest.raises(TextError) as caught:
        pool(inputs)
    assert str(caught.value) == str(expected.value)
    with pytest.raises(TextError, match="a list or an iterator"):
        pool.outcomes(inputs)


def test_futures(pool: Pool, one: Any) -> None:
    futures = [pool.submit(text) for text in MANY[:20]]
    assert [future.result() for future in futures] == one(MANY[:20])
    assert pool.submit(iter(MANY[:3]), top_k=1).result() == one(MANY[:3], top_k=1)
    assert isinstance(pool.submit(BAD).exception(), TextError)

    async def ask() -> list[Any]:
        return await asyncio.gather(*(asyncio.wrap_future(pool.submit(text)) for text in MANY[:20]))

    assert asyncio.run(ask()) == one(MANY[:20])
    late = [pool.submit(MANY) for _ in range(8)]
    assert late[-1].cancel()
    assert late[-1].cancelled()
    assert late[-2].result() == one(MANY)


def workers_of_this_process() -> list[int]:
    return [child.pid for child in multiprocessing.active_children() if child.pid]


def test_a_worker_that_is_killed_is_one_clear_error(bundle: Path, one: Any) -> None:
    others = workers_of_this_process()
    pool = Pool(bundle, workers=2)
    own = [process for process in workers_of_this_process() if process not in others]
    assert len(own) == 2
    answers = pool(iter(MANY * 10))
    assert next(answers) == one(MANY[0])
    os.kill(own[0], signal.SIGKILL)
    found = 1
    with pytest.raises(PoolError, match=r"was killed, the memory was full, .* another Pool"):  # noqa: PT012
        for answer in answers:
            assert answer == one(MANY[found % len(MANY)])
            found += 1
    assert found < len(MANY) * 10
    for ask in (lambda: pool(MANY), lambda: pool("好"), lambda: pool.submit("好"), lambda: list(pool.outcomes(["好"]))):
        with pytest.raises(PoolError, match="was killed"):
            ask()
    pool.close()
    pool.close()
    assert repr(pool).endswith(", workers=2, closed)")


@pytest.mark.skipif(sys.platform == "win32", reason="processes cannot be stopped there")
@pytest.mark.parametrize(
    "ask",
    [lambda pool: pool.submit(MANY).result(), lambda pool: list(pool(iter(MANY[:40])))],
    ids=["submit", "iterator"],
)
def test_a_worker_that_is_killed_when_all_was_asked_leaves_nothing_out(bundle: Path, ask: Any) -> None:
    others = workers_of_this_process()
    with Pool(bundle, workers=1) as pool:
        (own,) = [process for process in workers_of_this_process() if process not in others]
        os.kill(own, signal.SIGSTOP)  # it answers nothing before it is killed
        killing = threading.Timer(0.5, os.kill, (own, signal.SIGKILL))
        killing.start()
        with pytest.raises(PoolError, match="was killed"):
            ask(pool)
        killing.join()


def test_a_pool_that_is_closed_says_so_and_leaves_no_process(bundle: Path) -> None:
    others = workers_of_this_process()
    with Pool(str(bundle), workers=1) as pool:
        late = [pool.submit(MANY) for _ in range(4)]
        unread = pool(iter(MANY))
        half = pool(iter(MANY * 3))
        next(half)
    pool.close()
    assert all(len(future.result()) == len(MANY) for future in late)
    assert workers_of_this_process() == others
    for ask in (lambda: pool("好"), lambda: pool(["好"]), lambda: list(unread), lambda: list(half)):
        with pytest.raises(PoolError, match="the pool is closed"):
            ask()


def test_a_bundle_that_cannot_be_loaded_is_told_at_once(bundle: Path, tmp_path: Path) -> None:
    others = workers_of_this_process()
    with pytest.raises(BundleError, match="nowhere"):
        Pool(tmp_path / "nowhere", workers=1)
    with pytest.raises(BundleIntegrityError):
        Pool(bundle, workers=1, digest="0" * 64)
    damaged = Path(shutil.copytree(bundle, tmp_path / "damaged"))
    content = bytearray((damaged / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (damaged / "model.onnx").write_bytes(content)
    with pytest.raises(BundleIntegrityError, match=r"model.onnx"):
        Pool(damaged, workers=2)
    other = Path(shutil.copytree(bundle, tmp_path / "other"))
    rewrite_manifest(other, {**read_manifest(other), "max_length": 4096})
    with pytest.raises(BundleFormatError, match="4096"):
        Pool(other, workers=1)
    assert workers_of_this_process() == others


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"workers": 0}, "workers must be a whole number of at least 1, found 0"),
        ({"workers": 5000}, "workers must be a whole number from 1 to"),
        ({"workers": 1, "threads": 0}, "threads must be a whole number from 1 to"),
        ({"workers": 1, "threads": "auto"}, "threads must be a number in a Pool, whose workers would measure beside"),
        ({"workers": 1, "task": "fill-mask"}, "task must be 'text-classification'"),
    ],
)
def test_options_out_of_range(bundle: Path, options: dict, says: str) -> None:
    with pytest.raises(OptionError, match=says):
        Pool(bundle, **options)


@pytest.mark.parametrize("error", [OSError(38, "Function not implemented"), NotImplementedError("no sem_open")])
def test_a_system_without_processes_says_so(bundle: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("roformer_edge.runtime.pool.ProcessPoolExecutor", refuse)
    with pytest.raises(PoolError, match=r"this system cannot have worker processes: .*load\(\) answers in one"):
        Pool(bundle, workers=1)


def test_threads_are_shared_out(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roformer_edge.runtime.pool.usable_cores", lambda: 4)
    with Pool(bundle, workers=2) as pool:
        assert pool.backend_report().threads == 2
    with Pool(bundle, workers=2, threads=3) as pool:
        assert pool.backend_report().threads == 3


@pytest.mark.skipif(sys.platform != "linux", reason="processes are watched in /proc")
def test_workers_end_with_a_parent_that_is_killed(bundle: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import multiprocessing, sys, time\n"
        "from roformer_edge import Pool\n"
        "if __name__ == '__main__':\n"
        "    pool = Pool(sys.argv[1], workers=2)\n"
        "    print(*(child.pid for child in multiprocessing.active_children()), flush=True)\n"
        "    time.sleep(60)\n",
        encoding="utf-8",
    )
    command = [sys.executable, str(program), str(bundle)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}) as parent:
        assert parent.stdout is not None
        workers = [int(one) for one in parent.stdout.readline().split()]
        parent.kill()
    assert len(workers) == 2
    assert end(workers)


def test_a_program_without_its_guard_ends_with_a_reason(bundle: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("import sys\nfrom roformer_edge import Pool\nPool(sys.argv[1], workers=2)\n", encoding="utf-8")
    command = [sys.executable, str(program), str(bundle)]
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    # processes that ended at once may leave a warning of Python's own behind it
    (told,) = (line for line in done.stderr.splitlines() if line.startswith("roformer_edge.errors.PoolError: "))
    assert told.startswith("roformer_edge.errors.PoolError: a worker process of the pool ended")
    assert 'if __name__ == "__main__":' in told
