"""Parity says how far apart two tensors are, on both scales, and never passes what is not a number."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from roformer_edge.errors import ParityError
from roformer_edge.export.parity import Difference, difference_of, probe_feeds
from tests.export.conftest import TASK
from tests.onnx_export import float_graph, parity_of, reference_answers

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
    assert np.isfinite(difference_of(0 * ONES, 0 * ONES + 0.125).relative)  # a manifest holds no infinity


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
    shapes = [feeds["input_ids"].shape for feeds in probe_feeds(config, TASK)]
    return [
        {"layer.0": np.ones((rows, length, 2), np.float32), "logits": np.full((rows, 3), 8, np.float32)}
        for rows, length in shapes
    ]


def test_the_worst_of_all_tensors_is_recorded(make_checkpoint):
    config = make_checkpoint().config
    near = [{"layer.0": one["layer.0"] + 1e-6, "logits": one["logits"] + 3e-5} for one in expected(config)]
    parity = parity_of(Answering(near), expected(config), config, TASK)
    assert (parity.checked, parity.worst_tensor) == (True, "logits")
    assert parity.absolute_difference == pytest.approx(3e-5, rel=0.02)
    assert parity.relative_difference == pytest.approx(3e-5 / 8, rel=0.02)


@pytest.mark.parametrize("name", ["layer.0", "logits"])
def test_one_wrong_probe_is_enough(make_checkpoint, name):
    config = make_checkpoint().config
    found = expected(config)
    found[-1][name] = found[-1][name] * 1.01
    with pytest.raises(ParityError, match=f"tensor '{name}', absolute difference 0.0[18]"):
        parity_of(Answering(found), expected(config), config, TASK)


def test_what_padding_answers_is_its_own_affair_as_long_as_it_is_a_number(make_checkpoint):
    config = make_checkpoint().config
    padding = [feeds["attention_mask"] == 0 for feeds in probe_feeds(config, TASK)]
    assert any(mask.all(axis=1).any() for mask in padding)
    found = expected(config)
    for one, mask in zip(found, padding, strict=True):
        one["layer.0"][mask] += 1
        one["logits"][mask.all(axis=1)] += 1
    assert parity_of(Answering(found), expected(config), config, TASK).absolute_difference == 0
    found[0]["layer.0"][padding[0]] = np.nan
    with pytest.raises(ParityError, match=r"'layer\.0'"):
        parity_of(Answering(found), expected(config), config, TASK)


def test_the_first_wrong_tensor_is_named(make_checkpoint):
    checkpoint = make_checkpoint()
    arrays = dict(checkpoint.arrays)
    name = "roformer.encoder.layer.1.output.dense.weight"
    arrays[name] = arrays[name] * np.linspace(0.99, 1.01, 48, dtype=np.float32)[:, None]
    graph = float_graph(dataclasses.replace(checkpoint, arrays=arrays), TASK)
    with pytest.raises(ParityError) as caught:
        parity_of(graph, reference_answers(checkpoint, TASK), checkpoint.config, TASK)
    assert caught.value.tensor == "layer.1"
    assert caught.value.absolute > caught.value.tolerance == TASK.tolerance
