"""The steps to a vector come back from a bundle as they were written, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from roformer_edge.bundle.reader import open_bundle
from roformer_edge.bundle.sentence import read_sentence, sentence_bytes
from roformer_edge.bundle.writer import BundleWriter
from roformer_edge.errors import BundleFormatError
from roformer_edge.sentence import SentenceHead, Step
from tests.tiny_bundle import manifest

HEAD = SentenceHead(
    asked="mean",
    steps=(
        Step(kind="pooling", inputs=4, width=8, poolings=("mean", "cls")),
        Step(kind="dense", inputs=8, width=3, module="sentence.1", activation="gelu"),
    ),
)


def written(folder: Path, content: bytes | None) -> Path:
    with BundleWriter(folder / "bundle") as writer:
        writer.add_bytes("model.onnx", "model", b"no graph")
        if content is not None:
            writer.add_bytes("sentence.json", "sentence", content)
        return writer.finish(manifest(task="feature-extraction"))


def test_what_was_written_is_read(tmp_path: Path) -> None:
    with open_bundle(written(tmp_path, sentence_bytes(HEAD))) as bundle:
        assert read_sentence(bundle) == HEAD


def test_most_bundles_have_none(tmp_path: Path) -> None:
    with open_bundle(written(tmp_path, None)) as bundle:
        assert read_sentence(bundle) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'"pooling"', b'"polling"'), (b'"mean"', b'"median"'), (b'"gelu"', b'"guess"'), (b"8", b"-8"), (b"{", b"[")],
)
def test_what_is_malformed_is_named(tmp_path: Path, old: bytes, new: bytes) -> None:
    content = sentence_bytes(HEAD).replace(old, new, 1) if old != b'"mean"' else sentence_bytes(HEAD).replace(old, new)
    with (
        open_bundle(written(tmp_path, content)) as bundle,
        pytest.raises(BundleFormatError, match=r"sentence\.json in "),
    ):
        read_sentence(bundle)
