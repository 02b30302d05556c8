"""A checkpoint of a few kilobytes with a vocabulary of its own, and labelled data for it."""

from __future__ import annotations

import json
from pathlib import Path

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


def write_checkpoint(folder: Path, *, vocabulary: list[str] | None = None, seed: int = 3, **fields: object) -> Path:
    """Save random weights, config and vocabulary; ``fields`` change the config."""
    settings = {
        "vocab_size": len(TOKENS),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 48,
        "max_position_embeddings": 32,
        "id2label": dict(enumerate(LABELS)),
        **fields,
    }
    torch.manual_seed(seed)
    model = RoFormerForSequenceClassification(RoFormerConfig(**settings))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    with torch.no_grad():  # without this one label wins whatever the text
        ids = torch.randint(len(WORDS), (64, 8)) % settings["vocab_size"]
        model.classifier.out_proj.bias -= model.eval()(ids).logits.mean(0)
    model.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(vocabulary or TOKENS) + "\n", encoding="utf-8")
    return folder


def write_lines(path: Path, values: list[object]) -> Path:
    """Write JSON Lines."""
    path.write_text("".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values), encoding="utf-8")
    return path


def labelled(path: Path, repeat: int = 1) -> Path:
    """Labelled data: every text with some label."""
    rows: list[object] = [{"text": text, "label": LABELS[number % 3]} for number, text in enumerate(TEXTS * repeat)]
    return write_lines(path, rows)
