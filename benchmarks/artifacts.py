"""What is measured: the artifacts that roformer-edge and optimum make of one checkpoint.

    python -m benchmarks.artifacts

Each is made once and kept under ``.cache/bench``; ours are made anew when the package has changed. Imports the
standard library only, because the programs that measure fresh processes have to stay small.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from importlib.metadata import version
from pathlib import Path

from benchmarks.checkpoints import CACHE, SHAPES, checkpoint, texts
from benchmarks.process import ROOT, run

RECIPES = ("fp32", "int8-embeddings", "int8-dynamic", "int8-static")

# What a user of optimum runs: export, then the quantiser with the settings that its documentation gives for
# processors with VNNI. One process does both, which spares optimum a second import of torch.
OPTIMUM_FP32 = """
import sys
from optimum.exporters.onnx import main_export
main_export(sys.argv[1], sys.argv[2], task="text-classification")
"""
OPTIMUM_INT8 = """
from optimum.onnxruntime import ORTQuantizer
from optimum.onnxruntime.configuration import AutoQuantizationConfig
config = AutoQuantizationConfig.avx512_vnni(is_static=False, per_channel=False)
ORTQuantizer.from_pretrained(sys.argv[2], file_name="model.onnx").quantize(config, save_dir=sys.argv[3])
"""


def main() -> None:
    for shape in SHAPES:
        print(*(ours(shape, recipe) for recipe in RECIPES), *optimum(shape), sep="\n")


def ours(shape: str, recipe: str, form: str = "onnx", *, preset: str | None = None) -> Path:
    """The bundle of this shape, recipe, format and, in place of the default, preset."""
    folder = CACHE / "ours" / shape / "-".join(filter(None, (recipe, form, preset)))
    stamp = folder.with_name(f"{folder.name}.made-by")
    made_by = _package_digest()
    if not (folder / "manifest.json").exists() or not stamp.exists() or stamp.read_text() != made_by:
        chosen = [] if preset is None else ["--preset", preset]
        run([*deploy_command(checkpoint(shape), recipe, folder, form), *chosen])
        stamp.write_text(made_by)
    return folder


def archive(bundle: Path) -> Path:
    """A bundle as one file, packed anew."""
    packed = bundle.with_suffix(".rfe")
    run([sys.executable, "-m", "roformer_edge", "bundle", "pack", str(bundle), str(packed), "--overwrite"])
    return packed


def deploy_command(source: Path, recipe: str, target: Path, form: str = "onnx") -> list[str]:
    """The command line that a user types."""
    calibration = ["--calibration", str(texts())] if recipe == "int8-static" else []
    command = [sys.executable, "-m", "roformer_edge", "deploy", str(source), "--task", "text-classification"]
    return [*command, "--format", form, "--recipe", recipe, *calibration, "--out", str(target), "--overwrite"]


def optimum(shape: str) -> tuple[Path, Path]:
    """The directories of optimum's float32 and dynamic int8 model of this shape."""
    folder = CACHE / "optimum" / shape
    stamp = folder / "made-by"
    made_by = f"optimum-onnx {version('optimum-onnx')}, onnxruntime {version('onnxruntime')}"
    if not stamp.exists() or stamp.read_text() != made_by:
        shutil.rmtree(folder, ignore_errors=True)
        run(optimum_command(checkpoint(shape), folder))
        stamp.write_text(made_by)
    return folder / "fp32", folder / "int8"


def optimum_command(source: Path, target: Path) -> list[str]:
    """Export and quantise with optimum."""
    script = OPTIMUM_FP32 + OPTIMUM_INT8
    return [sys.executable, "-c", script, str(source), str(target / "fp32"), str(target / "int8")]


def _package_digest() -> str:
    digest = hashlib.sha256()
    for path in sorted((ROOT / "roformer_edge").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    main()
