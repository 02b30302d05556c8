"""What each recipe costs on trained models of every task: metric, drop, agreement, size and time.

    python -m benchmarks.accuracy [NAME ...] [--limit 1500] [--column onnx/int8-dynamic ...]

The models of :mod:`benchmarks.accuracy_models` that are there, and their variants of :mod:`benchmarks.hostile_models`
(``NAME.VARIANT``), are deployed by every recipe and compared with their float32 selves in PyTorch on test data, one
input at a time. Every model is calibrated on its training texts; ``auto`` searches on the development data for a drop
of half a point. What was measured replaces the same rows in ``results/accuracy.json``,
and docs/accuracy.md shows them. Time is that of the processor, so that other work on the machine counts little.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import Any

from benchmarks import record
from benchmarks.accuracy_models import CACHE, ENCODER, MODELS
from benchmarks.accuracy_peers import peers
from benchmarks.checkpoints import DATA
from benchmarks.hostile_arrays import VARIANTS
from benchmarks.table import ACCURACY_PAGE, ROOT, accuracy_page
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import Deployment, DeployOptions
from roformer_edge.errors import BudgetExceededError
from roformer_edge.validate.data.examples import Example, halves, read_examples, spread_sample
from roformer_edge.validate.openers import open_predictor
from roformer_edge.validate.options import CompareOptions
from roformer_edge.validate.predictors import Predictor
from roformer_edge.validate.report import Report
from roformer_edge.validate.runner import compare_all
from roformer_edge.validate.tasks import measure_of
from roformer_edge.validate.timing import time_side_by_side

RESULT = "accuracy"
MAX_DROP = 0.5
TIMED = 60
# the quantisers of the engine itself
PEER = "onnxruntime's"
# format, recipe
COLUMNS = (
    ("onnx", "fp32"),
    ("onnx", "int8-dynamic"),
    ("onnx", "int8-static"),
    ("onnx", "int4"),
    ("onnx", "auto"),
    ("tflite", "int8-dynamic"),
    ("tflite", "int8-static"),
    (PEER, "dynamic"),
    (PEER, "static"),
)
# what the hostile variants are measured with, unless columns are named
HOSTILE_COLUMNS = tuple(column for column in COLUMNS if column[1].startswith("int8") or column[0] == PEER)
# as they are named on the command line
COLUMN_NAMES = {f"{form.removesuffix(chr(39) + 's')}/{recipe}": (form, recipe) for form, recipe in COLUMNS}
Column = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One model with the data that it is measured on.

    Attributes:
        checkpoint: Its folder.
        task: Of the product.
        data: Folder of ``train.jsonl``, ``dev.jsonl`` and ``test.jsonl``.
        truncate: Whether longer texts are cut.
    """

    checkpoint: Path
    task: str
    data: Path
    truncate: bool


# the encoder is a model of its own for two tasks: name -> (checkpoint, task, data)
ENCODER_CASES = {
    "encoder_mlm": (ENCODER, "fill-mask", "text/chinese_poetry"),
    "encoder_features": (ENCODER, "feature-extraction", "text/common_voice_zh-CN"),
}


def main() -> None:
    args = parse_args()
    cases = {name: case for name, case in all_cases() if case.checkpoint.is_dir()}
    for name in args.names or cases:
        if name not in cases:
            raise SystemExit(f"{name} is not there; there are {', '.join(cases)}")
        columns = [COLUMN_NAMES[column] for column in args.column or ()] or default_columns(name, cases[name].task)
        rows = measure(name, cases[name], columns, args.limit)
        path = write(rows)
        print(path, flush=True)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What each recipe costs on trained models of every task.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="models (default: all that are there)")
    parser.add_argument("--column", action="append", choices=COLUMN_NAMES, help="measure this one (default: all)")
    parser.add_argument("--limit", type=int, default=1500, help="test examples at most (default: 1500)")
    return parser.parse_args()


def all_cases() -> Iterator[tuple[str, Case]]:
    """All that could be measured, by name: the models, the encoder itself, and the hostile variants."""
    trained = {name: (name, row.task, row.data) for name, row in MODELS.items()}
    for name, (folder, task, data) in (ENCODER_CASES | trained).items():
        cuts = task != "question-answering"  # which reads long texts in windows
        for ending in ("", *(f".{variant}" for variant in VARIANTS)):
            checkpoint = CACHE / f"{folder}{ending}"
            yield f"{name}{ending}", Case(checkpoint=checkpoint, task=task, data=DATA / data, truncate=cuts)


def default_columns(name: str, task: str) -> Sequence[Column]:
    hostile = name.endswith(tuple(f".{variant}" for variant in VARIANTS))
    # the quantisers of the engine run our graph to calibrate, and know nothing of its cache of keys and values
    others = task != "text-generation"
    return [column for column in (HOSTILE_COLUMNS if hostile else COLUMNS) if others or column[0] != PEER]


