"""For every task the Java core answers a tiny model as Python does: labels, places, tokens, texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from roformer_edge import load
from roformer_edge.checkpoint.names import shapes_of
from roformer_edge.checkpoint.safetensors import write_safetensors
from roformer_edge.config import RoFormerConfig
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.tasks import TASKS, Task
from tests.android.bundles import RECIPES
from tests.android.conftest import Runner

GOLDEN = Path(__file__).parents[1] / "golden" / "vocab.txt"
# the first holds a character that is two to Java
TEXTS = ["今天天气非常好，我们一起去公园。😀把客厅的灯打开", "Hello café 北京大学", "我用Python写C++代码"]
MASKED = [f"😀今天[MASK]气[MASK]{text}" for text in TEXTS]
# task -> the lines that the runner is asked, and the same of a pipeline
Asked = tuple[list[dict[str, Any]], Callable[[Any], list[Any]]]
ASKED: dict[str, Asked] = {
    "text-classification": (
        [{"text": text, "top_k": 3} for text in TEXTS],
        lambda ask: [ask(text, 3) for text in TEXTS],
    ),
    "token-classification": (
        [{"text": text, "aggregation": way} for text in TEXTS for way in ("none", "simple", "first", "mean")],
        lambda ask: [ask(text, aggregation=way) for text in TEXTS for way in ("none", "simple", "first", "mean")],
    ),
    # the contexts are longer than the model takes
    "question-answering": (
        [{"question": TEXTS[1], "context": text * 5, "top_k": 4} for text in TEXTS],
        lambda ask: [ask((TEXTS[1], text * 5), 4) for text in TEXTS],
    ),
    "fill-mask": ([{"text": text, "top_k": 4} for text in MASKED], lambda ask: [ask(text, 4) for text in MASKED]),
    "multiple-choice": (
        [{"context": TEXTS[0], "question": asked, "choices": TEXTS, "top_k": 3} for asked in (None, "好？")],
        lambda ask: [ask((TEXTS[0], asked, TEXTS), 3) for asked in (None, "好？")],
    ),
    "text-generation": (
        [{"text": text, "max_new_tokens": 12} for text in TEXTS],
        lambda ask: [ask(text, max_new_tokens=12) for text in TEXTS],
    ),
    "feature-extraction": ([{"text": text} for text in TEXTS], lambda ask: [ask(text) for text in TEXTS]),
}


def tiny_bundle(folder: Path, task: Task, recipe: str, labels: Sequence[str] = ("O", "B-LOC", "I-LOC")) -> Path:
    vocabulary = GOLDEN.read_bytes()
    config = RoFormerConfig(
        vocab_size=vocabulary.count(b"\n"), embedding_size=32, hidden_size=32, num_hidden_layers=2,
        num_attention_heads=2, intermediate_size=48, max_position_embeddings=64, is_decoder=task.causal,
        id2label=dict(enumerate(labels)),
    )  # fmt: skip
    generator = np.random.default_rng(5)
    shapes = shapes_of(config, task.model_class)
    checkpoint = folder / "checkpoint"
    checkpoint.mkdir()
    config.save_pretrained(checkpoint)
    (checkpoint / "vocab.txt").write_bytes(vocabulary)
    arrays = {name: generator.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}
    write_safetensors(checkpoint / "model.safetensors", arrays)
    return deploy_checkpoint(checkpoint, folder / "bundle", DeployOptions(task=task.name, recipe=recipe)).bundle


def same(ours: Any, theirs: Any, text: str) -> None:
    """Compare an answer; scores may differ by rounding, and places count UTF-16 units in Java."""
    if isinstance(ours, np.ndarray):
        assert np.array_equal(ours, np.array(theirs, np.float32))
    elif isinstance(ours, list | tuple):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            same(one, other, text)
    elif hasattr(ours, "__dict__"):
        # what Python tells beyond the core's answer, such as the score of a beam, is not compared
        for name in theirs:
            value = getattr(ours, name)
            if name in ("start", "end"):
                value = len(text[:value].encode("utf-16-le")) // 2
            same(value, theirs[name], text)
    elif isinstance(ours, float):
        assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-12)
    else:
        assert ours == theirs


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("task", TASKS)
def test_answers(task: str, recipe: str, java: Runner, library: Path, tmp_path: Path):
    bundle = tiny_bundle(tmp_path, TASKS[task], recipe)
    lines, ask = ASKED[task]
    answers = java.ask("run", library, bundle, "test", lines=lines)
    for line, ours, theirs in zip(lines, ask(load(bundle, threads=1)), answers, strict=True):
        assert "error" not in theirs, theirs
        same(ours, theirs, line.get("context", line.get("text", "")))


@pytest.mark.parametrize("labels", ["B M E S", "O LOC:B LOC:I"])
def test_labels_are_read_alike(labels: str, java: Runner, library: Path, tmp_path: Path):
    bundle = tiny_bundle(tmp_path, TASKS["token-classification"], "fp32", labels.split())
    ours = load(bundle, threads=1)(TEXTS)
    assert {entity.label for entities in ours for entity in entities} == ({"_"} if "S" in labels else {"LOC"})
    answers = java.ask("run", library, bundle, "test", lines=[{"text": text} for text in TEXTS])
    for text, own, theirs in zip(TEXTS, ours, answers, strict=True):
        same(own, theirs, text)
