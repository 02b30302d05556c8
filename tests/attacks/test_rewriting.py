"""Files that are written to while a bundle is being loaded, and after it was."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import roformer_edge
from roformer_edge.bundle.pack import pack_directory
from roformer_edge.bundle.reader import open_bundle
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.errors import BackendError, BundleIntegrityError
from roformer_edge.runtime.loading import load
from roformer_edge.runtime.mapped_file import MappedFile
from tests.tiny_checkpoint import write_checkpoint
from tests.tiny_runtime import write_runnable

ROOT = Path(roformer_edge.__file__).parents[1]
TEXTS = ["今天天气", "把客厅的灯打开", "现在几点abc", "你好不好"]


def overwrite(path: Path, how: str) -> None:
    """Write into a file in place, as ``cp`` does, which cuts it first."""
    time.sleep(0.02)  # clocks of file systems tick that slowly
    size = path.stat().st_size
    if how == "cut":
        path.write_bytes(b"")
    elif how == "zeros":
        with path.open("r+b") as stream:
            stream.write(bytes(size))
    else:
        shutil.copyfile(__file__, path)


ANSWER = """
import sys
import roformer_edge
from roformer_edge.errors import BackendError
with roformer_edge.load(sys.argv[1], threads=1) as classify:
    if sys.argv[2] == "asked":
        classify(sys.argv[3:])
    print("loaded", flush=True)
    sys.stdin.readline()
    for _ in range(2):
        try:
            print([answer.label for answer in classify(sys.argv[3:])])
        except BackendError as error:
            print(error)
"""


def said_after(how: str, place: Path, before: str) -> str:
    """What a process says that loaded a bundle, when its files are written to: it was asked before, or was not."""
    # a process of its own: a fault ends it
    command = [sys.executable, "-c", ANSWER, str(place), before, *TEXTS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "loaded\n"
        for path in place.iterdir() if place.is_dir() else [place]:
            overwrite(path, how)
        said, _ = process.communicate("go\n")
    assert process.returncode == 0
    first, second = said.splitlines()
    assert first == second
    return first


def answers(place: Path) -> str:
    with load(place) as classify:
        return str([answer.label for answer in classify(TEXTS)])


@pytest.mark.parametrize("how", ["cut", "zeros", "other"])
@pytest.mark.parametrize("archived", [False, True])
def test_a_loaded_bundle_outlives_its_files(tmp_path, how, archived):
    place = write_runnable(tmp_path / "intent")
    if archived:
        place = pack_directory(place, tmp_path / "intent.rfe")
    expected = answers(place)
    assert said_after(how, place, "not asked") == expected


@pytest.fixture(scope="module")
def tflite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("ai_edge_litert", reason="the engine is not installed: pip install 'roformer-edge[tflite]'")
    folder = tmp_path_factory.mktemp("tflite")
    options = DeployOptions(format="tflite", recipe="fp32")
    return deploy_checkpoint(write_checkpoint(folder / "checkpoint"), folder / "bundle", options).bundle


@pytest.mark.parametrize("how", ["cut", "zeros", "other"])
@pytest.mark.parametrize("name", ["folder", "x.rfe", "x.tflite"])
@pytest.mark.parametrize("before", ["asked", "not asked"])
def test_a_loaded_bundle_of_tflite_outlives_its_files_or_says_that_they_changed(tflite, tmp_path, how, name, before):
    """The engine maps a file that has a path; of an archive it is given a copy."""
    if name == "folder":
        place = Path(shutil.copytree(tflite, tmp_path / name))
    else:
        place = pack_directory(tflite, tmp_path / name)
    expected = answers(place)
    said = said_after(how, place, before)
    assert said == expected if name == "x.rfe" else "was written to after it was loaded" in said


def test_a_time_that_is_set_back_hides_nothing(tmp_path):
    bundle = write_runnable(tmp_path / "intent")
    model = bundle / "model.onnx"
    with open_bundle(bundle) as opened:
        opened.file_path("model")
        before = model.stat()
        with model.open("r+b") as stream:
            stream.write(b"\0")
        os.utime(model, ns=(before.st_atime_ns, before.st_mtime_ns))
        with pytest.raises(BundleIntegrityError, match="was changed while it was being loaded"):
            opened.check_unchanged()


@pytest.fixture
def mapped(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(bytes(5000))
    return MappedFile(path)


@pytest.mark.parametrize("how", ["cut", "zeros", "other"])
@pytest.mark.parametrize("hidden", [False, True])
def test_a_mapped_file_that_is_written_to_is_found_out(mapped, how, hidden):
    mapped.check_unchanged()
    before = mapped.path.stat()
    overwrite(mapped.path, how)
    if hidden:
        os.utime(mapped.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    for _ in range(2):
        with pytest.raises(BackendError, match=r"model\.tflite was written to after it was loaded"):
            mapped.check_unchanged()


def test_a_mapped_file_may_be_replaced_linked_and_removed(mapped, tmp_path):
    (tmp_path / "backup").hardlink_to(mapped.path)
    mapped.check_unchanged()
    mapped.path.chmod(0o600)
    mapped.check_unchanged()
    (tmp_path / "new").write_bytes(b"new")
    (tmp_path / "new").replace(mapped.path)
    mapped.check_unchanged()
    (tmp_path / "backup").unlink()
    mapped.check_unchanged()


@pytest.mark.parametrize("how", ["cut", "zeros", "other"])
def test_a_tflite_model_that_is_written_to_answers_no_more(tmp_path, how):
    pytest.importorskip("ai_edge_litert", reason="the engine is not installed: pip install 'roformer-edge[tflite]'")
    from roformer_edge.runtime.backends.litert import LiteRTSession
    from tests.tflite_export import build_tiny

    path = tmp_path / "model.tflite"
    path.write_bytes(build_tiny().to_bytes())
    session = LiteRTSession(path)
    ids = np.ones((1, 4), np.int64)
    session.run({"input_ids": ids})
    overwrite(path, how)
    with pytest.raises(BackendError, match="was written to after it was loaded"):
        session.run({"input_ids": ids})
    session.close()
