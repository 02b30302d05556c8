"""The checkpoint that ships with the package: small, complete, readable by everyone, and as good as its card says."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from roformer_edge.checkpoint.loading import load_architecture
from roformer_edge.config import RoFormerConfig
from roformer_edge.demo import embedded
from roformer_edge.demo.embedded import CHECKPOINT_FILES, embedded_checkpoint, embedded_evaluation
from roformer_edge.tokenizer import load_tokenizer
from roformer_edge.validate.data.examples import read_examples
from roformer_edge.validate.tasks import measure_of

LARGEST = 8_000_000
# a point below what the card states: figures of other processors may differ by a sentence or two
SLACK = 1.0


@pytest.fixture(scope="module")
def checkpoint():
    with embedded_checkpoint() as directory:
        yield directory


@pytest.fixture(scope="module")
def config(checkpoint) -> RoFormerConfig:
    return RoFormerConfig.from_pretrained(checkpoint)


def stated_accuracy(checkpoint: Path, name: str) -> float:
    """The percentage in the card's row of this name."""
    card = (checkpoint / "README.md").read_text(encoding="utf-8")
    row = re.search(rf"^\| {re.escape(name)} \| \d+ \| ([\d.]+) \|", card, re.MULTILINE)
    assert row, name
    return float(row.group(1))


def accuracy_of_torch(checkpoint: Path, rows: list[tuple[str, int]]) -> float:
    torch = pytest.importorskip("torch")
    from roformer_edge.models.torch.heads import RoFormerForSequenceClassification

    model, tokenizer = RoFormerForSequenceClassification.from_pretrained(checkpoint), load_tokenizer(checkpoint)
    right = 0
    with torch.inference_mode():
        for at in range(0, len(rows), 64):
            part = rows[at : at + 64]
            batch = tokenizer([text for text, _ in part], padding=True, return_tensors="pt")
            answers = model(**batch).logits.argmax(-1).tolist()
            right += sum(answer == label for answer, (_, label) in zip(answers, part, strict=True))
    return 100 * right / len(rows)


def test_is_small(checkpoint):
    assert {path.name for path in checkpoint.iterdir()} == set(CHECKPOINT_FILES)
    assert sum(path.stat().st_size for path in checkpoint.iterdir()) < LARGEST


def test_is_complete_and_finite(checkpoint, config):
    loaded = load_architecture(checkpoint, "RoFormerForSequenceClassification")
    assert loaded.config == config
    assert all(array.dtype == np.float32 and np.isfinite(array).all() for array in loaded.arrays.values())


def test_labels_have_names(config):
    assert config.num_labels == 25
    assert all(label.startswith("Hass") for label in config.labels)


def test_vocabulary_fits(checkpoint, config):
    lines = (checkpoint / "vocab.txt").read_text(encoding="utf-8").split("\n")
    assert lines.pop() == ""
    assert len(set(lines)) == len(lines) == config.vocab_size
    assert lines[:5] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def test_every_character_of_the_vocabulary_can_be_looked_up(checkpoint):
    tokenizer = load_tokenizer(checkpoint)
    lines = (checkpoint / "vocab.txt").read_text(encoding="utf-8").split("\n")
    assert [line for line in lines if len(line) == 1 and tokenizer.tokenize(line) != [line]] == []


def test_speech_has_hardly_an_unknown_token(checkpoint, config):
    tokenizer = load_tokenizer(checkpoint)
    with embedded_evaluation() as path:
        texts = [
            example.inputs["text"] for example in read_examples(path, measure_of("text-classification", config.labels))
        ]
    tokens = [token for text in texts for token in tokenizer.tokenize(text)]
    assert tokens.count("[UNK]") <= len(tokens) / 1000


def test_is_as_accurate_as_its_card_says(checkpoint, config):
    with embedded_evaluation() as path:
        examples = read_examples(path, measure_of("text-classification", config.labels))
        rows = [(example.inputs["text"], config.label2id[example.gold]) for example in examples]
    stated = stated_accuracy(checkpoint, "evaluation")
    assert stated >= 85
    assert abs(accuracy_of_torch(checkpoint, rows) - stated) <= SLACK


@pytest.mark.parametrize(("split", "floor"), [("dev", 95), ("test", 85)])
def test_is_as_accurate_on_the_data_as_its_card_says(checkpoint, config, shared_data, read_jsonl, split, floor):
    rows = read_jsonl(shared_data / "classification" / "ha_intents_zh_cn" / f"{split}.jsonl")
    stated = stated_accuracy(checkpoint, split)
    assert stated >= floor
    measured = accuracy_of_torch(checkpoint, [(row["text"], config.label2id[row["label"]]) for row in rows])
    assert abs(measured - stated) <= SLACK


def test_card_names_the_sources_and_their_licences(checkpoint):
    card = (checkpoint / "README.md").read_text(encoding="utf-8")
    for needed in ("github.com/home-assistant/intents", "CC BY 4.0", "Common Voice", "CC0", "Apache-2.0"):
        assert needed in card


def test_is_read_from_an_archive_too(monkeypatch, tmp_path, checkpoint):
    archive = tmp_path / "package.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for name in CHECKPOINT_FILES:
            packed.write(checkpoint / name, f"checkpoint/{name}")
    monkeypatch.setattr(embedded, "files", lambda _: zipfile.Path(archive))
    with embedded_checkpoint() as copy:
        assert copy != checkpoint
        assert json.loads((copy / "config.json").read_text()) == json.loads((checkpoint / "config.json").read_text())
        assert (copy / "model.safetensors").read_bytes() == (checkpoint / "model.safetensors").read_bytes()
    assert not copy.exists()
