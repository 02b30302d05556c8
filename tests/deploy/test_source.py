"""What a bundle is made of: a checkpoint, or a float32 bundle that keeps its weights, opened as the same thing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from roformer_edge.bundle.pack import pack_directory
from roformer_edge.bundle.reader import Bundle
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.deploy.source import open_source
from roformer_edge.errors import BundleIntegrityError, OptionError, UnsupportedModelError, VocabularyError
from roformer_edge.validate.openers import open_predictor
from tests.tiny_checkpoint import TEXTS, TOKENS, write_checkpoint


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint") / "tiny")


@pytest.fixture(scope="module")
def bundle(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bundle") / "fp32"
    return deploy_checkpoint(checkpoint, out, DeployOptions(recipe="fp32", keep_weights=True)).bundle


@pytest.mark.parametrize("form", ["directory", "archive", "archive without files in memory"])
def test_a_float_bundle_is_its_checkpoint(checkpoint, bundle, tmp_path, monkeypatch, form) -> None:
    place = bundle if form == "directory" else pack_directory(bundle, tmp_path / "fp32.rfe")
    if "without" in form:
        monkeypatch.setattr(Bundle, "file_path", lambda bundle, role: None)
    with open_source(checkpoint) as wanted, open_source(place) as found:
        assert (found.task, found.name, found.digest) == (wanted.task, wanted.name, wanted.digest)
        assert found.config == wanted.config
        assert found.checkpoint.arrays.keys() == wanted.checkpoint.arrays.keys()
        for name, array in wanted.checkpoint.arrays.items():
            np.testing.assert_array_equal(found.checkpoint.arrays[name], array, err_msg=name)
    # and its tokenizer does not need what was closed
    assert [found.tokenizer.encode_text(text).ids for text in TEXTS] == [
        wanted.tokenizer.encode_text(text).ids for text in TEXTS
    ]


def test_the_tokenizer_of_a_bundle_is_read_with_the_files_that_it_has(tmp_path) -> None:
    checkpoint = write_checkpoint(tmp_path / "checkpoint")
    (checkpoint / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    options = DeployOptions(recipe="fp32", keep_weights=True)
    bundle = deploy_checkpoint(checkpoint, tmp_path / "fp32", options).bundle
    assert not (bundle / "words.bin").exists()
    with open_source(bundle) as found:
        assert found.tokenizer.to_settings()["mode"] == "bert"
    assert deploy_checkpoint(bundle, tmp_path / "int8").bundle.is_dir()


def test_the_length_grows_and_shrinks_with_its_table(checkpoint, bundle) -> None:
    for source in (checkpoint, bundle):
        for length in (8, 100):
            with open_source(source, max_length=length) as found:
                assert found.config.max_position_embeddings == length
                assert len(found.checkpoint.arrays["roformer.encoder.embed_positions.weight"]) == length


def test_a_bundle_without_weights_or_of_another_recipe_or_task_is_refused(checkpoint, bundle, tmp_path) -> None:
    made = deploy_checkpoint(checkpoint, tmp_path / "int8").bundle
    with pytest.raises(UnsupportedModelError, match="with the recipe 'int8-dynamic'; what a bundle is made from must"):
        open_source(made).__enter__()
    with pytest.raises(UnsupportedModelError, match=r"is a bundle for text-classification .* must be for fill-mask"):
        open_source(bundle, "fill-mask").__enter__()
    bare = deploy_checkpoint(checkpoint, tmp_path / "fp32", DeployOptions(recipe="fp32")).bundle
    with pytest.raises(
        UnsupportedModelError, match=r"holds a graph and not the weights .* \(recipe='fp32', keep_weights=True\)"
    ):
        open_source(bare).__enter__()


def test_altered_weights_are_refused(bundle, tmp_path) -> None:
    copy = shutil.copytree(bundle, tmp_path / "copy")
    data = bytearray((copy / "weights.safetensors").read_bytes())
    data[-1] ^= 1
    (copy / "weights.safetensors").write_bytes(data)
    with pytest.raises(BundleIntegrityError, match=r"weights\.safetensors .* has another SHA-256"):
        open_source(copy).__enter__()


@pytest.mark.parametrize("asked", [{"mode": "fast"}, {"ignore_weights": ("lstm.*",)}])
def test_what_means_nothing_to_a_bundle_is_refused(bundle, asked) -> None:
    with pytest.raises(OptionError, match="left out for a bundle"):
        open_source(bundle, **asked).__enter__()


def test_the_task_is_the_one_asked_for_or_the_one_that_the_files_name(checkpoint) -> None:
    with open_source(checkpoint) as found:
        assert found.task.name == "text-classification"
    with open_source(checkpoint, "feature-extraction") as found:
        assert found.task.name == "feature-extraction"


def test_a_vocabulary_must_fit_and_what_is_spare_is_said(checkpoint, tmp_path) -> None:
    copy = shutil.copytree(checkpoint, tmp_path / "copy")
    (copy / "vocab.txt").write_text("\n".join([*TOKENS, "多"]) + "\n", encoding="utf-8")
    with pytest.raises(VocabularyError, match=f"has ids up to {len(TOKENS)} and"):
        open_source(copy).__enter__()
    (copy / "vocab.txt").write_text("\n".join(TOKENS[:-1]) + "\n", encoding="utf-8")
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "unheard_of": 1}))
    with open_source(copy) as found:
        said = "\n".join(found.notes)
    assert f"has ids up to {len(TOKENS) - 2} and the model {len(TOKENS)} embeddings: rows from" in said
    assert "unheard_of" in said


@pytest.fixture
def gapped(tmp_path: Path) -> Path:
    """A checkpoint with an added token far behind the last row of its embeddings, though it has few tokens."""
    folder = write_checkpoint(tmp_path / "checkpoint", vocab_size=len(TOKENS) + 1)
    settings = {"added_tokens_decoder": {"900": {"content": "<far>", "special": True}}}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder


GAP = rf"has ids up to 900 and the model {len(TOKENS) + 1} embeddings"


def test_an_id_behind_a_gap_without_a_row(gapped: Path) -> None:
    with pytest.raises(VocabularyError, match=GAP), open_source(gapped, "text-classification", "slow"):
        pass


def test_the_reference_refuses_it_too(gapped: Path) -> None:
    with pytest.raises(VocabularyError, match=GAP):
        open_predictor(gapped, task="text-classification", tokenizer="slow")


def test_the_fast_mode_counts_on_from_the_vocabulary(gapped: Path) -> None:
    with open_source(gapped, "text-classification", "fast") as model:
        assert model.tokenizer.embedding_rows == len(TOKENS) + 1
