"""The torch reference behind the runtime's session protocol."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from roformer_edge.checkpoint.loading import load_checkpoint
from roformer_edge.errors import BackendError
from roformer_edge.models.torch.heads import RoFormerForSequenceClassification
from roformer_edge.tasks import get_task
from roformer_edge.validate.torch_session import TorchSession
from tests.tiny_checkpoint import write_checkpoint

IDS = np.array([[2, 5, 6, 3], [2, 7, 3, 0]])
FEEDS = {"input_ids": IDS, "attention_mask": np.array([[1, 1, 1, 1], [1, 1, 1, 0]])}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint") / "tiny")


def open_session(folder, task="text-classification", threads=1) -> TorchSession:
    with load_checkpoint(folder, get_task(task)) as checkpoint:
        return TorchSession(checkpoint, get_task(task), threads)


def test_it_answers_what_the_model_answers(folder) -> None:
    model = RoFormerForSequenceClassification.from_pretrained(folder)
    with torch.inference_mode():
        wanted = model(**{name: torch.from_numpy(array) for name, array in FEEDS.items()}).logits.numpy()
    found = open_session(folder).run({**FEEDS, "pixels": IDS})
    assert list(found) == ["logits"]
    np.testing.assert_array_equal(found["logits"], wanted)


def test_the_outputs_are_those_of_the_task(folder) -> None:
    session = open_session(folder, "feature-extraction")
    assert list(session.run(FEEDS)) == [spec.name for spec in session.signatures["default"].outputs]


def test_feeds_that_do_not_fit_are_refused_as_by_any_engine(folder) -> None:
    session = open_session(folder)
    with pytest.raises(BackendError, match="the feeds hold pixels"):
        session.run({"pixels": IDS})
    with pytest.raises(BackendError, match="no signature 'longer'"):
        session.run(FEEDS, "longer")


def test_its_number_of_threads_holds_whoever_changed_it(folder) -> None:
    before = torch.get_num_threads()
    try:
        one, two = open_session(folder, threads=1), open_session(folder, threads=2)
        for session in (one, two, one):
            session.run(FEEDS)
            assert torch.get_num_threads() == session.threads == session.report.threads
    finally:
        torch.set_num_threads(before)


def test_the_report_names_the_engine(folder) -> None:
    report = open_session(folder).report
    assert (report.engine, report.version, report.used) == ("torch", torch.__version__, "CPU")
