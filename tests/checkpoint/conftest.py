from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.checkpoint.oracle_cases import CONFIGS

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def oracle(oracle_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints")
    (folder / "configs.json").write_text(json.dumps(CONFIGS))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "USE_TF": "0", "USE_FLAX": "0"}
    script = Path(__file__).with_name("oracle_checkpoints.py")
    done = subprocess.run([oracle_python, script, folder], check=False, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def tensorflow_report(frameworks_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1]), "CUDA_VISIBLE_DEVICES": ""}
    command = [frameworks_python, HERE / "tensorflow_check.py", HERE / "golden", tmp_path_factory.mktemp("tensorflow")]
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
