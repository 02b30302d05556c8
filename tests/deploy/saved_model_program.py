"""Runs where TensorFlow is installed: checkpoints as SavedModels, and those as tf.lite's converter makes them.

    python -P saved_model_program.py FOLDER

FOLDER holds a folder a case, with a ``checkpoint`` and ``probes`` of inputs. Beside them are written ``saved`` and
``converted``, the answers of both. Prints as JSON what else was seen.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from roformer_edge.cli.main import main
from roformer_edge.deploy import saved_model
from roformer_edge.deploy.source import open_source
from roformer_edge.errors import RoFormerEdgeError


def command(*arguments: object) -> dict[str, Any]:
    """Run the command line, and return how it ended and what it printed."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
        warnings.simplefilter("error")
        code = main([str(argument) for argument in arguments])
    return {"code": code, "out": out.getvalue(), "err": err.getvalue()}


def export(case: Path, out: Path, *options: str) -> dict[str, Any]:
    task = case.name.partition(",")[0]
    return command("export", case / "checkpoint", "--format", "saved-model", "--task", task, "--out", out, *options)


def answer(case: Path, name: str, run: Callable[..., dict[str, Any]]) -> None:
    """Answer every probe of a case."""
    (case / name).mkdir()
    for probe in (case / "probes").iterdir():
        found = run(**{key: ids.astype(np.int32) for key, ids in np.load(probe).items()})
        np.savez(case / name / probe.name, **{key: np.asarray(value) for key, value in found.items()})


def borders(signature: Any) -> dict[str, list[str]]:
    _, inputs = signature.structured_input_signature
    return {
        "inputs": sorted(f"{name} {spec.dtype.name} {spec.shape}" for name, spec in inputs.items()),
        "outputs": sorted(
            f"{name} {spec.dtype.name} {spec.shape}" for name, spec in signature.structured_outputs.items()
        ),
    }


def check(case: Path) -> dict[str, Any]:
    done = export(case, case / "saved_model")
    assert done["code"] == 0, done
    loaded = tf.saved_model.load(str(case / "saved_model"))
    signature = loaded.signatures["serving_default"]
    answer(case, "saved", lambda **feeds: signature(**{name: tf.constant(ids) for name, ids in feeds.items()}))
    converted = tf.lite.TFLiteConverter.from_saved_model(str(case / "saved_model")).convert()
    answer(case, "converted", tf.lite.Interpreter(model_content=converted).get_signature_runner("serving_default"))
    return {**done, **borders(signature)}


def too_long(case: Path) -> str:
    """Ask for more tokens than there are positions."""
    loaded = tf.saved_model.load(str(case / "saved_model"))
    ids = tf.ones((1, 41), tf.int32)
    try:
        loaded.signatures["serving_default"](input_ids=ids, attention_mask=ids, token_type_ids=0 * ids)
    except tf.errors.InvalidArgumentError as error:
        return type(error).__name__
    return "answered"


def misuse(case: Path, folder: Path) -> dict[str, Any]:
    """What is at the place already, and what goes wrong on the way."""
    folder.mkdir()
    there, wide = folder / "there", folder / "wide"
    found: dict[str, Any] = {"first": export(case, there)["code"], "again": export(case, there)}
    found["replaced"] = export(case, there, "--overwrite", "--json")
    (there / "notes.txt").write_text("mine", encoding="utf-8")
    found["not ours"] = export(case, there, "--overwrite")
    found["kept"] = (there / "notes.txt").read_text(encoding="utf-8")
    assert export(case, wide, "--inputs", "int64")["code"] == 0
    found["int64"] = borders(tf.saved_model.load(str(wide)).signatures["serving_default"])["inputs"]
    found["int8"] = export(case, folder / "narrow", "--inputs", "int8")
    found["other numbers"] = with_fault(case, folder / "other")
    found["full"] = without_space(case, folder / "full")
    found["left"] = sorted(path.name for path in folder.iterdir())
    return found


def with_fault(case: Path, out: Path) -> str:
    """Let the graph compute something else than the model."""
    run = saved_model._run
    saved_model._run = lambda *given: {name: array + 0.001 for name, array in run(*given).items()}
    try:
        return refusal(case, out)
    finally:
        saved_model._run = run


def without_space(case: Path, out: Path) -> str:
    """Let TensorFlow find the disk full."""
    save = tf.saved_model.save

    def fail(*given: Any, **options: Any) -> None:
        save(*given, **options)
        raise tf.errors.ResourceExhaustedError(None, None, "variables/x; No space left on device")

    tf.saved_model.save = fail
    try:
        return refusal(case, out)
    finally:
        tf.saved_model.save = save


def refusal(case: Path, out: Path) -> str:
    with open_source(case / "checkpoint", case.name) as source:
        try:
            saved_model.export_saved_model(source, out)
        except RoFormerEdgeError as error:
            return f"{type(error).__name__}: {error}"
    return "nothing was refused"


def run(folder: Path) -> dict[str, Any]:
    cases = sorted(folder.iterdir())
    report: dict[str, Any] = {case.name: check(case) for case in cases}
    case = folder / "text-classification"
    return report | {"too long": too_long(case), "misuse": misuse(case, folder / "misuse")}


if __name__ == "__main__":
    print(json.dumps(run(Path(sys.argv[1]))))
