"""Fine-tune a small RoFormer classifier with plain transformers, as a user would, and save it with save_pretrained.

The tests run this file with the oracle's interpreter: what it leaves behind is a checkpoint that nobody of this
package has touched. It trains on the processor, from random weights, in about two minutes of two cores:

    .venv-oracle/bin/python tests/end_to_end/finetune_with_transformers.py DATASET --vocab VOCABULARY --out DIRECTORY

DATASET holds train.jsonl and dev.jsonl with lines {"text", "label"}; VOCABULARY is a directory that AutoTokenizer
reads. The last line printed is one JSON object with the accuracies. With ``--outliers`` the weights are rescaled
afterwards so that the model computes the same function but a few channels are much larger than the others, as they
are in large pretrained models: that is what makes 8-bit activations hard.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch
from transformers import (
    AutoTokenizer,
    DataCollatorWithPadding,
    PreTrainedTokenizerBase,
    RoFormerConfig,
    RoFormerForSequenceClassification,
    get_linear_schedule_with_warmup,
    set_seed,
)

Example = dict[str, list[int] | int]


def main() -> None:
    args = parse_args()
    set_seed(args.seed)
    torch.set_num_threads(args.threads)
    tokenizer = AutoTokenizer.from_pretrained(args.vocab, model_max_length=512)
    labels = sorted({line["label"] for line in read(args.dataset / "train.jsonl")})
    train = encode(tokenizer, read(args.dataset / "train.jsonl"), labels, args.max_tokens)
    dev = encode(tokenizer, read(args.dataset / "dev.jsonl"), labels, tokenizer.model_max_length)
    collate = DataCollatorWithPadding(tokenizer)
    started = time.perf_counter()
    if args.trained:
        model = RoFormerForSequenceClassification.from_pretrained(args.trained)
    else:
        model = RoFormerForSequenceClassification(make_config(args, tokenizer, labels))
        fit(model, train, collate, args)
    report = {"dataset": args.dataset.name, "labels": len(labels), "seconds": round(time.perf_counter() - started, 1)}
    report["dev_accuracy"] = accuracy(model, dev, collate)
    if args.outliers:
        grow_outliers(model, args.outliers)
        report["dev_accuracy_with_outliers"] = accuracy(model, dev, collate)
    model.save_pretrained(args.out)
    tokenizer.save_pretrained(args.out)
    print(json.dumps(report))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Fine-tune a small RoFormer classifier with plain transformers.")
    parser.add_argument("dataset", type=Path, help="directory with train.jsonl and dev.jsonl")
    parser.add_argument("--vocab", type=Path, required=True, help="directory of the tokenizer")
    parser.add_argument("--out", type=Path, required=True, help="where the checkpoint goes")
    parser.add_argument(
        "--trained", type=Path, metavar="DIR", help="what an earlier run left behind, in place of training"
    )
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--dropout", type=float, default=0.2)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--hidden-size", type=int, default=128)
    parser.add_argument("--embedding-size", type=int, default=128)
    parser.add_argument("--max-tokens", type=int, default=128, help="training texts are cut here; evaluation at 512")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--outliers", type=float, default=0, metavar="FACTOR", help="grow outlier channels by a power of two"
    )
    return parser.parse_args()


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def encode(tokenizer: PreTrainedTokenizerBase, lines: list[dict], labels: list[str], max_tokens: int) -> list[Example]:
    encoded = tokenizer([line["text"] for line in lines], truncation=True, max_length=max_tokens)
    return [
        {"input_ids": ids, "attention_mask": [1] * len(ids), "labels": labels.index(line["label"])}
        for ids, line in zip(encoded["input_ids"], lines, strict=True)
    ]


def make_config(args: argparse.Namespace, tokenizer: PreTrainedTokenizerBase, labels: list[str]) -> RoFormerConfig:
    return RoFormerConfig(
        vocab_size=len(tokenizer),
        embedding_size=args.embedding_size,
        hidden_size=args.hidden_size,
        num_hidden_layers=args.layers,
        num_attention_heads=args.hidden_size // 32,
        intermediate_size=4 * args.hidden_size,
        hidden_dropout_prob=args.dropout,
        attention_probs_dropout_prob=args.dropout,
        max_position_embeddings=512,
        id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)},
    )


def length_grouped(examples: list[Example], batch_size: int) -> Iterator[list[Example]]:
    """Epoch after epoch, shuffled batches whose texts are of about equal length, so that little is padded."""
    pool = 50 * batch_size
    while True:
        shuffled = random.sample(examples, len(examples))
        batches = []
        for start in range(0, len(shuffled), pool):
            block = sorted(shuffled[start : start + pool], key=lambda example: len(example["input_ids"]))
            batches += [block[at : at + batch_size] for at in range(0, len(block), batch_size)]
        random.shuffle(batches)
        yield from batches


def fit(
    model: RoFormerForSequenceClassification,
    train: list[Example],
    collate: DataCollatorWithPadding,
    args: argparse.Namespace,
) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.learning_rate, weight_decay=0.01, fused=True)
    schedule = get_linear_schedule_with_warmup(optimizer, args.steps // 10, args.steps)
    model.train()
    total = 0.0
    for step, batch in enumerate(islice(length_grouped(train, args.batch_size), args.steps), start=1):
        loss = model(**collate(batch)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        total += loss.item()
        if step % 100 == 0:
            print(f"step {step}/{args.steps}: training loss {total / 100:.4f}", flush=True)
            total = 0.0


@torch.no_grad()
def grow_outliers(model: RoFormerForSequenceClassification, factor: float) -> None:
    """Rescale a few channels of query, key and value, and what reads them, by powers of two: the function stays.

    Query and key meet in a product, so one takes the factor and the other its inverse; rotation mixes channels
    2i and 2i + 1, which therefore share it. Value meets the columns of the output product.
    """
    if math.frexp(factor)[0] != 0.5:
        raise SystemExit(f"--outliers must be a power of two, so that no rounding changes the function: {factor}")
    head = model.config.hidden_size // model.config.num_attention_heads
    for index, layer in enumerate(model.roformer.encoder.layer):
        attention = layer.attention.self
        start = index % model.config.num_attention_heads * head
        pair = slice(start, start + 2)
        for linear, scale in ((attention.query, factor), (attention.key, 1 / factor), (attention.value, factor)):
            linear.weight[pair] *= scale
            linear.bias[pair] *= scale
        layer.attention.output.dense.weight[:, pair] /= factor


@torch.inference_mode()
def accuracy(model: RoFormerForSequenceClassification, dev: list[Example], collate: DataCollatorWithPadding) -> float:
    """In percent."""
    model.eval()
    right = 0
    by_length = sorted(dev, key=lambda example: len(example["input_ids"]))
    for start in range(0, len(by_length), 32):
        batch = collate(by_length[start : start + 32])
        right += int((model(**batch).logits.argmax(-1) == batch["labels"]).sum())
    return round(100 * right / len(dev), 2)


if __name__ == "__main__":
    main()
