"""The two shapes that are measured, and checkpoints of them with random weights, made with plain transformers.

    python -m benchmarks.checkpoints [small] [base]

Speed, memory and size do not depend on what a model has learned. The vocabulary is the one of the published Chinese
checkpoints where ``../shared/data`` has it, else one of the same size that is made up.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from benchmarks.process import ROOT, run

CACHE = ROOT / ".cache" / "bench"
DATA = Path(os.environ.get("ROFORMER_EDGE_DATA", ROOT.parent / "shared" / "data"))
VOCAB_SIZE = 50_000
SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The numbers that decide what a model costs."""

    layers: int
    hidden: int
    heads: int
    inner: int


# those of the published chinese_small and chinese_base
SHAPES = {
    "small": Shape(layers=6, hidden=384, heads=6, inner=1536),
    "base": Shape(layers=12, hidden=768, heads=12, inner=3072),
}


def main() -> None:
    for name in sys.argv[1:] or SHAPES:
        print(_make(name))


def checkpoint(name: str) -> Path:
    """The directory of a classifier of this shape, made when it is not there."""
    folder = CACHE / "checkpoints" / name
    if not folder.exists():
        # not in this process, which may be one that measures others and has to stay small
        run([sys.executable, "-m", "benchmarks.checkpoints", name])
    return folder


def texts() -> Path:
    """JSON Lines of 256 texts of 4 to 120 words of the vocabulary, the same on every machine."""
    path = CACHE / "texts.jsonl"
    if not path.exists():
        words = [token for token in _vocabulary() if token[0] not in "[#"]
        draw = random.Random(0)
        lines = ("".join(draw.choices(words, k=draw.randint(4, 120))) for _ in range(256))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps({"text": line}, ensure_ascii=False) + "\n" for line in lines), "utf-8")
    return path


def _make(name: str) -> Path:
    from transformers import RoFormerConfig, RoFormerForSequenceClassification, RoFormerTokenizerFast, set_seed

    shape = SHAPES[name]
    folder = CACHE / "checkpoints" / name
    set_seed(0)
    config = RoFormerConfig(
        vocab_size=VOCAB_SIZE,
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.inner,
        max_position_embeddings=512,
        id2label={0: "negative", 1: "positive"},
        label2id={"negative": 0, "positive": 1},
    )
    draft = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    (draft / "vocab.txt").write_text("".join(f"{token}\n" for token in _vocabulary()), "utf-8")
    RoFormerTokenizerFast(vocab_file=str(draft / "vocab.txt"), model_max_length=512).save_pretrained(draft)
    RoFormerForSequenceClassification(config).save_pretrained(draft)
    shutil.rmtree(folder, ignore_errors=True)
    return draft.rename(folder)


def _vocabulary() -> list[str]:
    real = DATA / "vocab" / "roformer_chinese_base" / "vocab.txt"
    if real.exists():
        return real.read_text("utf-8").removesuffix("\n").split("\n")
    han = [chr(point) for point in range(0x4E00, 0xA000)]
    words = (first + second for first in han[:200] for second in han[200:400])
    return list(islice(chain(SPECIAL_TOKENS, han, words), VOCAB_SIZE))


if __name__ == "__main__":
    main()
