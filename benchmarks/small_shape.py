"""How small the small shape becomes, and what that costs: recipes by scopes, with all tokens and with a few.

    python -m benchmarks.small_shape

A model of the published small shape (6 layers of 384 channels, 50,000 tokens) learns the intents of
:mod:`benchmarks.accuracy_models` from nothing, in some minutes of one processor core, and is written to
``.cache/accuracy/small_intent``; what is there already is kept. The vocabulary is pruned to the training texts. Drops
are against the float32 model with the whole vocabulary, in PyTorch, on test texts that neither saw.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from benchmarks import record
from benchmarks.accuracy import Case, figures, open_side, read
from benchmarks.accuracy_models import CACHE, MODELS, VOCABULARY, Model, train
from benchmarks.accuracy_models import read as read_rows
from benchmarks.checkpoints import DATA, SHAPES
from roformer_edge import RoFormerConfig, RoFormerForSequenceClassification
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.formats import FORMATS
from roformer_edge.quantize.recipe import INT4, INT4_ROWS, RECIPES, ROWS, Recipe, Rule
from roformer_edge.tokenizer import RoFormerTokenizer
from roformer_edge.validate.data.examples import spread_sample
from roformer_edge.validate.options import CompareOptions
from roformer_edge.validate.runner import compare_all

RESULT, CHECKPOINT = "small_shape", CACHE / "small_intent"
DATA_NAME, EPOCHS, RATE, EXAMPLES = "crosswoz_intent", 3, 4e-4, 500
# what is in how many bits: the rows of the embeddings, the products, but for those that match a pattern
MIXES: dict[str, tuple[str, str, dict[str, str]]] = {
    "8-bit rows, 8-bit products (int8-dynamic)": (ROWS, "int8-dynamic", {}),
    "4-bit rows, 8-bit products": (INT4_ROWS, "int8-dynamic", {}),
    "4-bit rows, 8-bit products, ffn.down in 4 bits": (INT4_ROWS, "int8-dynamic", {"layer.*.ffn.down": INT4}),
    "8-bit rows, 4-bit products": (ROWS, "int4", {}),
    "4-bit rows, 4-bit products (int4)": (INT4_ROWS, "int4", {}),
}


def recipe_of(mix: str) -> Recipe:
    rows, base, others = MIXES[mix]
    rules = {"embeddings.word": rows, **others}
    more = tuple(Rule(pattern=pattern, scheme=scheme) for pattern, scheme in rules.items())
    return Recipe(name=mix, rules=(*RECIPES[base].rules, *more))


def checkpoint() -> Path:
    """The trained model, made when it is not there."""
    if not CHECKPOINT.exists():
        draft = CHECKPOINT.with_name(f".{CHECKPOINT.name}")
        shutil.rmtree(draft, ignore_errors=True)
        _train(draft)
        draft.rename(CHECKPOINT)
    return CHECKPOINT


def _train(folder: Path) -> None:
    torch.manual_seed(0)
    row, shape = MODELS[DATA_NAME], SHAPES["small"]
    assert isinstance(row, Model)
    rows, tokenizer = read_rows(row.data, "train"), RoFormerTokenizer.from_pretrained(str(VOCABULARY))
    labels = row.labels(rows)
    config = RoFormerConfig(
        vocab_size=len(tokenizer),
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.inner,
        max_position_embeddings=512,
        hidden_dropout_prob=0.0,
        id2label=dict(enumerate(labels)),
    )
    network = RoFormerForSequenceClassification(config)
    data = row.arrays(tokenizer, rows, labels, replace(row, epochs=EPOCHS))
    train(network, data, batch=row.batch, rate=RATE)
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def main() -> None:
    torch.set_num_threads(1)
    data = DATA / MODELS[DATA_NAME].data
    case = Case(checkpoint=checkpoint(), task="text-classification", data=data, truncate=True)
    reference = open_side(case, case.checkpoint)
    examples = spread_sample(read(case, "test", reference), EXAMPLES)
    rows: list[dict[str, Any]] = []
    for form in FORMATS:
        with tempfile.TemporaryDirectory(prefix="roformer-edge-") as name:
            keys, sides = [], []
            for mix in MIXES:
                for pruned in (False, True):
                    keys.append({"format": form, "vocabulary": "pruned" if pruned else "whole", "recipe": mix})
                    sides.append(open_side(case, deploy(case, form, mix, pruned, Path(name) / str(len(keys)))))
                    print(keys[-1], flush=True)
            reports = compare_all(reference, sides, examples, CompareOptions(task=case.task, timed=0, watched=0))
            rows += [key | figures(report) for key, report in zip(keys, reports, strict=True)]
    print(json.dumps(rows, indent=1))
    print(record.write(RESULT, {"threads": 1}, rows))


def deploy(case: Case, form: str, mix: str, pruned: bool, folder: Path) -> Path:
    recipe, texts = folder.with_suffix(".json"), case.data / "train.jsonl"
    recipe.write_text(json.dumps(recipe_of(mix).to_dict()), "utf-8")
    options = DeployOptions(
        format=form, recipe=str(recipe), calibration=texts, truncation=True, prune_vocab=texts if pruned else None
    )
    return deploy_checkpoint(case.checkpoint, folder, options).bundle


if __name__ == "__main__":
    main()
