"""A complete bundle of a few kilobytes, for tests of everything that reads or writes one."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from roformer_edge.bundle.manifest import (
    FileEntry,
    Manifest,
    MeasuredLoss,
    ParityRecord,
    Provenance,
    RecipeReference,
)
from roformer_edge.bundle.writer import BundleWriter
from roformer_edge.tasks import get_task

LABELS = ("ask", "order", "聊天")
CONTENT = {
    "model.onnx": ("model", bytes(range(256)) * 40),
    "vocab.txt": ("vocabulary", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n今天\n天气\n".encode()),
    "words.bin": ("words", b"rfwords1" + b"\1" * 500),
    "unicode.bin": ("unicode", b"rfunicd1" + b"\1" * 80),
    "config.json": ("config", b'{"model_type": "roformer"}\n'),
    "recipe.json": ("recipe", b'{"name": "int8-dynamic", "rules": []}\n'),
    "LICENSE-words.txt": ("notice", b"MIT\n"),
}

MEASURED = MeasuredLoss(
    metric="accuracy",
    unit="%",
    reference=91.25,
    candidate=91.0,
    drop=0.25,
    low=-0.1,
    high=0.6,
    agreement=99.5,
    examples=400,
    data="dev.jsonl",
    data_sha256="1" * 64,
)


def manifest(**changes: object) -> Manifest:
    """A valid manifest without files."""
    task = get_task("text-classification")
    values: dict = {
        "task": task.name,
        "format": "onnx",
        "recipe": RecipeReference(name="int8-dynamic", sha256="0" * 64),
        "labels": LABELS,
        "signatures": {"default": task.signature},
        "max_length": 64,
        "tokenizer": {"class": "RoFormerTokenizer"},
        "parity": ParityRecord(
            checked=True,
            reference="torch 2.13.0",
            tolerance=1e-4,
            worst_tensor="logits",
            absolute_difference=2.5e-7,
            relative_difference=5e-8,
        ),
        "session": {"optimization.disable_specified_optimizers": "SkipLayerNormFusion"},
        "notes": ("pooler.dense.weight",),
        "measured": MEASURED,
        "minimum_runtime": {"onnxruntime": "1.20"},
        "provenance": Provenance(
            version="0.1.0",
            source="my-checkpoint",
            checkpoint_sha256="2" * 64,
            created="2025-01-31T23:59:59Z",
            tools={"onnx": "1.17.0"},
        ),
    }
    return Manifest(**{**values, **changes})


def write_bundle(out: Path, *, overwrite: bool = False, **changes: object) -> Path:
    """Write a bundle whose model is no graph."""
    with BundleWriter(out, overwrite=overwrite) as writer:
        for path, (role, data) in CONTENT.items():
            writer.add_bytes(path, role, data)
        return writer.finish(manifest(**changes))


def read_manifest(bundle: Path) -> dict:
    """The manifest as plain data."""
    return json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))


def rewrite_manifest(bundle: Path, values: dict) -> None:
    """Put other values into a bundle's manifest, whatever they are."""
    (bundle / "manifest.json").write_text(json.dumps(values), encoding="utf-8")


def relist(bundle: Path) -> None:
    """List the files of a bundle as they are now."""
    values = read_manifest(bundle)
    values["files"] = [listed(one["path"], (bundle / one["path"]).read_bytes(), one["role"]) for one in values["files"]]
    rewrite_manifest(bundle, values)


def listed(path: str, data: bytes, role: str = "notice") -> dict:
    """An honest entry of a manifest."""
    entry = FileEntry(path=path, role=role, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    return {"path": entry.path, "role": entry.role, "bytes": entry.bytes, "sha256": entry.sha256}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle directory of the test's own."""
    return write_bundle(tmp_path / "intent")
