"""Each framework's classes where the other two are not installed, in processes of their own; and where none is.

tf_check.py and flax_check.py do all that they do in such a process, so that loading, computing, training and saving
with every class are part of what is shown here.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import hiding
import pytest
from torch_cases import ARCHITECTURES
from torch_fixtures import run_script

import roformer_edge

TORCH = dict.fromkeys(ARCHITECTURES, "torch")
TENSORFLOW = {f"TF{name}": "tensorflow" for name in ARCHITECTURES}
FLAX = {f"Flax{name}": "flax" for name in ARCHITECTURES if not name.endswith("CausalLM")}


def assert_refused(refused: dict[str, str], extras: dict[str, str]) -> None:
    """These names and no others, each with the line that installs its framework."""
    assert refused.keys() == extras.keys()
    for name, extra in extras.items():
        assert refused[name] == (f"{extra} is needed for {name}; install it with: pip install 'roformer-edge[{extra}]'")


def run_alone(folder: Path, hidden: tuple[str, ...]) -> dict[str, Any]:
    run_script(Path(sys.executable), "torch_alone.py", folder, *hidden, without=hidden)
    return json.loads((folder / "alone.json").read_text())


def test_torch(tmp_path: Path):
    report = run_alone(tmp_path, hiding.BESIDE_TORCH)
    assert_refused(report.pop("refused"), TENSORFLOW | FLAX)
    assert report == dict.fromkeys(ARCHITECTURES, True)


def test_no_framework_at_all(tmp_path: Path):
    report = run_alone(tmp_path, ("torch", *hiding.BESIDE_TORCH))
    assert_refused(report.pop("refused"), TORCH | TENSORFLOW | FLAX)
    assert report == {}


@pytest.mark.oracle
@pytest.mark.slow
def test_tensorflow(tf_report: dict[str, Any]):
    assert_refused(tf_report["refused"], TORCH | FLAX)
    assert {name.partition(",")[0] for name in tf_report if "," in name} == set(TORCH)


@pytest.mark.oracle
@pytest.mark.slow
def test_flax(flax_report: dict[str, Any]):
    assert_refused(flax_report["refused"], TORCH | TENSORFLOW)
    assert {f"Flax{name.partition(',')[0]}" for name in flax_report if "," in name} == set(FLAX)


def test_the_twenty_classes_are_those_of_the_package():
    assert len(TORCH | TENSORFLOW | FLAX) == 20
    assert (TORCH | TENSORFLOW | FLAX).keys() <= set(roformer_edge._HOMES)
