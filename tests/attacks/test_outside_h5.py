"""A file of Keras reads nothing outside itself: HDF5 lets datasets and links lead anywhere."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def test_weights_that_lie_elsewhere_are_refused(frameworks_python, tmp_path):
    done = subprocess.run(
        [frameworks_python, HERE / "outside_h5.py", tmp_path],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.pop("honest") == f"read {[[[3.0] * 4] * 4]}"
    assert len(found) == 9
    for way, said in found.items():
        assert "lies in another file" in said, (way, said)
        assert f"{way}.h5" in said
