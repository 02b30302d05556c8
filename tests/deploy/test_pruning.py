"""A pruned vocabulary: equal answers to the texts that it was pruned to, whatever the task and the source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import roformer_edge
from roformer_edge.bundle.reader import open_bundle
from roformer_edge.checkpoint.safetensors import open_safetensors
from roformer_edge.cli.main import main
from roformer_edge.config import RoFormerConfig
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.errors import ComparisonError, DatasetError, OptionError
from roformer_edge.models.torch import heads
from roformer_edge.runtime.inference import padded_feeds
from roformer_edge.tasks import TASKS, Task, get_task, input_rows
from tests.tiny_checkpoint import LABELS, TEXTS, TOKENS, labelled, write_checkpoint, write_lines

INPUTS: dict[str, list[dict[str, Any]]] = {
    "text-classification": [{"text": TEXTS[1]}, {"text": TEXTS[6], "text_pair": TEXTS[5]}],
    "question-answering": [{"question": TEXTS[4], "context": TEXTS[0]}],
    "multiple-choice": [{"context": TEXTS[1], "choices": [TEXTS[4], TEXTS[5]]}],
    "fill-mask": [{"text": "今天[MASK]很好。"}, {"text": TEXTS[1]}],
}
UNUSED = ("窗帘", "空调")


def write(folder: Path, task: Task, **fields: object) -> Path:
    torch.manual_seed(1)
    config = RoFormerConfig(
        vocab_size=len(TOKENS) + 3,  # rows that no text uses
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=32,
        is_decoder=task.causal,
        **{"id2label": dict(enumerate(LABELS)), **fields},
    )
    model = getattr(heads, task.model_class)(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(TOKENS) + "\n", encoding="utf-8")
    return folder


def vocabulary_of(bundle: Path) -> list[str]:
    return (bundle / "vocab.txt").read_text("utf-8").splitlines()


def outputs(bundle: Path, task: Task, inputs: list[dict[str, Any]]) -> list[dict[str, np.ndarray]]:
    with roformer_edge.load(bundle, self_test=True) as pipeline:
        model = pipeline.model
        rows = [model.tokenizer.encode_text(*row) for values in inputs for row in input_rows(task, values)]
        return [
            model.run([row], 1)[0] if not task.masked and not task.causal else whole(model.session, row) for row in rows
        ]


def whole(session: Any, row: Any) -> dict[str, np.ndarray]:
    """The logits of every position over the whole vocabulary."""
    feeds = dict(padded_feeds([row], pad_id=0, pad_left=False))
    length = feeds["input_ids"].shape[1]
    feeds |= {"positions": np.arange(length)[None], "position_ids": np.arange(length)[None]}
    for spec in session.signatures["default"].inputs:
        if spec.name not in feeds:  # keys and values of what came before: nothing
            sizes = [int(axis) if axis.isdecimal() else 1 for axis in spec.axes]
            sizes[2] = 0
            feeds[spec.name] = np.zeros(sizes, np.float32)
    return {"logits": session.run(feeds)["logits"][0]}


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("name", TASKS)
def test_texts_of_the_corpus_have_the_same_logits_bit_for_bit(tmp_path: Path, name: str, tied: bool) -> None:
    task = get_task(name)
    inputs = INPUTS.get(name, [{"text": TEXTS[1]}, {"text": TEXTS[6]}])
    corpus = write_lines(tmp_path / "corpus.jsonl", inputs)
    checkpoint = write(tmp_path / "checkpoint", task, tie_word_embeddings=tied)
    before = deploy_checkpoint(checkpoint, tmp_path / "before", DeployOptions(task=name, recipe="fp32")).bundle
    made = deploy_checkpoint(
        checkpoint, tmp_path / "after", DeployOptions(task=name, recipe="fp32", prune_vocab=corpus)
    )
    tokens = vocabulary_of(made.bundle)
    assert not set(UNUSED) & set(tokens)
    assert set(tokens) > {token for token in TOKENS if len(token) == 1}
    assert made.manifest.parity.checked
    ids = [TOKENS.index(token) for token in tokens]
    for one, other in zip(outputs(before, task, inputs), outputs(made.bundle, task, inputs), strict=True):
        for output, values in one.items():
            wanted = values[..., ids] if "vocabulary" in str(task.outputs) else values
            np.testing.assert_array_equal(other[output], wanted)


def test_the_manifest_and_the_files_say_what_was_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    task = get_task("fill-mask")
    checkpoint = write(tmp_path / "checkpoint", task, pad_token_id=0, tie_word_embeddings=False)
    settings = json.loads((checkpoint / "config.json").read_text())
    settings |= {"eos_token_id": [TOKENS.index("窗帘"), 3], "bos_token_id": 2, "sep_token_id": -1}
    (checkpoint / "config.json").write_text(json.dumps(settings | {"bad_words_ids": [[9]]}))
    corpus = write_lines(tmp_path / "corpus.jsonl", [{"word": TEXTS[1]}, {"word": TEXTS[6]}])
    out = tmp_path / "bundle"
    command = ["export", str(checkpoint), "--out", str(out), "--prune-vocab", str(corpus), "--fields", "text=word"]
    assert main(command) == 0
    tokens = vocabulary_of(out)
    assert "窗帘" in tokens  # the config names it
    assert "空调" not in tokens
    note = f"note: the vocabulary was pruned to {len(tokens)} of {len(TOKENS) + 3} tokens: those that corpus.jsonl"
    assert note in capsys.readouterr().err
    config = json.loads((out / "config.json").read_text())
    assert config["vocab_size"] == len(tokens)
    assert config["eos_token_id"] == [tokens.index("窗帘"), 3]
    assert (config["bos_token_id"], config["sep_token_id"], config["pad_token_id"]) == (2, -1, 0)
    assert "bad_words_ids" not in config
    rows = [TOKENS.index(token) for token in tokens]
    with open_bundle(out) as bundle:
        assert any("2 texts or pairs, SHA-256 " in note for note in bundle.manifest.notes)
        places = bundle.file_path("weights"), checkpoint / "model.safetensors"
        kept, whole = map(open_safetensors, places)
        for name in ("roformer.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"):
            np.testing.assert_array_equal(kept.read(name), whole.read(name)[rows])
        np.testing.assert_array_equal(kept.read("cls.predictions.bias"), whole.read("cls.predictions.bias")[rows])
        kept.close()
        whole.close()
    # and the pruned bundle is a source like any other, which can be pruned again
    smaller = write_lines(tmp_path / "smaller.jsonl", [{"text": "你[MASK]"}])
    again = deploy_checkpoint(out, tmp_path / "again", DeployOptions(recipe="int8-dynamic", prune_vocab=smaller))
    assert set(vocabulary_of(again.bundle)) < set(tokens)
    assert sum("the vocabulary was pruned" in note for note in again.manifest.notes) == 2


def test_what_other_texts_lose_is_measured_against_all_tokens(tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path / "checkpoint")
    data = labelled(tmp_path / "data.jsonl")
    figures = {}
    for name, texts in (("all", TEXTS), ("few", TEXTS[4:5])):
        corpus = write_lines(tmp_path / f"{name}.jsonl", [{"text": text} for text in texts])
        options = DeployOptions(recipe="fp32", prune_vocab=corpus, evaluation=data)
        made = deploy_checkpoint(checkpoint, tmp_path / name, options)
        figures[name] = made.report.agreement.share, made.report.detail.distance.worst, made.manifest.measured.reference
    assert figures["all"][0] == 1
    assert figures["all"][1] < 1e-5 < 1e-2 < figures["few"][1]
    assert figures["all"][2] == figures["few"][2]


@pytest.mark.parametrize("name", ["fill-mask", "text-generation", "token-classification", "question-answering"])
def test_texts_that_are_cut_otherwise_are_measured_unless_tokens_are_compared(tmp_path: Path, name: str) -> None:
    task = get_task(name)
    data = {
        "token-classification": [{"text": text, "entities": []} for text in TEXTS],
        "question-answering": [{"context": text, "question": "你好", "answers": [text[:2]]} for text in TEXTS],
    }.get(name, [{"text": text} for text in TEXTS])
    keys = dict.fromkeys(task.fields, TEXTS[4])
    options = DeployOptions(
        task=name,
        recipe="fp32",
        prune_vocab=write_lines(tmp_path / "corpus.jsonl", [keys]),
        evaluation=write_lines(tmp_path / "data.jsonl", data),
    )
    fields = {"id2label": {0: "O", 1: "B-灯", 2: "I-灯"}} if name == "token-classification" else {}
    checkpoint = write(tmp_path / "checkpoint", task, **fields)
    if task.masked or task.causal:
        with pytest.raises(ComparisonError, match=r"cut example . into different tokens"):
            deploy_checkpoint(checkpoint, tmp_path / "bundle", options)
        assert not (tmp_path / "bundle").exists()
        return
    made = deploy_checkpoint(checkpoint, tmp_path / "bundle", options)
    assert made.report.data.examples == len(TEXTS)


def test_a_corpus_that_holds_nothing_is_refused(tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path / "checkpoint")
    corpus = write_lines(tmp_path / "corpus.jsonl", [])
    with pytest.raises(DatasetError, match=r"corpus\.jsonl"):
        deploy_checkpoint(checkpoint, tmp_path / "bundle", DeployOptions(prune_vocab=corpus))
    write_lines(corpus, [{"text": "好"}, {"texts": "好"}])
    with pytest.raises(DatasetError, match=r"corpus\.jsonl:2: "):
        deploy_checkpoint(checkpoint, tmp_path / "bundle", DeployOptions(prune_vocab=corpus))
    assert not (tmp_path / "bundle").exists()
    with pytest.raises(OptionError, match="truncation must be left out without data"):
        DeployOptions(prune_vocab=corpus, truncation=True)
