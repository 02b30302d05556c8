"""``sentence.json``: the steps to a vector, written and read back, and refused where they are malformed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from roformer_edge.bundle.reader import open_bundle
from roformer_edge.bundle.sentence import read_sentence, sentence_bytes
from roformer_edge.bundle.writer import BundleWriter
from roformer_edge.errors import BundleFormatError
from roformer_edge.sentence import SentenceHead, Step
from tests.tiny_bundle import manifest

HEAD = SentenceHead(
    asked=None,
    steps=(
        Step(kind="pooling", inputs=8, width=16, poolings=("cls", "mean")),
        Step(kind="dense", inputs=16, width=4, module="2_Dense", activation="tanh"),
        Step(kind="normalize", inputs=4, width=4),
    ),
)


def write(folder: Path, data: bytes | None) -> Path:
    with BundleWriter(folder / "bundle") as writer:
        writer.add_bytes("model.onnx", "model", b"no graph")
        if data is not None:
            writer.add_bytes("sentence.json", "sentence", data)
        return writer.finish(manifest())


@pytest.mark.parametrize("head", [HEAD, SentenceHead(asked="mean", steps=HEAD.steps[:1])])
def test_the_same_steps_are_read_back(tmp_path: Path, head: SentenceHead) -> None:
    with open_bundle(write(tmp_path, sentence_bytes(head))) as bundle:
        assert read_sentence(bundle) == head


def test_a_bundle_of_states_has_none(tmp_path: Path) -> None:
    with open_bundle(write(tmp_path, None)) as bundle:
        assert read_sentence(bundle) is None


@pytest.mark.parametrize(
    "change",
    [
        {"steps": []},
        {"steps": [{"kind": "pooling"}]},
        {"steps": [{"kind": "teleport", "inputs": 8, "width": 8}]},
        {"steps": [{"kind": "pooling", "inputs": 0, "width": 8, "poolings": ["mean"]}]},
        {"more": 1},
    ],
    ids=str,
)
def test_what_is_malformed_is_refused_with_its_place(tmp_path: Path, change: dict) -> None:
    data = json.dumps(json.loads(sentence_bytes(HEAD)) | change).encode()
    with (
        open_bundle(write(tmp_path, data)) as bundle,
        pytest.raises(BundleFormatError, match=r"sentence\.json"),
    ):
        read_sentence(bundle)
