"""What scripts for transformers do besides: with its classes and with ours the same comes out."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.oracle


def same(habits: dict[str, Any], habit: str) -> Any:
    """Check that a habit gave the same with both, and return it."""
    theirs, ours = habits["theirs"][habit], habits["ours"][habit]
    for found in (theirs, ours):
        assert not isinstance(found, dict) or "failed" not in found, found["failed"]
    assert_near(ours, theirs)
    return ours


def assert_near(ours: Any, theirs: Any) -> None:
    """Check that two things of JSON are equal, numbers with a point to 1e-3."""
    assert type(ours) is type(theirs)
    if isinstance(ours, dict):
        assert list(ours) == list(theirs)
        ours, theirs = list(ours.values()), list(theirs.values())
    if isinstance(ours, list):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert_near(one, other)
    elif isinstance(ours, float):
        assert abs(ours - theirs) < 1e-3
    else:
        assert ours == theirs


def test_a_new_head_is_the_same_from_the_same_seed(habits: dict[str, Any]):
    dense, _ = same(habits, "new_heads")
    assert any(dense[0])


def test_generated_tokens(habits: dict[str, Any]):
    """Greedy, sampled and searched by beams, with several answers: token for token."""
    generations = [habit for habit in habits["theirs"] if habit.startswith("generate ")]
    assert len(generations) == 14
    answers = [str(same(habits, habit)) for habit in generations]
    assert len(set(answers)) > 10


def test_a_streamer_is_given_prompt_tokens_and_end(habits: dict[str, Any]):
    given = same(habits, "streamed")
    assert (len(given), given[-1]) == (1 + 6 + 1, "end")


def test_stopping_criteria_and_logits_processors(habits: dict[str, Any]):
    same(habits, "stopped")
    same(habits, "processed")


def test_a_generation_config(habits: dict[str, Any]):
    longer, shorter = same(habits, "configured")
    assert len(longer[0]) - len(shorter[0]) == 4


def test_results_of_generation_by_name(habits: dict[str, Any]):
    found = same(habits, "named")
    assert len(found["scores"]) == len(found["logits"]) == 5
    assert len(found["sequences_scores"]) == len(found["searched"]) == 6


def test_prompts_that_are_padded_on_the_right(habits: dict[str, Any]):
    same(habits, "padded_on_the_right")


def test_pipelines_of_transformers(habits: dict[str, Any]):
    found = same(habits, "pipelines")
    assert len(found["classes"]) == len(found["masks"]) == 3
    assert found["answer"]["answer"]
    assert found["tokens"]


def test_adapters_of_peft(habits: dict[str, Any]):
    found = same(habits, "adapted")
    assert found["kept"]
    assert found["losses"][0] > found["losses"][-1]


def test_a_trainer_without_a_collator_that_resumes(habits: dict[str, Any]):
    assert len(same(habits, "default_collator")) == 8


def test_what_trainer_saves_is_deployed(habits: dict[str, Any]):
    assert habits["deployed"] == {"label": True, "score": True}
