"""A model in memory is run on any rows, each filled up to a length that the model has."""

from __future__ import annotations

import gc
import tempfile
from pathlib import Path

import numpy as np
import pytest

from roformer_edge.errors import BackendError
from roformer_edge.export.tflite.session import ModelSession
from roformer_edge.tasks import get_task
from tests.export.conftest import TASK, reference_outputs
from tests.tflite_export import float_model

IDS = np.random.default_rng(0).integers(1, 120, (3, 9))
MASK = np.ones_like(IDS)
MASK[1, 5:] = 0
FEEDS = {"input_ids": IDS, "attention_mask": MASK, "token_type_ids": np.zeros_like(IDS)}


@pytest.mark.parametrize("lengths", [(), (16,), (9, 16)])
@pytest.mark.parametrize("name", ["text-classification", "token-classification", "text-generation"])
def test_rows_are_answered_as_by_torch_and_without_their_filling(make_checkpoint, name, lengths) -> None:
    task = get_task(name)
    checkpoint = make_checkpoint(task)
    session = ModelSession(float_model(checkpoint, task, lengths=lengths).pieces(), task, threads=1)
    found = session({**FEEDS, "pixels": IDS})
    for output, values in reference_outputs(checkpoint, FEEDS, task).items():
        assert found[output].shape == values.shape
        kept = MASK.astype(bool) if values.ndim == 3 else slice(None)
        np.testing.assert_allclose(found[output][kept], values[kept], atol=1e-4)


def test_choices_may_be_rows_or_belong_together(make_checkpoint) -> None:
    task = get_task("multiple-choice")
    checkpoint = make_checkpoint(task)
    session = ModelSession(float_model(checkpoint, task).pieces(), task, threads=1)
    together = {name: array[np.newaxis] for name, array in FEEDS.items()}
    wanted = reference_outputs(checkpoint, together, task)["logits"]
    np.testing.assert_allclose(session(together)["logits"], wanted, atol=1e-4)
    assert session(FEEDS)["logits"].shape == (3, 1)
    np.testing.assert_allclose(session(FEEDS)["logits"].ravel(), wanted.ravel(), atol=1e-4)


def test_a_model_that_the_engine_refuses_is_one_error() -> None:
    session = ModelSession([b"no model"], TASK)
    with pytest.raises(BackendError) as caught:
        session(FEEDS)
    assert "\n" not in str(caught.value)


def test_the_file_goes_with_the_session(make_checkpoint, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    pieces = list(float_model(make_checkpoint(), TASK).pieces())
    session = ModelSession(pieces, TASK, threads=1)
    assert len(list(Path(tempfile.tempdir).iterdir())) == 1
    del session
    gc.collect()
    assert list(Path(tempfile.tempdir).iterdir()) == []
