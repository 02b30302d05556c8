"""``crf.json``: the transitions between labels, written and read back, and refused where they do not fit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from roformer_edge.bundle.crf import crf_bytes, read_crf
from roformer_edge.bundle.reader import open_bundle
from roformer_edge.bundle.writer import BundleWriter
from roformer_edge.crf import Crf
from roformer_edge.errors import BundleFormatError
from tests.tiny_bundle import LABELS, manifest

RANDOM = np.random.default_rng(3)
CRF = Crf(
    start=RANDOM.normal(size=3).astype(np.float32) / 3,
    end=RANDOM.normal(size=3).astype(np.float32) * 1e6,
    transitions=RANDOM.normal(size=(3, 3)).astype(np.float32),
)


def write(folder: Path, data: bytes | None) -> Path:
    with BundleWriter(folder / "bundle") as writer:
        writer.add_bytes("model.onnx", "model", b"no graph")
        if data is not None:
            writer.add_bytes("crf.json", "crf", data)
        return writer.finish(manifest())


def test_the_same_numbers_are_read_back(tmp_path: Path) -> None:
    with open_bundle(write(tmp_path, crf_bytes(CRF))) as bundle:
        found = read_crf(bundle)
    assert found is not None
    for name in ("start", "end", "transitions"):
        assert getattr(found, name).dtype == np.float32
        np.testing.assert_array_equal(getattr(found, name), getattr(CRF, name))


def test_a_bundle_without_them_has_none(tmp_path: Path) -> None:
    with open_bundle(write(tmp_path, None)) as bundle:
        assert read_crf(bundle) is None


def test_numbers_that_json_does_not_have_are_not_written() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        crf_bytes(Crf(start=np.float32([np.nan] * 3), end=CRF.end, transitions=CRF.transitions))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"start": [1.0]}, f"another number of labels than the bundle's {len(LABELS)}"),
        ({"transitions": [[1.0] * 3] * 2}, "another number of labels"),
        ({"transitions": [[1.0] * 3, [1.0] * 3, [1.0] * 4]}, "another number of labels"),
        ({"end": "abc"}, "end"),
        ({"end": [1.0, None, 2.0]}, "end"),
        ({"more": 1}, "more"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, change: dict, message: str) -> None:
    values = json.loads(crf_bytes(CRF)) | change
    with (
        open_bundle(write(tmp_path, json.dumps(values).encode())) as bundle,
        pytest.raises(BundleFormatError, match=rf"crf\.json in .*{message}"),
    ):
        read_crf(bundle)


def test_a_missing_key_is_refused(tmp_path: Path) -> None:
    values = json.loads(crf_bytes(CRF))
    del values["end"]
    with (
        open_bundle(write(tmp_path, json.dumps(values).encode())) as bundle,
        pytest.raises(BundleFormatError, match="end"),
    ):
        read_crf(bundle)
