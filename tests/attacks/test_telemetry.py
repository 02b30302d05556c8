"""Nothing leaves the device, and nothing is written beside what was asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import roformer_edge
from tests.tiny_runtime import write_runnable

ROOT = Path(roformer_edge.__file__).parents[1]


def written_by(program: str, folder: Path, **environment: str) -> list[str]:
    """What a fresh process leaves in fresh folders of its own, as on a machine that is no build server."""
    places = {name: folder / name.lower() for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "TMPDIR")}
    for place in places.values():
        place.mkdir(parents=True)
    # the engine keeps silent on build servers
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", "ORT_DISABLE_TELEMETRY")}
    kept |= {name: str(place) for name, place in places.items()} | environment
    done = subprocess.run(
        [sys.executable, "-c", program], env=kept, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return sorted(path.relative_to(folder).as_posix() for place in places.values() for path in place.rglob("*"))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_runnable(tmp_path_factory.mktemp("telemetry") / "intent")


LOAD = "import roformer_edge, time; roformer_edge.load({!r})('今天天气'); time.sleep(0.5)"


def test_an_answer_writes_nothing(bundle, tmp_path):
    assert written_by(LOAD.format(str(bundle)), tmp_path) == []


def test_the_engine_would_write_if_it_were_not_told(bundle, tmp_path):
    import onnxruntime

    if tuple(map(int, onnxruntime.__version__.split(".")[:2])) < (1, 29):
        pytest.skip("this onnxruntime has no telemetry")
    assert written_by(LOAD.format(str(bundle)), tmp_path, ORT_DISABLE_TELEMETRY="0") != []


def test_who_asks_for_it_is_obeyed():
    program = "import os, roformer_edge; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    for given, kept in ((None, "1"), ("0", "0")):
        environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
        environment |= {} if given is None else {"ORT_DISABLE_TELEMETRY": given}
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, cwd=ROOT, check=True
        )
        assert done.stdout.strip() == kept
