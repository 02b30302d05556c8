"""Runs torch_oracle.py and the like in other interpreters."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
from torch_cases import TINY

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
        without: Packages that are to look as if they were not installed.
    """
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": os.pathsep.join((str(HERE.parent.parent), str(HERE))),
    }
    hide = f"import sys, runpy; sys.modules.update(dict.fromkeys({without})); del sys.argv[0]"
    start = f"{hide}; runpy.run_path(sys.argv[0], run_name='__main__')"
    finished = subprocess.run(
        [python, "-c", start, HERE / script, *arguments], check=False, env=environment, capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stderr


def make_v2(folder: Path) -> None:
    """A masked language model of RoFormerV2 by the torch class, with inputs and outputs, as the oracle writes them."""
    import torch

    from roformer_edge.config import RoFormerConfig
    from roformer_edge.models.torch_roformer import RoFormerForMaskedLM

    config = RoFormerConfig.from_dict({**TINY, "hidden_act": "relu", "norm_type": "rms_norm", "use_bias": False})
    torch.manual_seed(0)
    model = RoFormerForMaskedLM(config.replace(initializer_range=0.3)).eval()
    model.save_pretrained(folder)
    ids = torch.randint(0, config.vocab_size, (3, 8))
    mask = torch.tensor([[1] * 8, [1] * 5 + [0] * 3, [0] * 8])
    with torch.no_grad():
        output = model(ids, mask, output_hidden_states=True)
    np.savez(folder / "inputs.npz", input_ids=ids.numpy(), attention_mask=mask.numpy())
    states = {f"hidden_states.{index}": tensor.numpy() for index, tensor in enumerate(output.hidden_states)}
    np.savez(folder / "outputs.npz", logits=output.logits.numpy(), **states)
