"""What is consistent in itself and still not what it claims to be."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from roformer_edge.bundle.pack import pack_directory
from roformer_edge.bundle.reader import open_bundle
from roformer_edge.errors import BundleFormatError, BundleIntegrityError, RoFormerEdgeError, SelfTestError
from roformer_edge.runtime.loading import load
from tests.fuzz.targets import relist
from tests.tiny_bundle import read_manifest, rewrite_manifest
from tests.tiny_runtime import write_runnable


@pytest.fixture(scope="module")
def runnable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_runnable(tmp_path_factory.mktemp("integrity") / "intent")


@pytest.fixture
def own(runnable: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(runnable, tmp_path / "intent"))


def test_the_digest_of_a_bundle_covers_the_manifest(own, tmp_path):
    with open_bundle(own) as opened:
        digest = opened.digest
    archive = pack_directory(own, tmp_path / "x.rfe")
    for place in (own, archive):
        load(place, digest=digest).close()
        load(place, digest=digest.upper()).close()
    # what no other check can see: labels, names, figures
    path = own / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b"my-checkpoint", b"my-checkpoinT"))
    load(own).close()
    for wrong in (digest, "", digest[:-1], "x"):
        with pytest.raises(BundleIntegrityError, match="it is another bundle, or was altered"):
            load(own, digest=wrong)


def change_self_test(own: Path, change: object) -> None:
    path = own / "selftest.json"
    values = json.loads(path.read_bytes())
    change(values)  # type: ignore[operator]
    path.write_text(json.dumps(values), encoding="utf-8")
    relist(own)


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values["cases"][0].update(outputs={}),
        lambda values: values["cases"][1].update(outputs={"logits": []}),
        lambda values: values["cases"][1].update(outputs={"other": [1.0]}),
        lambda values: [case.update(outputs={}) for case in values["cases"]],
        lambda values: values.update(tolerance=1e300),
        lambda values: values.update(tolerance=1e4),
    ],
)
def test_a_self_test_that_proves_nothing_is_refused(own, change):
    load(own, self_test=True).close()
    change_self_test(own, change)
    with pytest.raises(SelfTestError, match="would prove nothing"):
        load(own, self_test=True)


def test_more_tokens_than_the_model_has_positions(own):
    values = read_manifest(own)
    rewrite_manifest(own, {**values, "max_length": 65})
    with pytest.raises(BundleFormatError, match=r"allows 65 tokens \(max_length\), and the model has 64 positions"):
        load(own)


@pytest.mark.parametrize("index", ["500", "2147483647", "9223372036854775807"])
def test_added_tokens_beyond_the_table(own, index):
    values = read_manifest(own)
    token = {"content": "<new>", "lstrip": False, "rstrip": False, "normalized": True, "single_word": False,
             "special": True}  # fmt: skip
    added = {**values["tokenizer"]["added_tokens_decoder"], index: token}
    rewrite_manifest(own, {**values, "tokenizer": {**values["tokenizer"], "added_tokens_decoder": added}})
    with pytest.raises(RoFormerEdgeError) as caught:
        load(own)
    assert "\n" not in str(caught.value)
