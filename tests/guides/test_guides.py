"""The task guides of transformers' page on RoFormer: with the import changed, the same losses at every step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.guides.conftest import HERE
from tests.guides.exchange import with_our_classes

pytestmark = pytest.mark.oracle

STEPS = 20
TOLERANCE = 1e-4
TASKS = (
    "sequence_classification",
    "token_classification",
    "question_answering",
    "causal_language_modeling",
    "masked_language_modeling",
    "multiple_choice",
)
FLAX = tuple(guide for guide in TASKS if not guide.startswith("causal"))


def assert_near(ours: Any, theirs: Any, tolerance: float = TOLERANCE) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance)


def centred(logits: Any) -> Any:
    """Take off the average: what a bias adds to all of them no loss sees, and Adam moves it by its noise alone."""
    return np.asarray(logits) - np.mean(logits, axis=-1, keepdims=True)


@pytest.mark.parametrize("guide", TASKS)
class TestTorch:
    def test_losses(self, torch_guides: dict[str, Any], guide: str):
        """Those of every step, of evaluations, and what was measured there."""
        theirs, ours = (torch_guides[guide][whose] for whose in ("theirs", "ours"))
        assert (theirs["class"].partition(".")[0], ours["class"].partition(".")[0]) == ("transformers", "roformer_edge")
        assert len(theirs["losses"]) == STEPS
        assert max(theirs["losses"]) - min(theirs["losses"]) > 0.2  # it learns something
        assert_near(ours["losses"], theirs["losses"])
        assert_near(ours["gradients"], theirs["gradients"], 1e-3)
        assert_near(ours["evaluations"], theirs["evaluations"])
        assert ours["metrics"] == theirs["metrics"]

    def test_predictions(self, torch_guides: dict[str, Any], guide: str):
        """On data with labels and without, and what the guide makes of the trained model."""
        theirs, ours = (torch_guides[guide][whose] for whose in ("theirs", "ours"))
        assert len(ours["predicted"]) == len(theirs["predicted"])
        for one, other in zip(ours["predicted"], theirs["predicted"], strict=True):
            assert_near(centred(one), centred(other), 1e-3)
        assert ours["more"].keys() == theirs["more"].keys()
        for name, value in theirs["more"].items():
            if isinstance(value, float):
                assert ours["more"][name] == pytest.approx(value, abs=1e-3)
            else:
                assert ours["more"][name] == value, name

    def test_what_trainer_saves(self, torch_guides: dict[str, Any], guide: str):
        saved = set(torch_guides[guide]["ours"]["files"])
        if guide != "sequence_classification":  # which saves in its checkpoints alone
            assert {"config.json", "model.safetensors", "training_args.bin", "vocab.txt"} <= saved


def test_one_line_of_a_script_is_another():
    scripts = sorted(HERE.glob("trainer/*.py")) + sorted(HERE.glob("frameworks/*.py"))
    assert {script.stem for script in scripts} == {*TASKS, "flax_optax", "keras_fit"}
    for script in scripts:
        lines = script.read_text(encoding="utf-8").splitlines()
        changed = with_our_classes("\n".join(lines)).splitlines()
        differing = [(one, other) for one, other in zip(lines, changed, strict=True) if one != other]
        assert len(differing) == 1
        assert differing[0][1] == differing[0][0].replace("transformers", "roformer_edge")


@pytest.mark.parametrize("guide", FLAX)
def test_losses_with_flax(flax_guides: dict[str, Any], guide: str):
    """A TrainState, optax and a compiled step; what was trained is saved and read again."""
    assert_trained_alike(flax_guides, guide)


@pytest.mark.parametrize("guide", TASKS)
def test_losses_with_keras(keras_guides: dict[str, Any], guide: str):
    """Compiled without a loss, fitted by Adam on a dataset, saved and read again."""
    assert_trained_alike(keras_guides, guide)


def assert_trained_alike(guides: dict[str, Any], guide: str) -> None:
    assert {home.partition(".")[0] for home in guides["theirs"]["homes"]} == {"transformers"}
    assert {home.partition(".")[0] for home in guides["ours"]["homes"]} == {"roformer_edge"}
    theirs, ours = (guides[whose]["report"][guide] for whose in ("theirs", "ours"))
    assert len(theirs["losses"]) == STEPS
    assert len(set(theirs["losses"])) > STEPS // 2  # it learns something
    assert_near(ours["losses"], theirs["losses"])
    assert ours["kept"] < 1e-5
