from __future__ import annotations

import json
from pathlib import Path

import pytest
from torch_cases import GENERATIONS, cases
from torch_fixtures import make_v2, run_oracle

from roformer_edge import config

FRAMEWORKS_PYTHON = Path(__file__).parents[2] / ".venv-frameworks" / "bin" / "python"


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
def v2_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of RoFormerV2 with inputs and the torch model's outputs."""
    folder = tmp_path_factory.mktemp("v2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "_refuse_relatives", lambda extra: None)
        make_v2(folder)
    return folder


@pytest.fixture(scope="session")
def frameworks_python() -> Path:
    """The interpreter with TensorFlow and Flax, made from ``envs/frameworks.txt``."""
    if not FRAMEWORKS_PYTHON.exists():
        pytest.skip(
            "the environment with TensorFlow and Flax is not there: make .venv-frameworks of envs/frameworks.txt"
        )
    return FRAMEWORKS_PYTHON
