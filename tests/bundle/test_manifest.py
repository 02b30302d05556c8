from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roformer_edge.bundle.manifest import (
    MAX_FILE_BYTES,
    MAX_FILES,
    ROLES,
    SCHEMA_VERSION,
    FileEntry,
    Manifest,
    ParityRecord,
    Provenance,
    check_path,
    creation_time,
)
from roformer_edge.errors import BundleFormatError
from roformer_edge.signatures import Signature
from tests.tiny_bundle import listed, manifest

MODEL = listed("model.onnx", b"graph", "model")
IDS = {"name": "input_ids", "dtype": "int64", "axes": ["batch", "sequence"]}
LOGITS = {"name": "logits", "dtype": "float32", "axes": ["batch", "labels"]}


def one(**changes: object) -> dict:
    """Signatures of a manifest, as JSON: the default one alone."""
    return {"default": {"inputs": [IDS], "outputs": [LOGITS], **changes}}


def lengths(*sizes: int | None) -> dict:
    """Signatures of a manifest, as JSON: the same function at fixed lengths, or at any."""
    names = ("default", *(f"more {number}" for number in range(len(sizes) - 1)))
    axes = [["1", "sequence" if size is None else str(size)] for size in sizes]
    return {name: one(inputs=[{**IDS, "axes": both}])["default"] for name, both in zip(names, axes, strict=True)}


def of_lengths(*sizes: int | None) -> dict[str, Signature]:
    """The same as dataclasses."""
    return Manifest.from_dict(values(signatures=lengths(*sizes))).signatures


def values(**changes: object) -> dict:
    return {**json.loads(manifest(files=(FileEntry(**MODEL),)).to_json()), **changes}


def test_what_is_written_reads_back_equal() -> None:
    before = manifest(files=(FileEntry(**MODEL),), signatures=of_lengths(16, 64), measured=None)
    text = before.to_json()
    after = Manifest.from_json(text.encode())
    assert after == before
    assert after.to_json() == text


def test_the_layout_is_pinned() -> None:
    assert list(values()) == [
        "schema_version",
        "task",
        "format",
        "recipe",
        "labels",
        "signatures",
        "max_length",
        "tokenizer",
        "session",
        "batching",
        "files",
        "calibration",
        "parity",
        "measured",
        "notes",
        "minimum_runtime",
        "provenance",
    ]
    default = values()["signatures"]["default"]
    assert list(default) == ["inputs", "outputs"]
    assert default["inputs"][0] == {"name": "input_ids", "dtype": "int64", "axes": ["batch", "sequence"]}
    assert values()["schema_version"] == 2


def test_text_is_kept_readable() -> None:
    assert '"聊天"' in manifest().to_json()


