"""The task guides of transformers' page on RoFormer: with the import changed, the same losses at every step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.guides import torch_program
from tests.guides.conftest import HERE

pytestmark = pytest.mark.oracle

STEPS = 20
TOLERANCE = 1e-4
KERAS = (
    "sequence_classification",
    "token_classification",
    "question_answering",
    "causal_language_modeling",
    "masked_language_modeling",
    "multiple_choice",
)
FLAX = tuple(guide for guide in KERAS if not guide.startswith("causal"))


def assert_near(ours: Any, theirs: Any, tolerance: float = TOLERANCE) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance)


@pytest.mark.parametrize("guide", KERAS)
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
            assert_near(one, other, 1e-3)
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


def test_every_guide_runs_unchanged_but_for_its_import():
    scripts = sorted((HERE / "torch").glob("*.py"))
    assert {script.stem for script in scripts} == set(KERAS)
    for script in scripts:
        changed, count = torch_program.IMPORT.subn("", script.read_text(encoding="utf-8"))
        assert count == 1
        assert "roformer_edge" not in changed


@pytest.mark.parametrize(("kind", "guide"), [*(("keras", one) for one in KERAS), *(("flax", one) for one in FLAX)])
def test_losses_in_other_frameworks(framework_guides: dict[str, Any], kind: str, guide: str):
    """Keras with fit, Flax with optax; what was trained is saved and read again."""
    found = framework_guides[kind]
    assert {home.partition(".")[0] for home in found["theirs"]["homes"]} == {"transformers"}
    assert {home.partition(".")[0] for home in found["ours"]["homes"]} == {"roformer_edge"}
    theirs, ours = (found[whose]["report"][guide] for whose in ("theirs", "ours"))
    assert len(theirs["losses"]) == STEPS
    assert max(theirs["losses"]) - min(theirs["losses"]) > 0.05
    assert_near(ours["losses"], theirs["losses"])
    assert ours["kept"] < 1e-5


def test_the_scripts_of_other_frameworks_are_there():
    assert sorted(path.name for path in Path(HERE / "frameworks").glob("*.py")) == ["flax_optax.py", "keras_fit.py"]
