"""Runs torch_oracle.py and the like in other interpreters; makes the cases that no original has."""

from __future__ import annotations

import json
import os
import subprocess
import warnings
from pathlib import Path

import torch
from torch_case_files import randomise, write_case
from torch_cases import Cases

from roformer_edge.config import RoFormerConfig
from roformer_edge.models.torch import heads

HERE = Path(__file__).parent


def run_oracle(python: Path, command: str, folder: Path) -> None:
    """Run torch_oracle.py in the oracle's interpreter."""
    run_script(python, "torch_oracle.py", command, folder)


def run_script(python: Path, script: str, *arguments: str | Path, without: tuple[str, ...] = ()) -> None:
    """Run a script of this folder with this repository on its path; a failure shows what it printed.

    Args:
        python: The interpreter.
        script: The file's name.
        arguments: Its arguments.
        without: Packages that are to look as if they were not installed; see hiding.py.
    """
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": os.pathsep.join((str(HERE.parent.parent), str(HERE))),
    }
    start = f"import hiding, runpy, sys; hiding.hide(*{without}); del sys.argv[0]"
    start += "; runpy.run_path(sys.argv[0], run_name='__main__')"
    finished = subprocess.run(
        [python, "-c", start, HERE / script, *arguments], check=False, env=environment, capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stderr


def make_v2(folder: Path, cases: Cases) -> None:
    """Cases of RoFormerV2 by our torch classes, as torch_oracle.py makes the others by transformers'."""
    (folder / "cases.json").write_text(json.dumps(cases))
    warnings.filterwarnings("ignore", message="RoFormerForCausalLM sees the future")
    for number, case in enumerate(cases.values()):
        torch.manual_seed(number)
        model = getattr(heads, case["architecture"])(RoFormerConfig.from_dict(case["config"]))
        (folder / str(number)).mkdir()
        write_case(folder / str(number), randomise(model), case, seed=number)
