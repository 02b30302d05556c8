"""A model is numbers: with TensorFlow as the engine, operators of TFLite could write any file."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def test_an_operator_that_writes_files_is_not_run(frameworks_python, tmp_path):
    done = subprocess.run(
        [frameworks_python, "-W", "ignore", HERE / "flex_operator.py", tmp_path / "pwned"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "no model of ours does" in done.stdout
