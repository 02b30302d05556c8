"""Sizes of what is shipped: the model files of every recipe beside optimum's, and our whole bundles.

python -m benchmarks.sizes
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks import record
from benchmarks.artifacts import RECIPES, optimum, ours
from benchmarks.checkpoints import SHAPES


def main() -> None:
    parser = argparse.ArgumentParser(description="Sizes of the model files and of the whole folders.")
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--out", type=Path, help="folder for the result (default: benchmarks/results)")
    args = parser.parse_args()
    rows = []
    for shape in args.shapes:
        models = {f"roformer-edge {recipe}": ours(shape, recipe) / "model.onnx" for recipe in RECIPES}
        exported, quantised = optimum(shape)
        models["optimum fp32"] = exported / "model.onnx"
        models["optimum int8 dynamic"] = quantised / "model_quantized.onnx"
        rows += [{"shape": shape, "artifact": name, **sizes(path)} for name, path in models.items()]
    for row in rows:
        print(*row.values())
    print(record.write("sizes", {"unit": "10^6 bytes"}, rows, args.out))


def sizes(model: Path) -> dict[str, float]:
    """Sum the bytes of the model, with its external data where it has any, and of everything in its folder."""
    parts = [model, *model.parent.glob(f"{model.name}[._]data")]
    everything = [path for path in model.parent.rglob("*") if path.is_file()]
    return {"model_mb": total_mb(parts), "folder_mb": total_mb(everything)}


def total_mb(files: list[Path]) -> float:
    return round(sum(path.stat().st_size for path in files) / 1e6, 2)


if __name__ == "__main__":
    main()
