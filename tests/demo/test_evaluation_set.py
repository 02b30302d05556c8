"""The embedded evaluation set is what it says: hand-written, complete, and not part of anybody's training data."""

from __future__ import annotations

from collections import Counter

import pytest

from roformer_edge.config import RoFormerConfig
from roformer_edge.demo.embedded import embedded_checkpoint, embedded_evaluation
from roformer_edge.validate.data.examples import read_examples
from roformer_edge.validate.tasks import measure_of

SMALLEST_SET = 300
FEWEST_PER_LABEL = 8


@pytest.fixture(scope="module")
def labels() -> tuple[str, ...]:
    with embedded_checkpoint() as checkpoint:
        return RoFormerConfig.from_pretrained(checkpoint).labels


@pytest.fixture(scope="module")
def examples(labels):
    with embedded_evaluation() as path:
        return list(read_examples(path, measure_of("text-classification", labels)))


def test_covers_every_label(examples, labels):
    counts = Counter(example.gold for example in examples)
    assert counts.keys() == set(labels)
    assert min(counts.values()) >= FEWEST_PER_LABEL


def test_is_large_and_says_nothing_twice(examples):
    texts = [example.inputs["text"] for example in examples]
    assert len(texts) == len(set(texts)) >= SMALLEST_SET


def test_texts_are_plain_speech(examples):
    for example in examples:
        text = example.inputs["text"]
        assert text == text.strip()
        assert 2 <= len(text) <= 40


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_shares_no_sentence_with_the_training_data(examples, shared_data, read_jsonl, split):
    known = {row["text"] for row in read_jsonl(shared_data / "classification" / "ha_intents_zh_cn" / f"{split}.jsonl")}
    assert not known & {example.inputs["text"] for example in examples}


def test_labels_are_those_of_the_data(labels, shared_data, read_jsonl):
    folder = shared_data / "classification" / "ha_intents_zh_cn"
    found = {row["label"] for split in ("train", "dev", "test") for row in read_jsonl(folder / f"{split}.jsonl")}
    assert found == set(labels)
