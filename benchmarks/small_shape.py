"""How small the small shape becomes by recipes that name bits, with all tokens and with few, and what they cost.

    python -m benchmarks.small_shape

The model is ``small_intent`` of :mod:`benchmarks.accuracy_models`: the published small shape (6 layers of 384 channels,
50,000 tokens, 30.1 M parameters), trained. The vocabulary is pruned to the training texts.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import torch

from benchmarks import record
from benchmarks.accuracy import Case, figures, open_side, read
from benchmarks.accuracy_models import MODELS, model
from benchmarks.checkpoints import DATA
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.formats import FORMATS
from roformer_edge.quantize.recipe import DYNAMIC, INT4, INT4_ROWS, ROWS, Recipe, Rule
from roformer_edge.validate.data.examples import spread_sample
from roformer_edge.validate.options import CompareOptions
from roformer_edge.validate.runner import compare_all

RESULT, NAME, EXAMPLES = "small_shape", "small_intent", 500
# what is in how many bits: the rows of the embeddings, the products, but for those that match a pattern
MIXES: dict[str, tuple[str, str, dict[str, str]]] = {
    "8-bit rows, 8-bit products (int8-dynamic)": (ROWS, DYNAMIC, {}),
    "4-bit rows, 8-bit products": (INT4_ROWS, DYNAMIC, {}),
    "4-bit rows, 8-bit products, ffn.down in 4 bits": (INT4_ROWS, DYNAMIC, {"layer.*.ffn.down": INT4}),
    "8-bit rows, 4-bit products": (ROWS, INT4, {}),
    "4-bit rows, 4-bit products (int4)": (INT4_ROWS, INT4, {}),
}


def recipe_of(mix: str) -> Recipe:
    rows, products, others = MIXES[mix]
    rules = {"embeddings.word": rows, "layer.*": products, "head.dense": products, **others}
    return Recipe(name=mix, rules=tuple(Rule(pattern=pattern, scheme=scheme) for pattern, scheme in rules.items()))


def main() -> None:
    torch.set_num_threads(1)
    data = DATA / MODELS[NAME].data
    case = Case(checkpoint=model(NAME), task="text-classification", data=data, truncate=True)
    reference = open_side(case, case.checkpoint)
    examples = spread_sample(read(case, "test", reference), EXAMPLES)
    rows: list[dict[str, Any]] = []
    for form in FORMATS:
        with tempfile.TemporaryDirectory(prefix="roformer-edge-") as name:
            keys, sides = [], []
            for mix in MIXES:
                for pruned in (False, True):
                    folder, texts = Path(name) / str(len(keys)), data / "train.jsonl"
                    keys.append({"format": form, "vocabulary": "pruned" if pruned else "whole", "recipe": mix})
                    sides.append(open_side(case, deploy(case.checkpoint, form, mix, texts, pruned, folder)))
                    print(keys[-1], flush=True)
            reports = compare_all(reference, sides, examples, CompareOptions(task=case.task, timed=0, watched=0))
            rows += [key | figures(report) for key, report in zip(keys, reports, strict=True)]
        print(record.write(RESULT, {"threads": 1}, rows), flush=True)


def deploy(source: Path, form: Any, mix: str, texts: Path, pruned: bool, folder: Path) -> Path:
    """Make a bundle by a recipe of :data:`MIXES`."""
    recipe = folder.with_name(f"{folder.name}.json")
    recipe.write_text(json.dumps(recipe_of(mix).to_dict()), "utf-8")
    options = DeployOptions(
        task="text-classification",
        format=form,
        recipe=str(recipe),
        calibration=texts,
        calibration_texts=64,
        truncation=True,
        prune_vocab=texts if pruned else None,
    )
    return deploy_checkpoint(source, folder, options).bundle


if __name__ == "__main__":
    main()
