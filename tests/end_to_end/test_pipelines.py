"""500 real inputs of every task: equal labels, spans and tokens, and scores within 1e-4 of transformers' pipelines."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import roformer_edge
from roformer_edge.config import RoFormerConfig
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.models.torch import heads
from roformer_edge.tasks import TASKS, get_task

pytestmark = [pytest.mark.oracle, pytest.mark.slow]

COUNT = 500
CLOSE = 1e-4
SCRIPT = Path(__file__).with_name("pipeline_answers.py")
# tasks whose answers have places: with the slow tokenizer transformers knows none
FAST = ("token-classification", "question-answering")
LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG")
Read = Callable[[Path], list[dict]]


def texts(data: Path, read: Read, folder: str, length: int, count: int) -> list[str]:
    """Beginnings of real texts, all different."""
    found = (row["text"].strip()[:length] for row in read(data / folder / "train.jsonl"))
    return list(islice(dict.fromkeys(text for text in found if len(text) > 4), count))


def masked(text: str, number: int) -> str:
    place = number % len(text)
    return f"{text[:place]}[MASK]{text[place + 1 :]}"


def inputs_of(task: str, data: Path, read: Read, count: int = COUNT) -> list[Any]:
    if task == "token-classification":
        return texts(data, read, "token_classification/uner_gsdsimp", 120, count)
    if task == "question-answering":
        rows = islice(read(data / "qa" / "cmrc2018" / "train.jsonl"), count)
        return [{"question": row["question"], "context": row["context"][:160]} for row in rows]
    if task == "multiple-choice":
        rows = islice(read(data / "multiple_choice" / "tang_next_line" / "train.jsonl"), count)
        return [{name: row[name] for name in ("context", "question", "choices")} for row in rows]
    if task == "fill-mask":
        lines = texts(data, read, "text/chinese_poetry", 40, count)
        return [masked(line, number) for number, line in enumerate(lines)]
    if task == "text-generation":
        return texts(data, read, "text/chinese_poetry", 12, count)
    return texts(data, read, "classification/chnsenticorp", 60, count)


def save_checkpoint(task: str, folder: Path, vocabulary: Path) -> None:
    """A model with random weights that are large enough for answers to differ."""
    row, tokens = get_task(task), vocabulary.read_text(encoding="utf-8")
    config = RoFormerConfig(
        vocab_size=len(tokens.removesuffix("\n").split("\n")),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=96,
        max_position_embeddings=512,
        id2label=dict(enumerate(LABELS)),
        is_decoder=row.causal,
    )
    torch.manual_seed(12)
    model = getattr(heads, row.model_class)(config)
    for name, parameter in model.named_parameters():
        torch.nn.init.normal_(parameter, mean=float("LayerNorm.weight" in name), std=0.15)
        if name == "cls.predictions.bias":  # else it says more of the answer than the text does
            torch.nn.init.zeros_(parameter)
    model.save_pretrained(folder)
    (folder / "vocab.txt").write_text(tokens, encoding="utf-8")


def check_features(found: list, wanted: list) -> None:
    for ours, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(ours, theirs[0], atol=CLOSE)


def check_masks(found: list, wanted: list) -> None:
    for ours, theirs in zip(found, wanted, strict=True):
        assert [one.token_id for one in ours] == [one["token"] for one in theirs]
        assert [one.score for one in ours] == pytest.approx([one["score"] for one in theirs], abs=CLOSE)
    assert len({tuple(one.token_id for one in answer) for answer in found}) > 100


def check_continuations(found: list, wanted: list, separator: int = 102) -> None:
    for ours, theirs in zip(found, wanted, strict=True):
        assert list(ours.ids) == (theirs[: theirs.index(separator)] if separator in theirs else theirs)
    assert len({one.ids for one in found}) > 20


def check_classes(found: list, wanted: list) -> None:
    for ours, theirs in zip(found, wanted, strict=True):
        assert [one.label for one in ours] == [one["label"] for one in theirs]
        assert [one.score for one in ours] == pytest.approx([one["score"] for one in theirs], abs=CLOSE)
    assert len({one[0].label for one in found}) > 2


def check_entities(found: list, wanted: list) -> None:
    for ours, theirs in zip(found, wanted, strict=True):
        assert [(one.label, one.start, one.end) for one in ours] == [
            (one["entity_group"], one["start"], one["end"]) for one in theirs
        ]
        assert [one.score for one in ours] == pytest.approx([one["score"] for one in theirs], abs=CLOSE)
    assert len({one.label for entities in found for one in entities}) == 3


def check_answers(found: list, wanted: list) -> None:
    for ours, theirs in zip(found, wanted, strict=True):
        assert (ours.start, ours.end, ours.text) == (theirs["start"], theirs["end"], theirs["answer"])
        assert ours.score == pytest.approx(theirs["score"], abs=CLOSE)


def check_choices(found: list, wanted: list) -> None:
    for ours, theirs in zip(found, wanted, strict=True):
        assert [one.index for one in ours] == sorted(range(len(theirs)), key=lambda index: -theirs[index])
        assert [one.score for one in ours] == pytest.approx(sorted(theirs, reverse=True), abs=CLOSE)
    assert {one[0].index for one in found} == {0, 1, 2, 3}


# task -> how ours is asked, and what must be equal
CHECKS: dict[str, tuple[dict[str, Any], Callable[[list, list], None]]] = {
    "feature-extraction": ({}, check_features),
    "fill-mask": ({"top_k": 5}, check_masks),
    "text-generation": ({"max_new_tokens": 12, "num_beams": 2}, check_continuations),
    "text-classification": ({"top_k": len(LABELS)}, check_classes),
    "token-classification": ({}, check_entities),
    "question-answering": ({"max_answer_length": 20}, check_answers),
    "multiple-choice": ({"top_k": 4}, check_choices),
}


@pytest.mark.parametrize("task", TASKS)
def test_answers_are_those_of_transformers(
    shared_data: Path, read_jsonl: Read, oracle_python: Path, tmp_path: Path, task: str
) -> None:
    inputs = inputs_of(task, shared_data, read_jsonl)
    assert len(inputs) == COUNT
    save_checkpoint(task, tmp_path / "checkpoint", shared_data / "vocab" / "roformer_chinese_base" / "vocab.txt")
    options = DeployOptions(task=task, recipe="fp32", tokenizer="fast" if task in FAST else "slow")
    bundle = deploy_checkpoint(tmp_path / "checkpoint", tmp_path / "bundle", options).bundle
    done = subprocess.run(
        [oracle_python, SCRIPT, task, tmp_path / "checkpoint"],
        input=json.dumps(inputs),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    asked, check = CHECKS[task]
    with roformer_edge.load(bundle) as pipeline:
        check(pipeline(inputs, **asked), json.loads(done.stdout))