@pytest.mark.parametrize("key", list(values()))
def test_every_key_is_needed(key: str) -> None:
    rest = values()
    del rest[key]
    with pytest.raises(BundleFormatError, match=f"lacks key '{key}'"):
        Manifest.from_dict(rest)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": 1}, "has the unknown key 'colour'"),
        ({"recipe": {"name": "x", "sha256": "0" * 64, "by": "me"}}, "recipe has the unknown key 'by'"),
        ({"schema_version": "2"}, "schema_version must be 2, found '2'"),
        ({"schema_version": True}, "schema_version must be 2, found true"),
        ({"task": None}, "task must be a string, found null"),
        ({"labels": "abc"}, "labels must be a list"),
        ({"labels": ["a", 3]}, r"labels\[1\] must be a string, found 3"),
        ({"labels": ["\ud800"]}, r"labels\[0\] holds a lone surrogate"),
        ({"signatures": {"a": {"inputs": []}}}, r"signatures: a lacks key 'outputs'"),
        ({"signatures": {}}, "signatures holds no 'default'"),
        ({"signatures": one(inputs=[])}, "'default' must have inputs and outputs, each of a name of its own"),
        ({"signatures": one(inputs=[{**IDS, "name": "logits"}])}, "each of a name of its own"),
        ({"signatures": one(inputs=[{**IDS, "axes": ["batch"]}])}, "inputs of two axes at least"),
        ({"signatures": one(inputs=[{**IDS, "dtype": "text"}])}, r"inputs\[0\]: dtype must be one of: float16"),
        ({"signatures": one(inputs=[{**IDS, "axes": ["batch", "064"]}])}, r"axes\[1\] must be a name or a size"),
        ({"signatures": one(inputs=[{**IDS, "axes": ["batch", "64\n"]}])}, r"axes\[1\] must be a name or a size"),
        ({"max_length": 0}, "max_length must be a whole number of at least 1"),
        ({"max_length": 12.0}, "max_length must be a whole number"),
        ({"signatures": lengths(16, 32)}, "the longest for max_length 64; found 16, 32"),
        ({"signatures": lengths(16, 16, 64)}, "must be for different lengths"),
        ({"signatures": lengths(16, 128)}, "the longest for max_length 64; found 16, 128"),
        ({"signatures": lengths(128, None)}, "the longest for max_length 64; found 128, any"),
        ({"session": {"a": 1}}, "session: a must be a string, found 1"),
        ({"notes": [1]}, r"notes\[0\] must be a string"),
        ({"tokenizer": []}, "tokenizer must be an object, found a list"),
        ({"minimum_runtime": {"onnxruntime": ">=1"}}, "onnxruntime must be numbers separated by dots"),
        ({"calibration": {"texts": 0, "sha256": "0" * 64, "observer": "minmax"}}, "texts must be a whole number"),
        ({"files": []}, "no file with the role 'model'"),
        ({"files": [{**MODEL, "sha256": "A" * 64}]}, "64 lower-case hexadecimal digits"),
        ({"files": [{**MODEL, "bytes": -1}]}, "bytes must be a whole number of at least 0"),
        ({"files": [{**MODEL, "bytes": 1 << 31}]}, "is said to be of 2147483648 bytes"),
        ({"files": [{**MODEL, "role": "virus"}]}, "role must be one of: model, weights, vocabulary.*found 'virus'"),
        ({"files": [MODEL, {**MODEL, "path": "b.onnx"}]}, "2 files with the role 'model'"),
        ({"files": [MODEL] + [listed(f"{n}", b"") for n in range(64)]}, "lists 65 files; 64 are allowed"),
    ],
)
def test_malformed_manifests_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(BundleFormatError, match=message) as caught:
        Manifest.from_dict(values(**changes))
    assert "\n" not in str(caught.value)


def test_several_notices_are_fine() -> None:
    files = [MODEL, listed("A", b"a"), listed("B", b"b")]
    assert [entry.path for entry in Manifest.from_dict(values(files=files)).files] == ["model.onnx", "A", "B"]


@pytest.mark.parametrize("document", [b"[]", b"1", b'"x"', b"null", b"", b"{", b"\xff\xfe{}", b'{"a":1,"a":2}'])
def test_what_is_no_object_is_refused(document: bytes) -> None:
    with pytest.raises(BundleFormatError, match=r"manifest\.json"):
        Manifest.from_json(document)


def test_parity_says_one_thing_or_the_other() -> None:
    ParityRecord(checked=False, reason="torch is not installed")
    figures = {"reference": "torch", "tolerance": 1e-4, "worst_tensor": "logits"}
    figures |= {"absolute_difference": 0.0, "relative_difference": 0.0}
    for wrong in (
        {"checked": True},
        {"checked": True, **figures, "reason": "because"},
        {"checked": False},
        {"checked": False, **figures, "reason": "because"},
    ):
        with pytest.raises(BundleFormatError, match="parity that was checked"):
            ParityRecord(**wrong)


