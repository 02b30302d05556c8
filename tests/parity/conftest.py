from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import hiding
import pytest
from torch_cases import GENERATIONS, cases, v2_cases
from torch_fixtures import make_v2, run_oracle, run_script


@pytest.fixture(scope="session")
def oracle(oracle_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Case name -> the folder that the oracle filled."""
    folder = tmp_path_factory.mktemp("oracle")
    (folder / "cases.json").write_text(json.dumps(cases()))
    run_oracle(oracle_python, "make", folder)
    return {name: folder / str(number) for number, name in enumerate(cases())}


@pytest.fixture(scope="session")
def generated(oracle_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A decoder, prompts, and what the oracle generated from them."""
    folder = tmp_path_factory.mktemp("generated")
    (folder / "generations.json").write_text(json.dumps(GENERATIONS))
    run_oracle(oracle_python, "generate", folder)
    return folder


@pytest.fixture(scope="session")
def v2(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same for RoFormerV2, which no original computes: filled by our torch models."""
    folder = tmp_path_factory.mktemp("v2")
    make_v2(folder, v2_cases())
    return {name: folder / str(number) for number, name in enumerate(v2_cases())}


@pytest.fixture(scope="session")
def compared(oracle: dict[str, Path], v2: dict[str, Path], frameworks_python: Path) -> dict[str, Path]:
    """All cases, those of transformers with the answers of its TensorFlow and Flax models beside them."""
    run_script(frameworks_python, "originals.py", parent(oracle))
    return oracle | v2


@pytest.fixture(scope="session")
def tf_report(
    compared: dict[str, Path], generated: Path, oracle: dict[str, Path], v2: dict[str, Path], frameworks_python: Path
) -> dict[str, Any]:
    """What tf_check.py found: of every case, and of the things beside them."""
    folders = parent(oracle), parent(v2)
    run_script(frameworks_python, "tf_check.py", generated, *folders, without=hiding.BESIDE_TENSORFLOW)
    return read(*(folder / "tf.json" for folder in folders), folders[0] / "tf_others.json")


@pytest.fixture(scope="session")
def flax_report(
    tf_report: dict[str, Any], oracle: dict[str, Path], v2: dict[str, Path], frameworks_python: Path
) -> dict[str, Any]:
    """What flax_check.py found, after tf_check.py, whose models it saves again."""
    folders = parent(oracle), parent(v2)
    run_script(frameworks_python, "flax_check.py", *folders, without=hiding.BESIDE_FLAX)
    return read(*(folder / "flax.json" for folder in folders), folders[0] / "flax_others.json")


def parent(cases: dict[str, Path]) -> Path:
    """The folder of all cases."""
    return next(iter(cases.values())).parent


def read(*files: Path) -> dict[str, Any]:
    """JSON objects as one."""
    return {key: value for file in files for key, value in json.loads(file.read_text()).items()}
