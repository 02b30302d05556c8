"""Labels, keys, names, paths and texts are data: they move no cursor, turn no line around and make no page live."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import roformer_edge
from roformer_edge.bundle.card import model_card
from roformer_edge.bundle.manifest import CalibrationRecord, ParityRecord, RecipeReference
from roformer_edge.checkpoint.safetensors import write_safetensors
from roformer_edge.cli.main import main
from tests.tiny_bundle import manifest
from tests.tiny_runtime import config, write_runnable

# controls but the end of a line, their relatives of eight bits, and what changes the direction of a line
RAW = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
EVIL = "a\x1b[2J\x9b31m\u202eb\r\x85\u2028x\nroformer-edge: warning: all is well"
# in a table and out of it, in code and out of it
MARKUP = (
    "<img src=x onerror=alert(1)>",
    "``<script>alert(1)</script>",
    "`a` ``b`` ```c``` <b>",
    "x\n\n<iframe src=//evil>\n\n| a |",
    "](javascript:alert(1)) [x](javascript:alert(1))",
    "&lt;b&gt;<!--",
    "\u202e<b>",
)


class Tags(HTMLParser):
    """Collects the tags of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.found.append(tag)

    def handle_comment(self, data: str) -> None:
        self.found.append("comment")


def live_parts(card: str) -> list[str]:
    """Tags and links of a Markdown page that are in no code, by its own rules for what code is."""
    outside = re.sub(r"(?ms)^```\w*\n.*?^```$", "", card)
    outside = re.sub(r"(?<!`)(`+)(?!`)(?:(?!\n\n).)*?(?<!`)\1(?!`)", "", outside, flags=re.DOTALL)
    tags = Tags()
    tags.feed(outside)
    return [*tags.found, *re.findall(r"(?<!\\)\]\(", outside)]


@pytest.mark.parametrize("text", [*MARKUP, EVIL])
def test_a_model_card_is_dead_whatever_it_is_told(text):
    told = manifest(
        labels=(text, "b"),
        notes=(text,),
        recipe=RecipeReference(name=text, sha256="0" * 64),
        session={text: text},
        calibration=CalibrationRecord(texts=3, sha256="0" * 64, observer=text),
        parity=ParityRecord(checked=False, reason=text),
    )
    compared = ParityRecord(
        checked=True, reference=text, tolerance=1.0, worst_tensor=text, absolute_difference=0.1, relative_difference=0.1
    )
    for card in (model_card(told, text), model_card(told.replace(parity=compared), text)):
        assert live_parts(card) == []
        assert not RAW.search(card)
        assert "\nroformer-edge: warning" not in card
    assert live_parts("a ` <b> [x](y)") == ["b", "]("]


@pytest.fixture
def said(capsys):
    """What a command printed: harmless, and every line of standard error with its beginning."""

    def run(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert not RAW.search(out)
        assert not RAW.search(err)
        assert all(re.match("roformer-edge: error: |note: |warning: |skipped: ", line) for line in err.splitlines())
        assert "\nroformer-edge: warning" not in out + err
        return code, out, err

    return run


def test_paths_of_the_command_line(said, tmp_path):
    place = tmp_path / EVIL.replace("/", "")
    for arguments in (
        ("bundle", "show", place),
        ("run", place, "今天"),
        ("validate", place, "--reference", place, "--data", place),
        ("deploy", place, "--out", place),
        ("tokenize", place, "今天"),
        ("bench", place),
    ):
        code, _, err = said(*arguments)
        assert code == 1
        assert err.startswith("roformer-edge: error: ")


def strings_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings_in(item)


def test_labels_of_a_bundle_on_standard_output(said, tmp_path):
    from roformer_edge.bundle.writer import BundleWriter
    from roformer_edge.tokenizer import WORDS_PATH, RoFormerTokenizer, Vocabulary
    from roformer_edge.tokenizer.unicode_tables import UNICODE_PATH
    from tests.tiny_runtime import graph, vocabulary

    labels = (EVIL, "\u2066b", "c\x9b", "d\x7f")
    settings = {**RoFormerTokenizer(Vocabulary(vocabulary())).to_settings(), "model_max_length": 64}
    with BundleWriter(tmp_path / "intent") as writer:
        writer.add_bytes("model.onnx", "model", graph())
        writer.add_bytes("vocab.txt", "vocabulary", vocabulary())
        writer.add_file("words.bin", "words", WORDS_PATH)
        writer.add_file("unicode.bin", "unicode", UNICODE_PATH)
        own = config(id2label=dict(enumerate(labels)))
        writer.add_bytes("config.json", "config", own.to_json().encode())
        bundle = writer.finish(manifest(labels=labels, max_length=64, tokenizer=settings))
    code, out, _ = said("run", bundle, "今天天气", "--top-k", "4")
    assert code == 0
    # what a program reads is the label itself
    assert set(labels) <= set(strings_in(json.loads(out)))
    code, out, _ = said("bundle", "show", bundle)
    assert code == 0
    assert tuple(json.loads(out)["labels"]) == labels


def test_texts_come_back_as_they_were(said, tmp_path):
    bundle = write_runnable(tmp_path / "intent")
    lines = tmp_path / "texts.jsonl"
    lines.write_text(json.dumps({"text": EVIL}) + "\n", encoding="utf-8")
    code, out, _ = said("run", bundle, "--input", lines)
    assert code == 0
    assert json.loads(out)["text"] == EVIL


def test_keys_and_tensors_of_a_checkpoint(said, checkpoint_directory, tmp_path):
    folder = checkpoint_directory(lambda arrays: arrays.update({EVIL: np.zeros(3, np.float32)}))
    (folder / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n今\n", encoding="utf-8")
    path = folder / "config.json"
    values = json.loads(path.read_text("utf-8")) | {EVIL: 1, "architectures": ["RoFormerForSequenceClassification"]}
    path.write_text(json.dumps(values), encoding="utf-8")
    code, _, err = said("export", folder, "--out", tmp_path / "out")
    assert "a\\x1b[2J" in err or "\u241b[2J" in err, (code, err)
    path.write_text(json.dumps(values | {"hidden_act": EVIL}), encoding="utf-8")
    code, _, err = said("export", folder, "--out", tmp_path / "out2")
    assert code == 1
    write_safetensors(folder / "model.safetensors", {EVIL: np.zeros(3, np.float32)})
    path.write_text(json.dumps(values), encoding="utf-8")
    code, _, err = said("export", folder, "--out", tmp_path / "out3")
    assert code == 1


def test_one_module_of_the_commands_prints():
    """Whatever else prints would have to remember to make it harmless."""
    for path in (Path(roformer_edge.__file__).parent / "cli").glob("*.py"):
        calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
        printing = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]
        assert (path.name == "output.py") == bool(printing), path
