"""A checkpoint of a few kilobytes with a vocabulary of its own, and labelled data for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from roformer_edge.config import RoFormerConfig
from roformer_edge.models.torch.heads import RoFormerForSequenceClassification

WORDS = (
    *(
        "今天",
        "天气",
        "很",
        "好",
        "非常",
        "的",
        "灯",
        "打开",
        "关闭",
        "客厅",
        "卧室",
        "把",
        "请",
        "我",
        "你",
        "他",
        "不",
    ),
    *("一", "二", "三", "。", "，", "！", "？", "a", "b", "c", "##a", "##b", "空调", "窗帘"),
)
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
LABELS = ("开", "关", "问")
TEXTS = (
    "今天天气很好。",
    "请把客厅的灯打开！",
    "把卧室的窗帘关闭",
    "我不打开空调",
    "你非常好",
    "他关闭一二三",
    "abc 的灯",
    "今天，打开空调？",
)


def tiny_config(**fields: object) -> RoFormerConfig:
    """Describe a model of one layer over ``TOKENS``; ``fields`` change it."""
    settings = {
        "vocab_size": len(TOKENS),
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 48,
        "max_position_embeddings": 32,
    }
    return RoFormerConfig(**{**settings, **fields})


def crf_scores(labels: int, seed: int = 5) -> dict[str, np.ndarray]:
    """Draw the scores of a conditional random field, by their names in a checkpoint."""
    rng = np.random.default_rng(seed)
    shapes = {"start_transitions": (labels,), "end_transitions": (labels,), "transitions": (labels, labels)}
    return {f"crf.{name}": (2 * rng.standard_normal(shape)).astype(np.float32) for name, shape in shapes.items()}


def write_vocabulary(folder: Path, tokens: Sequence[str] = TOKENS, **settings: object) -> Path:
    """Put a vocabulary into a checkpoint, and ``settings`` of its tokenizer where there are any."""
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    if settings:
        named = {"tokenizer_class": "RoFormerTokenizer", **settings}
        (folder / "tokenizer_config.json").write_text(json.dumps(named), encoding="utf-8")
    return folder


def write_checkpoint(folder: Path, *, vocabulary: list[str] | None = None, seed: int = 3, **fields: object) -> Path:
    """Save random weights, config and vocabulary; ``fields`` change the config."""
    config = tiny_config(**{"num_hidden_layers": 2, "id2label": dict(enumerate(LABELS)), **fields})
    torch.manual_seed(seed)
    model = RoFormerForSequenceClassification(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    with torch.no_grad():  # without this one label wins whatever the text
        ids = torch.randint(len(WORDS), (64, 8)) % config.vocab_size
        model.classifier.out_proj.bias -= model.eval()(ids).logits.mean(0)
    model.save_pretrained(folder)
    return write_vocabulary(folder, vocabulary or TOKENS)


def write_lines(path: Path, values: list[object]) -> Path:
    """Write JSON Lines."""
    path.write_text("".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values), encoding="utf-8")
    return path


def labelled(path: Path, repeat: int = 1) -> Path:
    """Labelled data: every text with some label."""
    rows: list[object] = [{"text": text, "label": LABELS[number % 3]} for number, text in enumerate(TEXTS * repeat)]
    return write_lines(path, rows)
