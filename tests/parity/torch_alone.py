"""Runs where PyTorch is the only framework, or none is: what the model classes do then.

    python torch_alone.py FOLDER HIDDEN...

computes with every torch class that can be imported, saves it in FOLDER, loads it, compares; then asks for every model
class of the package. Writes FOLDER/alone.json: architecture -> whether the loaded model answers as the saved one, and
"refused": name -> error. HIDDEN are the packages that are not there.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import hiding
from torch_cases import ARCHITECTURES, TINY

import roformer_edge
from roformer_edge._extras import available


def same_after_saving(architecture: str, folder: Path) -> bool:
    import torch

    config = roformer_edge.RoFormerConfig.from_dict({**TINY, "is_decoder": architecture.endswith("CausalLM")})
    model = getattr(roformer_edge, architecture)(config).eval()
    ids = torch.arange(1, 13).view((2, 2, 3) if architecture.endswith("MultipleChoice") else (2, 6))
    again = type(model).from_pretrained(model.save_pretrained(folder / architecture))
    with torch.no_grad():
        return torch.equal(model(ids)[0], again(ids)[0])


def main(folder: Path, hidden: tuple[str, ...]) -> None:
    usable = ARCHITECTURES if available("torch") else ()
    report: dict[str, object] = {name: same_after_saving(name, folder) for name in usable}
    report["refused"] = hiding.refusals(hidden)
    (folder / "alone.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main(Path(sys.argv[1]), tuple(sys.argv[2:]))
