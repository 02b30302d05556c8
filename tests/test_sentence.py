"""The steps to a vector: one of them pools, and they say in words what they do."""

from __future__ import annotations

import pytest

from roformer_edge.errors import ConfigError
from roformer_edge.sentence import POOLINGS, SentenceHead, Step

MEAN = Step(kind="pooling", inputs=8, width=8, poolings=("mean",))
FIRST = Step(kind="pooling", inputs=8, width=8, poolings=("cls",))
BOTH = Step(kind="pooling", inputs=8, width=16, poolings=("cls", "max"))
DENSE = Step(kind="dense", inputs=8, width=4, module="2_Dense", activation="tanh")
UNIT = Step(kind="normalize", inputs=4, width=4)


@pytest.mark.parametrize("steps", [(), (DENSE, UNIT), (MEAN, MEAN)])
def test_one_step_pools(steps: tuple[Step, ...]) -> None:
    with pytest.raises(ConfigError, match=f"by one pooling, found {len(steps) and steps.count(MEAN)}"):
        SentenceHead(asked=None, steps=steps)


def test_the_vector_is_as_wide_as_the_last_step_makes_it() -> None:
    assert SentenceHead(asked=None, steps=(MEAN, DENSE, UNIT)).width == 4
    assert SentenceHead(asked="mean", steps=(BOTH,)).width == 16


@pytest.mark.parametrize(
    ("steps", "first"),
    [((FIRST,), True), ((FIRST, DENSE), True), ((MEAN,), False), ((BOTH,), False), ((DENSE, FIRST), False)],
)
def test_nothing_but_the_first_state_is_read_where_that_is_all_that_is_pooled(steps, first) -> None:
    assert SentenceHead(asked=None, steps=steps).reads_first is first


def test_the_description_names_every_step() -> None:
    described = SentenceHead(asked=None, steps=(BOTH, DENSE, UNIT)).description
    assert described == (
        f"{POOLINGS['cls']} beside {POOLINGS['max']}, a dense layer (2_Dense) to 4 with the activation tanh, "
        "divided by its length"
    )