def test_inconsistent_parity_in_a_file_says_where() -> None:
    parity = {**values()["parity"], "tolerance": None}
    with pytest.raises(BundleFormatError, match=r"^manifest\.json: parity: parity that was checked"):
        Manifest.from_dict(values(parity=parity))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source": "/home/me/checkpoint"}, "a name without folders, or owner/model"),
        ({"source": "me/checkpoints/mine"}, "a name without folders"),
        ({"source": "../checkpoint"}, "a name without folders"),
        ({"source": "c:\\me"}, "a name without folders"),
        ({"created": "yesterday"}, "created must look like"),
        ({"created": "2025-13-01T00:00:00Z"}, "created must look like"),
    ],
)
def test_provenance_names_no_folder_and_a_real_time(changes: dict, message: str) -> None:
    right = {
        "version": "1",
        "source": "x",
        "checkpoint_sha256": "0" * 64,
        "created": "2025-01-31T23:59:59Z",
        "tools": {},
    }
    for source in ("x", "owner/model-v1.0"):
        Provenance(**{**right, "source": source})
    with pytest.raises(BundleFormatError, match=message):
        Provenance(**{**right, **changes})


def test_creation_time_honours_source_date_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert creation_time() == "2023-11-14T22:13:20Z"
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", creation_time())
    for wrong in ("soon", "1e9", str(10**20)):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", wrong)
        with pytest.raises(BundleFormatError, match="SOURCE_DATE_EPOCH"):
            creation_time()


@given(st.text(max_size=30))
def test_a_path_that_passes_stays_inside(path: str) -> None:
    try:
        check_path(path, "path")
    except BundleFormatError:
        return
    assert re.fullmatch(r"[A-Za-z0-9._/-]+", path)
    parts = path.split("/")
    assert not {"", ".", ".."} & set(parts)
    assert not any(part.startswith(".") or part.endswith(".") for part in parts)


@pytest.mark.parametrize("path", ["model.onnx", "a/b/c.bin", "_x", "-x", "a..b", "LICENSE", "v1.2-rc_3"])
def test_usual_paths_pass(path: str) -> None:
    assert check_path(path, "path") == path


def test_a_newer_schema_asks_for_an_upgrade_even_if_all_else_is_unknown() -> None:
    newer = {"schema_version": SCHEMA_VERSION + 1, "everything": "is different"}
    with pytest.raises(
        BundleFormatError, match="is of schema 3, and this version reads schema 2: upgrade roformer-edge"
    ):
        Manifest.from_dict(newer)


def test_the_schema_before_asks_for_another_deployment_even_if_all_else_is_unknown() -> None:
    old = {"schema_version": 1, "everything": "was different"}
    with pytest.raises(
        BundleFormatError,
        match=r"is of schema 1, so .* was made by roformer-edge 0\.1\.0\.dev.*: deploy the checkpoint",
    ):
        Manifest.from_dict(old)


@pytest.mark.parametrize(
    ("sizes", "expected"), [((None,), ()), ((64,), (64,)), ((64, 16, 32), (16, 32, 64)), ((None, 16), (16,))]
)
def test_lengths_are_read_off_the_signatures_that_compute_the_same(sizes: tuple, expected: tuple) -> None:
    step = {"inputs": [{**IDS, "axes": ["1", "1"]}, {**IDS, "name": "cache"}], "outputs": [LOGITS]}
    manifest = Manifest.from_dict(values(signatures={**lengths(*sizes), "step": step}))
    assert manifest.lengths == expected
    assert set(manifest.signatures) == {*lengths(*sizes), "step"}


def test_every_key_role_and_limit_is_documented() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "bundle.md").read_text(encoding="utf-8")
    table = page.partition("## manifest.json")[2].partition("## Paths")[0]
    for key, value in values().items():
        assert f"`{key}`" in table
        inner = value[0] if isinstance(value, list) and value else value
        if isinstance(inner, dict) and key not in ("tokenizer", "minimum_runtime"):
            assert all(name in table for name in inner)
    for role in ROLES:
        assert f"`{role}`" in page.partition("## manifest.json")[0]
    assert f"`{MAX_FILES}`" in page or f"{MAX_FILES} at most" in table
    assert f"{MAX_FILE_BYTES:,}".replace(",", " ") in page
