"""Manifests that are huge, deep, or mean different things to different parsers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from roformer_edge.bundle.manifest import MAX_MANIFEST_BYTES
from roformer_edge.bundle.reader import open_bundle
from roformer_edge.errors import BundleError, BundleFormatError
from tests.tiny_bundle import read_manifest, rewrite_manifest


def test_a_huge_manifest_is_not_even_read(bundle: Path) -> None:
    with (bundle / "manifest.json").open("r+b") as stream:
        stream.truncate(1 << 40)  # sparse: takes no room, and would take all memory
    with pytest.raises(BundleFormatError, match=f"is of {1 << 40} bytes; {MAX_MANIFEST_BYTES} are allowed"):
        open_bundle(bundle)


def test_the_largest_manifest_allowed_is_read(bundle: Path) -> None:
    path = bundle / "manifest.json"
    content = path.read_bytes()
    path.write_bytes(content + b" " * (MAX_MANIFEST_BYTES - len(content)))
    open_bundle(bundle).close()


@pytest.mark.parametrize("brackets", ["[]", "{}"])
@pytest.mark.parametrize("depth", [1_000, 400_000])
def test_deep_nesting_is_refused(bundle: Path, brackets: str, depth: int) -> None:
    deep = "[" * depth + "]" * depth if brackets == "[]" else '{"a":' * (depth // 3) + "1" + "}" * (depth // 3)
    text = (bundle / "manifest.json").read_text(encoding="utf-8")
    deeper = text.replace('"tokenizer": {', f'"tokenizer": {{"deep": {deep},', 1)
    (bundle / "manifest.json").write_text(deeper, encoding="utf-8")
    complaint = complaint_about(bundle)
    # how deep is too deep differs between interpreters
    assert "nested too deeply" in complaint or (depth == 1_000 and complaint == "")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 5000, "0x10", "01", "1."])
def test_numbers_that_json_does_not_have(bundle: Path, number: str) -> None:
    text = (bundle / "manifest.json").read_text(encoding="utf-8")
    assert '"tolerance": 0.0001' in text
    (bundle / "manifest.json").write_text(
        text.replace('"tolerance": 0.0001', f'"tolerance": {number}'), encoding="utf-8"
    )
    with pytest.raises(BundleFormatError, match=r"^manifest\.json") as caught:
        open_bundle(bundle)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 100,
        b"\xef\xbb\xbf{}",
        '{"schema_version": 1}'.encode("utf-16"),
        b'{"schema_version": 1}trailing',
        b"{'schema_version': 1}",
        b'{"schema_version": 1,}',
        b"// comment\n{}",
        b'"a string"',
        b"[" * 10,
    ],
)
def test_what_is_not_json(bundle: Path, content: bytes) -> None:
    (bundle / "manifest.json").write_bytes(content)
    with pytest.raises(BundleFormatError, match=r"^manifest\.json"):
        open_bundle(bundle)


def test_a_newer_schema_says_to_upgrade(bundle: Path) -> None:
    rewrite_manifest(bundle, {**read_manifest(bundle), "schema_version": 3, "shards": []})
    with pytest.raises(BundleFormatError, match="upgrade roformer-edge"):
        open_bundle(bundle)


def test_the_schema_before_says_to_deploy_again(bundle: Path) -> None:
    rewrite_manifest(bundle, {"schema_version": 1, "length_buckets": []})
    with pytest.raises(BundleFormatError, match="deploy the checkpoint again"):
        open_bundle(bundle)


@pytest.mark.parametrize("version", [0, -1, "1", 1.0, True, None, [1]])
def test_a_schema_that_never_was(bundle: Path, version: object) -> None:
    rewrite_manifest(bundle, {**read_manifest(bundle), "schema_version": version})
    with pytest.raises(BundleFormatError, match="schema_version must be"):
        open_bundle(bundle)


def test_thousands_of_unknown_keys_make_one_short_line(bundle: Path) -> None:
    rewrite_manifest(bundle, {**read_manifest(bundle), **{f"key\n{n}": n for n in range(10_000)}})
    with pytest.raises(BundleFormatError, match="has the unknown key") as caught:
        open_bundle(bundle)
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


def test_thousands_of_files(bundle: Path) -> None:
    values = read_manifest(bundle)
    values["files"] *= 500
    rewrite_manifest(bundle, values)
    with pytest.raises(BundleFormatError, match="64 are allowed"):
        open_bundle(bundle)


def test_a_manifest_of_random_shapes_never_escapes_as_another_error(bundle: Path) -> None:
    original = read_manifest(bundle)
    strange: list[object] = [None, True, -1, 1.5, "x", [], {}, [[]], {"a": []}, "\ud800"]
    for key, value in original.items():
        for odd in strange:
            expect_one_line_at_most(bundle, {**original, key: odd})
            if isinstance(value, dict):
                for inner in value:
                    expect_one_line_at_most(bundle, {**original, key: {**value, inner: odd}})
            if isinstance(value, list) and value and isinstance(value[0], dict):
                for inner in value[0]:
                    expect_one_line_at_most(bundle, {**original, key: [{**value[0], inner: odd}, *value[1:]]})


def expect_one_line_at_most(bundle: Path, values: dict) -> None:
    (bundle / "manifest.json").write_text(json.dumps(values), encoding="utf-8")
    assert "\n" not in complaint_about(bundle)


def complaint_about(bundle: Path) -> str:
    """What is wrong with the bundle, or nothing; errors of any other kind are not caught."""
    try:
        open_bundle(bundle).close()
    except BundleError as error:
        return str(error)
    return ""
