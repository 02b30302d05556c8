"""How small the small shape becomes, and how many answers change: recipes by scopes, with all tokens and with a few.

    python -m benchmarks.small_shape

The model has the published small shape (6 layers of 384 channels, 50,000 tokens, 30.1 M parameters) and random weights:
sizes do not depend on what was learned. Its labels are its own answers in float32, in PyTorch, to test texts of
crosswoz_intent, so that the drop is the share of answers that change. The vocabulary is pruned to the training texts.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch

from benchmarks import record
from benchmarks.accuracy import Case, figures, open_side, read
from benchmarks.accuracy_models import CACHE, VOCABULARY
from benchmarks.accuracy_models import read as read_rows
from benchmarks.checkpoints import DATA, SHAPES
from roformer_edge import RoFormerConfig, RoFormerForSequenceClassification
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.formats import FORMATS
from roformer_edge.quantize.recipe import DYNAMIC, INT4, INT4_ROWS, ROWS, Recipe, Rule
from roformer_edge.tokenizer import RoFormerTokenizer
from roformer_edge.validate.data.examples import spread_sample
from roformer_edge.validate.options import CompareOptions
from roformer_edge.validate.runner import compare_all

RESULT, CHECKPOINT = "small_shape", CACHE / "small_random"
DATA_NAME, EXAMPLES, CALIBRATION_TEXTS = "classification/crosswoz_intent", 400, 128
LABELS = tuple(f"label {number}" for number in range(8))
# of the weights: large enough for every part to matter
SPREAD = 0.06
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


def checkpoint() -> Path:
    """The model with the texts that it is measured on, made when it is not there."""
    if not CHECKPOINT.exists():
        draft = CHECKPOINT.with_name(f".{CHECKPOINT.name}")
        shutil.rmtree(draft, ignore_errors=True)
        _make(draft)
        draft.rename(CHECKPOINT)
    return CHECKPOINT


def _make(folder: Path) -> None:
    torch.manual_seed(0)
    shape, tokenizer = SHAPES["small"], RoFormerTokenizer.from_pretrained(str(VOCABULARY))
    config = RoFormerConfig(
        vocab_size=len(tokenizer),
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.inner,
        max_position_embeddings=512,
        initializer_range=SPREAD,
        id2label=dict(enumerate(LABELS)),
    )
    network = RoFormerForSequenceClassification(config).eval()
    texts = [row["text"] for row in spread_sample(read_rows(DATA_NAME, "test"), EXAMPLES)]
    with torch.inference_mode():
        logits = torch.cat([network(torch.tensor([tokenizer.encode(text)])).logits for text in texts])
        # without this one label wins whatever the text
        network.classifier.out_proj.bias -= logits.mean(0)
    answers = (logits - logits.mean(0)).argmax(-1).tolist()
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    rows = ({"text": text, "label": LABELS[answer]} for text, answer in zip(texts, answers, strict=True))
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    (folder / "test.jsonl").write_text("".join(lines), "utf-8")


def main() -> None:
    torch.set_num_threads(1)
    model = checkpoint()
    case = Case(checkpoint=model, task="text-classification", data=model, truncate=True)
    reference = open_side(case, model)
    examples = read(case, "test", reference)
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
        print(record.write(RESULT, {"threads": 1}, rows), flush=True)


def deploy(case: Case, form: str, mix: str, pruned: bool, folder: Path) -> Path:
    recipe, texts = folder.with_suffix(".json"), DATA / DATA_NAME / "train.jsonl"
    recipe.write_text(json.dumps(recipe_of(mix).to_dict()), "utf-8")
    options = DeployOptions(
        format=form,
        recipe=str(recipe),
        calibration=texts,
        calibration_texts=CALIBRATION_TEXTS,
        truncation=True,
        prune_vocab=texts if pruned else None,
    )
    return deploy_checkpoint(case.checkpoint, folder, options).bundle


if __name__ == "__main__":
    main()
