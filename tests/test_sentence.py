"""What makes one vector of a text is one pooling, and layers before and after it."""

from __future__ import annotations

import pytest

from roformer_edge.errors import ConfigError
from roformer_edge.sentence import SentenceHead, Step

POOL = Step(kind="pooling", inputs=4, width=4, poolings=("mean",))
DENSE = Step(kind="dense", inputs=4, width=3, module="sentence.1", activation="tanh")
UNIT = Step(kind="normalize", inputs=3, width=3)


@pytest.mark.parametrize(("steps", "found"), [((), 0), ((DENSE,), 0), ((POOL, DENSE, POOL), 2)])
def test_one_step_pools(steps: tuple[Step, ...], found: int) -> None:
    with pytest.raises(ConfigError, match=f"made by one pooling, found {found}"):
        SentenceHead(asked=None, steps=steps)


def test_the_vector_is_as_wide_as_the_last_step_makes_it() -> None:
    assert SentenceHead(asked=None, steps=(POOL, DENSE, UNIT)).width == 3
    assert SentenceHead(asked="mean", steps=(POOL,)).width == 4


@pytest.mark.parametrize(("poolings", "first"), [(("cls",), True), (("cls", "mean"), False), (("mean",), False)])
def test_only_cls_alone_at_the_beginning_reads_the_first_state_alone(poolings: tuple[str, ...], first: bool) -> None:
    pool = Step(kind="pooling", inputs=4, width=4 * len(poolings), poolings=poolings)
    assert SentenceHead(asked=None, steps=(pool,)).reads_first is first
    before = Step(kind="dense", inputs=4, width=4, module="sentence.0")
    assert not SentenceHead(asked=None, steps=(before, pool)).reads_first


def test_steps_in_words() -> None:
    both = Step(kind="pooling", inputs=4, width=8, poolings=("cls", "max"))
    norm = Step(kind="layer_norm", inputs=8, width=8, module="sentence.1")
    assert SentenceHead(asked=None, steps=(both, norm, DENSE, UNIT)).description == (
        "the state of [CLS] beside the largest value of each channel, a layer norm, "
        "a dense layer (sentence.1) to 3 with the activation tanh, divided by its length"
    )
