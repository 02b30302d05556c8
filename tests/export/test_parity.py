"""Parity says how far apart two tensors are, on both scales, and never passes what is not a number."""

from __future__ import annotations

import numpy as np
import pytest

from roformer_edge.errors import ParityError
from roformer_edge.export.parity import Difference, check_parity, difference_of, probe_feeds
from tests.export.conftest import TASK

ONES = np.ones(3, np.float32)


def test_both_scales_are_told():
    assert difference_of(4 * ONES, 4 * ONES + 2) == Difference(absolute=2.0, relative=0.5)
    assert difference_of(ONES / 4, ONES / 4 + 0.125) == Difference(absolute=0.125, relative=0.5)
    assert difference_of(0 * ONES, 0 * ONES) == Difference(absolute=0.0, relative=0.0)
    assert difference_of(np.empty((0, 4)), np.empty((0, 4))) == Difference(absolute=0.0, relative=0.0)


def test_large_tensors_are_held_to_the_relative_difference_and_small_ones_to_the_absolute():
    assert difference_of(4 * ONES, 4 * ONES + 2).scaled == 0.5
    assert difference_of(ONES / 4, ONES / 4 + 0.125).scaled == 0.125
    assert difference_of(0 * ONES, 0 * ONES + 0.125).scaled == 0.125


@pytest.mark.parametrize("found", [np.array([1, np.nan, 1]), np.array([1, np.inf, 1]), np.ones(2)], ids=str)
def test_what_cannot_be_compared_is_infinitely_far_apart(found):
    assert difference_of(ONES, found.astype(np.float32)).scaled == float("inf")
    assert difference_of(found.astype(np.float32), ONES).scaled == float("inf")


class Answering:
    """An artifact that answers what it is told to."""

    marks = ("layer.0",)

    def __init__(self, answers):
        self._answers = iter(answers)

    def open(self, marks=()):
        return lambda feeds: next(self._answers)


def expected(config):
    return [{"layer.0": ONES[None], "logits": 8 * ONES[None]} for _ in probe_feeds(config, TASK)]


def test_the_worst_of_all_tensors_is_recorded(make_checkpoint):
    config = make_checkpoint().config
    near = [{"layer.0": ONES[None] + 1e-6, "logits": 8 * ONES[None] + 3e-5} for _ in expected(config)]
    parity = check_parity(Answering(near), expected(config), config, TASK)
    assert (parity.checked, parity.worst_tensor) == (True, "logits")
    assert parity.absolute_difference == pytest.approx(3e-5, rel=0.02)
    assert parity.relative_difference == pytest.approx(3e-5 / 8, rel=0.02)


@pytest.mark.parametrize("name", ["layer.0", "logits"])
def test_one_wrong_probe_is_enough(make_checkpoint, name):
    config = make_checkpoint().config
    found = expected(config)
    found[-1][name] = found[-1][name] * 1.01
    with pytest.raises(ParityError, match=f"tensor '{name}', absolute difference 0.0[18]"):
        check_parity(Answering(found), expected(config), config, TASK)
