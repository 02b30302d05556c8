"""The model that artifacts are measured against, in PyTorch or without it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from roformer_edge.deploy import reference, reference_process
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.reference import ArtifactSession, open_reference, open_session, probing
from roformer_edge.deploy.source import SourceModel, open_source
from roformer_edge.errors import BackendError, CheckpointError, ComparisonError
from roformer_edge.validate.openers import open_predictor
from roformer_edge.validate.torch_session import TorchSession
from tests.tiny_checkpoint import TEXTS, write_checkpoint

INPUTS = [{"text": text} for text in TEXTS]
TASK = "text-classification"
FEEDS = {"input_ids": np.array([[2, 5, 6, 3], [2, 7, 3, 0]]), "attention_mask": np.array([[1, 1, 1, 1], [1, 1, 1, 0]])}


def answers_of(model: SourceModel, **options: int) -> list[dict[str, np.ndarray]]:
    with probing(model, **options) as answers:
        return answers()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint") / "tiny")


def test_without_torch_the_float_network_answers_the_same(checkpoint, monkeypatch) -> None:
    answers = []
    with open_source(checkpoint) as model:
        for there, kind in ((True, TorchSession), (False, ArtifactSession)):
            monkeypatch.setattr(reference, "available", lambda package, there=there: there)
            session = open_session(model, threads=1)
            assert type(session) is kind
            answers.append(session.run(FEEDS)["logits"])
    np.testing.assert_allclose(answers[0], answers[1], atol=1e-5)


def test_a_large_checkpoint_answers_in_a_process_of_its_own_and_alike(checkpoint, monkeypatch) -> None:
    with open_source(checkpoint) as model:
        here = answers_of(model)
        monkeypatch.setattr(reference, "LARGE", 0)
        # nothing is computed in this process
        monkeypatch.setattr(reference_process, "probe", None)
        there = answers_of(model)
    assert len(here) == len(there) > 1
    for ours, theirs in zip(here, there, strict=True):
        assert [*ours] == [*theirs]
        for name, array in ours.items():
            np.testing.assert_allclose(theirs[name], array, atol=1e-5)


def test_what_it_was_opened_with_is_told_to_the_process(tmp_path, monkeypatch) -> None:
    source = write_checkpoint(tmp_path / "tiny")
    monkeypatch.setattr(reference, "LARGE", 0)
    with open_source(source, "feature-extraction", max_length=9, pooling="mean") as model:
        vectors = answers_of(model, max_length=9)
    assert vectors[-1]["sentence_embedding"].shape[0] == 1
    assert vectors[-1]["layer.0"].shape[1] == 9
    extra = load_file(source / "model.safetensors") | {"roformer.extra.weight": np.ones((2, 2), np.float32)}
    save_file(extra, source / "model.safetensors")
    with open_source(source, ignore_weights=["roformer.extra.*"]) as model:
        assert answers_of(model)


def test_what_goes_wrong_there_is_told_here(checkpoint, monkeypatch) -> None:
    monkeypatch.setattr(reference, "LARGE", 0)
    with open_source(checkpoint) as model:
        monkeypatch.setattr(sys, "executable", "/bin/false")
        assert answers_of(model)

        def broken(*_: object) -> None:
            raise CheckpointError("it holds NaN")

        monkeypatch.setattr(reference_process, "probe", broken)
        with pytest.raises(CheckpointError, match="it holds NaN"):
            answers_of(model)


def test_a_process_that_is_not_waited_for_is_ended(checkpoint, monkeypatch) -> None:
    monkeypatch.setattr(reference, "LARGE", 0)
    started = []

    class Watched(subprocess.Popen):
        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, **options)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Watched)
    with open_source(checkpoint) as model, pytest.raises(KeyboardInterrupt), probing(model):
        raise KeyboardInterrupt
    (process,) = started
    assert process.returncode  # it neither runs on nor came to its end


def test_the_float_network_takes_its_feeds_as_any_session_does(checkpoint) -> None:
    with open_source(checkpoint) as model:
        session = ArtifactSession(model)
    ones = {**FEEDS, "attention_mask": np.ones((2, 4), np.int64)}
    np.testing.assert_array_equal(session.run({"input_ids": FEEDS["input_ids"]})["logits"], session.run(ones)["logits"])
    with pytest.raises(BackendError, match="the feeds hold pixels"):
        session.run({"pixels": FEEDS["input_ids"]})
    session.close()
    with pytest.raises(BackendError, match="is closed"):
        session.run(FEEDS)


def test_a_bundle_is_a_reference_as_it_is(checkpoint, tmp_path) -> None:
    bundle = deploy_checkpoint(checkpoint, tmp_path / "int8").bundle
    with open_reference(bundle, TASK) as predictor:
        assert predictor.facts.recipe == "int8-dynamic"
        np.testing.assert_array_equal(
            predictor.answer(INPUTS, batch_size=1), open_predictor(bundle).answer(INPUTS, batch_size=1)
        )
    with pytest.raises(ComparisonError, match="is a bundle for text-classification"):
        open_reference(bundle, "fill-mask").__enter__()


def test_long_texts_are_cut_when_asked_and_the_length_is_the_one_asked_for(checkpoint) -> None:
    long = [{"text": "好" * 60}]
    with (
        open_reference(checkpoint, TASK, truncation=True) as cut,
        open_reference(checkpoint, TASK, max_length=80) as whole,
    ):
        assert cut.find_problem(long[0]) is None
        assert whole.find_problem(long[0]) is None
        assert not np.array_equal(cut.answer(long, batch_size=1), whole.answer(long, batch_size=1))
    with open_reference(checkpoint, TASK) as plain:
        assert plain.find_problem(long[0]) is not None
