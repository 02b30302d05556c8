"""Pipelines in other processes and threads, each program in a process of its own: engines start threads, and fork."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from tests.runtime.tiny_tasks import bundle_of

ROOT = Path(__file__).resolve().parents[2]
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks on Windows")


@pytest.fixture(scope="module", params=["onnx", "tflite"])
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    made = bundle_of("text-classification", folder, "fp32", intermediate_size=256)
    if request.param == "onnx":
        return made
    options = DeployOptions(task="text-classification", recipe="fp32", format="tflite")
    return deploy_checkpoint(folder / "checkpoint", folder / "tflite", options).bundle


def run(program: str, bundle: Path) -> str:
    # a child that waits for threads that it does not have would wait for ever
    command = [sys.executable, "-c", program, str(bundle)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


FORKED = """
import os, sys
import roformer_edge

TEXTS = ["今天天气好", "把灯打开", "好" * 20]
classify = roformer_edge.load(sys.argv[1], threads=2)
closed = roformer_edge.load(sys.argv[1], threads=2)
closed.close()
expected = classify(TEXTS, batch_size=3)
first = classify(TEXTS[0])


def fork(work):
    child = os.fork()
    if child == 0:
        work()
        sys.exit(0)  # not os._exit: what the interpreter frees at its end must not wait either
    assert os.waitpid(child, 0)[1] == 0


def answer():
    assert classify(TEXTS, batch_size=3) == expected
    assert classify.backend_report().threads == 2
    try:
        closed("好")
    except roformer_edge.BackendError as error:
        assert "closed" in str(error)
    else:
        raise AssertionError
    classify.close()
    try:
        classify("好")
    except roformer_edge.BackendError as error:
        assert "closed" in str(error)
    else:
        raise AssertionError


def grandchild():
    assert classify(TEXTS[0]) == first
    fork(answer)
    assert classify(TEXTS[0]) == first


fork(lambda: None)
fork(lambda: globals().pop("classify"))
fork(lambda: globals()["classify"].close())
fork(answer)
fork(grandchild)
assert classify(TEXTS, batch_size=3) == expected
print("done")
"""


@forks
def test_a_forked_process_answers_and_ends(bundle: Path) -> None:
    assert run(FORKED, bundle) == "done\n"


@forks
def test_a_forked_process_refuses_a_bundle_that_was_put_in_the_place(bundle: Path, tmp_path: Path) -> None:
    program = """
import os, shutil, sys
import roformer_edge

classify = roformer_edge.load(sys.argv[1])
classify("好")
manifest = open(sys.argv[1] + "/manifest.json", "ab")
manifest.write(b" ")
manifest.close()
child = os.fork()
if child == 0:
    try:
        classify("好")
    except roformer_edge.BundleIntegrityError as error:
        assert "another bundle" in str(error)
        sys.exit(0)
    sys.exit(1)
assert os.waitpid(child, 0)[1] == 0
print("done")
"""
    copy = shutil.copytree(bundle, tmp_path / "copy")
    assert run(program, copy) == "done\n"


WORKERS = """
import asyncio, multiprocessing, pickle, sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
import roformer_edge

TEXTS = ["今天天气好", "把灯打开", "好"] * 4

if __name__ == "__main__":
    classify = roformer_edge.load(sys.argv[1], threads=1)
    expected = [classify(text) for text in TEXTS]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(classify, TEXTS)) == expected

    async def ask():
        return await asyncio.gather(*(asyncio.to_thread(classify, text) for text in TEXTS))

    assert asyncio.run(ask()) == expected
    for method in multiprocessing.get_all_start_methods():
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as pool:
            assert list(pool.map(classify, TEXTS)) == expected
            bad = pool.submit(classify, "好\\0")
            assert isinstance(bad.exception(), roformer_edge.TextError), bad.exception()
            bad = pool.submit(classify, "好", top_k=0)
            assert isinstance(bad.exception(), roformer_edge.OptionError), bad.exception()
            assert bad.exception().name == "top_k"
    print("done")
"""


def test_every_kind_of_worker_gives_the_same_answers(bundle: Path, tmp_path: Path) -> None:
    script = tmp_path / "workers.py"
    script.write_text(WORKERS, encoding="utf-8")
    command = [sys.executable, "-W", "ignore::DeprecationWarning", str(script), str(bundle)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False, timeout=240)
    assert (done.stdout, done.returncode) == ("done\n", 0), done.stderr