def measure(name: str, case: Case, columns: Sequence[Column], limit: int) -> list[dict[str, Any]]:
    """Deploy a model by every recipe and compare all with the reference: one row each."""
    with tempfile.TemporaryDirectory(prefix="roformer-edge-") as folder:
        made: dict[Column, Deployment | str] = {}
        for form, recipe in columns:
            if form != PEER:
                made[form, recipe] = deploy(case, form, recipe, Path(folder) / f"{form}-{recipe}")
                print(f"{name}, {form}, {recipe}: made", flush=True)
        bundles = {column: one for column, one in made.items() if isinstance(one, Deployment)}
        sides = {column: open_side(case, one.bundle) for column, one in bundles.items()}
        if kinds := [kind for form, kind in columns if form == PEER]:
            others = peers(case.checkpoint, options_of(case, "onnx", "int8-static"), Path(folder), kinds)
            sides |= {(PEER, kind): side for kind, side in others.items()}
            print(f"{name}, {PEER}: made", flush=True)
        reference = open_side(case, case.checkpoint)
        examples = spread_sample(read(case, "test", reference), limit)
        options = CompareOptions(task=case.task, timed=0, watched=0)
        reports = compare_all(reference, list(sides.values()), examples, options)
        found = dict(zip(sides, reports, strict=True))
        milliseconds = dict(zip(sides, cpu_times(case, [reference, *sides.values()], examples), strict=True))
        rows = []
        for column in dict.fromkeys([*made, *sides]):
            row, one = {"name": name, "task": case.task, "format": column[0], "recipe": column[1]}, made.get(column)
            if isinstance(one, str):
                row["refused"] = one
            else:
                row |= figures(found[column]) | {"cpu_ms": round(milliseconds[column], 3)}
            if isinstance(one, Deployment):
                row |= searched(case, one, sides[column], reference)
            rows.append(row)
            print(json.dumps(row, ensure_ascii=False), flush=True)
        return rows


def deploy(case: Case, form: str, recipe: str, out: Path) -> Deployment | str:
    """Make a bundle, or tell why no model keeps the budget."""
    try:
        return deploy_checkpoint(case.checkpoint, out, options_of(case, form, recipe))
    except BudgetExceededError as error:
        return str(error)


def options_of(case: Case, form: str, recipe: str) -> DeployOptions:
    search = {"evaluation": case.data / "dev.jsonl", "max_drop": MAX_DROP} if recipe == "auto" else {}
    calibration = None if recipe == "fp32" else case.data / "train.jsonl"
    truncation = case.truncate and recipe != "fp32"
    return DeployOptions(
        task=case.task, format=form, recipe=recipe, calibration=calibration, truncation=truncation, **search
    )


def open_side(case: Case, path: Path) -> Predictor:
    return open_predictor(path, task=case.task, truncate=case.truncate)


def read(case: Case, split: str, side: Predictor) -> list[Example]:
    measure = measure_of(case.task, side.labels, side.problem_type)
    return list(read_examples(case.data / f"{split}.jsonl", measure))


def cpu_times(case: Case, sides: Sequence[Predictor], examples: Sequence[Example]) -> list[float]:
    """Time all sides but the first: the median over some inputs, in milliseconds of processor time."""
    inputs = spread_sample([example.inputs for example in examples], TIMED)
    options = CompareOptions(task=case.task)
    timings = time_side_by_side(sides, inputs, options, lambda _: None, clock=process_time)
    return [timing.candidate.p50 for timing in timings]


def figures(report: Report) -> dict[str, Any]:
    figure, agreement = report.gated, report.agreement
    model_bytes = report.candidate.facts.model_bytes
    assert model_bytes is not None  # a bundle's
    return {
        "examples": report.data.examples,
        "metric": figure.name,
        "reference": round(figure.reference, 6),
        "value": round(figure.candidate, 6),
        "drop": round(figure.drop, 4),
        "drop_low": round(figure.drop_interval.low, 4),
        "drop_high": round(figure.drop_interval.high, 4),
        "agreement": round(100 * agreement.share, 3),
        "model_mb": round(model_bytes / 1e6, 3),
    }


def searched(case: Case, made: Deployment, side: Predictor, reference: Predictor) -> dict[str, Any]:
    """What a search chose, with the drop that it stated, which another comparison on the same half must find again."""
    if made.searched is None or made.searched.found.chosen is None or made.report is None:
        return {}
    _, held_out = halves(read(case, "dev", reference))
    options = CompareOptions(task=case.task, timed=0, watched=0)
    again = compare_all(reference, [side], held_out, options)[0].gated.drop
    if abs(again - made.report.gated.drop) > 1e-9:
        raise SystemExit(f"the search stated a drop of {made.report.gated.drop}, and {again} was found afterwards")
    chosen = made.searched.found.chosen
    return {
        "chosen": chosen.recipe,
        "exceptions": dict(chosen.exceptions),
        "trials": len(made.searched.found.steps),
        "stated_drop": round(made.report.gated.drop, 4),
    }


def write(rows: list[dict[str, Any]]) -> Path:
    """Replace the same rows among all results, and show them in the documentation."""
    path = record.RESULTS / f"{RESULT}.json"
    result = json.loads(path.read_text("utf-8")) if path.exists() else {"rows": []}
    # the times of a model are those of one processor, and of another model perhaps another's
    before = [{"processor": result["machine"]["processor"], **row} for row in result["rows"]]
    anew = [{**row, "processor": record.processor()} for row in rows]
    names = [known for known, _ in all_cases()]

    def place(row: dict[str, Any]) -> tuple[int, int]:
        return names.index(row["name"]), COLUMNS.index((row["format"], row["recipe"]))

    merged = sorted({place(row): row for row in (*before, *anew)}.values(), key=place)
    settings = {"max_drop_of_auto": MAX_DROP, "threads": 1, "timed": TIMED}
    path = record.write(RESULT, settings, merged)
    accuracy_page(json.loads(path.read_text("utf-8")), ROOT / ACCURACY_PAGE)
    return path


if __name__ == "__main__":
    main()
