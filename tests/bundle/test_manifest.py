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
    version_tuple,
)
from roformer_edge.errors import BundleFormatError
from tests.tiny_bundle import listed, manifest

MODEL = listed("model.onnx", b"graph", "model")


def values(**changes: object) -> dict:
    return {**json.loads(manifest(files=(FileEntry(**MODEL),)).to_json()), **changes}


def test_what_is_written_reads_back_equal() -> None:
    before = manifest(files=(FileEntry(**MODEL),), length_buckets=(16, 64), measured=None)
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
        "inputs",
        "outputs",
        "max_length",
        "length_buckets",
        "tokenizer",
        "files",
        "calibration",
        "parity",
        "measured",
        "minimum_runtime",
        "provenance",
    ]
    assert values()["inputs"][0] == {"name": "input_ids", "dtype": "int64", "axes": ["batch", "sequence"]}
    assert values()["schema_version"] == 1


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
        ({"schema_version": "1"}, "schema_version must be a whole number"),
        ({"schema_version": True}, "schema_version must be a whole number"),
        ({"task": None}, "task must be a string, found null"),
        ({"format": "gguf"}, "format is 'gguf'; it must be one of: onnx, tflite"),
        ({"labels": "abc"}, "labels must be a list"),
        ({"labels": ["a", 3]}, r"labels\[1\] must be a string, found a number"),
        ({"labels": ["\ud800"]}, r"labels\[0\] holds a lone surrogate"),
        ({"inputs": [{"name": "x", "dtype": "int64"}]}, r"inputs\[0\] lacks key 'axes'"),
        ({"max_length": 0}, "max_length must be a whole number of at least 1"),
        ({"max_length": 12.0}, "max_length must be a whole number"),
        ({"length_buckets": [64, 16]}, "length_buckets must ascend"),
        ({"length_buckets": [16, 16, 64]}, "length_buckets must ascend"),
        ({"length_buckets": [16, 32]}, "end with max_length 64"),
        ({"tokenizer": []}, "tokenizer must be an object, found a list"),
        ({"minimum_runtime": {"onnxruntime": ">=1"}}, "onnxruntime must be numbers separated by dots"),
        ({"calibration": {"texts": 0, "sha256": "0" * 64, "observer": "entropy"}}, "texts must be a whole number"),
        ({"files": []}, "no file with the role 'model'"),
        ({"files": [{**MODEL, "sha256": "A" * 64}]}, "64 lower-case hexadecimal digits"),
        ({"files": [{**MODEL, "bytes": -1}]}, "bytes must be a whole number of at least 0"),
        ({"files": [{**MODEL, "bytes": 1 << 31}]}, "is said to be of 2147483648 bytes"),
        ({"files": [{**MODEL, "role": "virus"}]}, "role is 'virus'; it must be one of: model, vocabulary"),
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
    figures = {"reference": "torch", "tolerance": 1e-4, "worst_tensor": "logits", "max_difference": 0.0}
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
        ({"source": "/home/me/checkpoint"}, "a name without folders"),
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
    Provenance(**right)
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


def test_versions_compare_as_numbers() -> None:
    assert version_tuple("1.20.0") > version_tuple("1.9")
    assert version_tuple("1.32.0rc1") == (1, 32, 0)
    assert version_tuple("1.20") < version_tuple("1.20.1+cpu")


def test_a_newer_schema_asks_for_an_upgrade_even_if_all_else_is_unknown() -> None:
    newer = {"schema_version": SCHEMA_VERSION + 1, "everything": "is different"}
    with pytest.raises(
        BundleFormatError, match="is of schema 2, and this version reads up to 1: upgrade roformer-edge"
    ):
        Manifest.from_dict(newer)


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
