"""Make data for every training example out of what this repository ships: requests to a home assistant, in Chinese.

    python examples/finetuning/shipped_data.py [--out .cache/requests] [--each 150]

The sentences are drawn from the grammar ``examples/spoken_requests.txt``; labels, rooms and devices, who said what and
which two mean the same follow from it. With it every script runs without any other data:

    python examples/finetuning/torch_text_classification.py --data .cache/requests
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "examples"))

from request_grammar import Grammar  # noqa: E402 - the folder above, which is no package

SOURCE = ROOT / "examples" / "spoken_requests.txt"
NAME = "requests"
# list of the grammar -> the kind of entity that its words are
KINDS = {"room": "ROOM", "light": "DEVICE", "fan": "DEVICE", "appliance": "DEVICE", "curtain": "DEVICE", "city": "CITY"}
PEOPLE = ("爸爸", "妈妈", "爷爷", "奶奶", "姐姐", "弟弟", "客人", "邻居")
SPLITS = {"train": 0.8, "dev": 0.1, "test": 0.1}
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description="Make data for the training examples from the shipped grammar.")
    parser.add_argument("--out", type=Path, default=ROOT / ".cache" / NAME, help="where to (default: %(default)s)")
    parser.add_argument("--each", type=int, default=150, help="sentences a label, at most (default: %(default)s)")
    args = parser.parse_args()
    for split, requests in draw_splits(args.each, random.Random(0)).items():
        rng = random.Random(f"rows of {split}")
        sets = {
            "classification": [{"text": text, "label": label} for text, label in requests],
            "token_classification": [{"text": text, "entities": entities_of(text)} for text, _ in requests],
            "qa": [*ask(requests, rng)],
            "multiple_choice": [*choose(requests, rng)],
            "text": [{"text": text} for text in paragraphs(requests, rng)],
        }
        for kind, rows in sets.items():
            path = args.out / kind / NAME / f"{split}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
            print(f"{path}: {len(rows)} rows")


def draw_splits(each: int, rng: random.Random) -> dict[str, list[tuple[str, str]]]:
    """Different sentences with their labels; no sentence is in two splits."""
    grammar, seen = Grammar.read(SOURCE), set()
    splits: dict[str, list[tuple[str, str]]] = {split: [] for split in SPLITS}
    for label in grammar.lines:
        drawn = dict.fromkeys(grammar.draw(label, rng) for _ in range(each))
        texts = [text for text in drawn if text and text not in seen]
        seen.update(texts)
        start = 0
        for split, share in SPLITS.items():
            end = start + max(1, round(share * len(texts)))
            splits[split] += [(text, label) for text in texts[start:end]]
            start = end
    for requests in splits.values():
        rng.shuffle(requests)
    return splits


def entities_of(text: str) -> list[Row]:
    """Rooms, devices and cities that a sentence names, the longest name at each place."""
    return [
        {"label": NAMES[match[0]], "start": match.start(), "end": match.end(), "text": match[0]}
        for match in re.finditer("|".join(map(re.escape, sorted(NAMES, key=len, reverse=True))), text)
    ]


def read_names() -> dict[str, str]:
    """The words of the lists above -> their kind."""
    found = {}
    for line in SOURCE.read_text("utf-8").splitlines():
        name, _, words = line.partition("=")
        if name.strip() in KINDS:
            found |= {word.strip(): KINDS[name.strip()] for word in words.split("|")}
    return found


NAMES = read_names()


def ask(requests: Sequence[tuple[str, str]], rng: random.Random) -> Iterator[Row]:
    """Several people say something; what did one of them say?"""
    for number in range(0, len(requests) - 3, 4):
        people = rng.sample(PEOPLE, 4)
        context, answers = "", {}
        for who, (text, _) in zip(people, requests[number : number + 4], strict=True):
            context += f"{who}说："
            answers[who] = {"text": text, "start": len(context)}
            context += f"{text}。"
        for who in rng.sample(people, 2):
            yield {"context": context, "question": f"{who}说了什么？", "answers": [answers[who]]}


def choose(requests: Sequence[tuple[str, str]], rng: random.Random) -> Iterator[Row]:
    """One of four sentences of one length asks for the same as the first."""
    by_label, by_length = defaultdict(list), defaultdict(list)
    for text, label in requests:
        by_label[label].append(text)
        by_length[len(text)].append((text, label))
    for text, label in requests:
        right = rng.choice(by_label[label])
        wrong = [other for other, its in by_length[len(right)] if its != label]
        if right != text and len(wrong) >= 3:
            choices = [right, *rng.sample(wrong, 3)]
            rng.shuffle(choices)
            question = "哪一句是同样的意思？"
            yield {"context": text, "question": question, "choices": choices, "label": choices.index(right)}


def paragraphs(requests: Sequence[tuple[str, str]], rng: random.Random) -> Iterator[str]:
    """Four sentences in a row, to continue or to fill."""
    texts = [text for text, _ in requests]
    for _ in range(4):
        rng.shuffle(texts)
        for number in range(0, len(texts) - 3, 4):
            yield "。".join(texts[number : number + 4]) + "。"


if __name__ == "__main__":
    main()
