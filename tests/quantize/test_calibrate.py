"""Calibration on a tiny numpy model: padding and batching must not matter, and nothing may be kept but counts."""

from __future__ import annotations

import copy
import functools
import json
import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roformer_edge.errors import CalibrationError, UnknownNameError
from roformer_edge.quantize.affine import Grid
from roformer_edge.quantize.calibrate import calibrate
from roformer_edge.quantize.observers import OBSERVERS, Percentile

WIDTH = 6
VOCABULARY = 50
PAD = 0
TENSORS = ("tokens", "context", "pooled")


class Model:
    """Three tensors of a model that attends to all tokens and to no padding; padding itself is an outlier.

    All numbers are multiples of 2 ** -12 and small, so that no sum depends on its order.
    """

    def __init__(self) -> None:
        self.table = np.random.default_rng(5).integers(-200, 200, (VOCABULARY, WIDTH)) / 64
        self.table[PAD] = 1e5

    def __call__(self, feeds):
        tokens = self.table[feeds["input_ids"]]
        mask = feeds["attention_mask"][..., None] != 0
        total = (tokens * mask).sum(axis=1)
        context = np.where(mask, tokens**2 - total[:, None], np.nan)
        # rows of the batch that are all padding are outliers, too
        pooled = np.where(mask.any(axis=1), total, -1e6)
        tensors = {"tokens": tokens, "context": context, "pooled": pooled}
        return {name: array.astype(np.float32) for name, array in tensors.items()}


def padded(texts, *, width=None, offset=0):
    """One batch of feeds; the texts start at ``offset``."""
    width = width or offset + max(map(len, texts))
    ids = np.full((len(texts), width), PAD, np.int64)
    mask = np.zeros_like(ids)
    for row, text in enumerate(texts):
        ids[row, offset : offset + len(text)] = text
        mask[row, offset : offset + len(text)] = 1
    return {"input_ids": ids, "attention_mask": mask}


texts_of = st.lists(st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=9), min_size=1, max_size=12)


@pytest.mark.parametrize("observer", OBSERVERS)
@settings(deadline=None, max_examples=5)
@given(texts=texts_of, data=st.data())
def test_batches_padding_and_order_do_not_matter(observer, texts, data):
    run = Model()
    alone = calibrate(run, [padded([text]) for text in texts], TENSORS, observer=observer)
    order = data.draw(st.permutations(texts))
    batches = []
    while order:
        size = data.draw(st.integers(1, len(order)))
        extra, offset = data.draw(st.integers(0, 5)), data.draw(st.integers(0, 3))
        part = order[:size] + [[]] * data.draw(st.integers(0, 2))
        batches.append(padded(part, width=offset + 9 + extra, offset=offset))
        order = order[size:]
    together = calibrate(run, batches, TENSORS, observer=observer)
    assert (together.texts, together.tokens) == (len(texts), sum(map(len, texts)))
    assert together == alone


def test_ranges_are_those_of_the_tokens():
    run = Model()
    texts = [[1, 2, 3, 4], [5], [6, 7]]
    calibration = calibrate(run, [padded(texts, width=11)], ["tokens", "pooled"], observer="minmax")
    seen = run.table[1:8].astype(np.float32)
    assert calibration.ranges["tokens"] == (seen.min(), seen.max())
    assert calibration.channel_maxima["tokens"] == tuple(np.abs(seen).max(axis=0).tolist())
    pooled = np.float32([run.table[text].sum(axis=0) for text in texts])
    assert calibration.ranges["pooled"] == (pooled.min(), pooled.max())
    assert (calibration.texts, calibration.tokens) == (3, 7)


def test_a_batch_as_wide_as_its_vectors_is_not_mistaken():
    # [batch, width] and [batch, sequence] have one shape here: the pooled tensor must not be masked by position
    texts = [[1], [2, 3]]
    calibration = calibrate(Model(), [padded(texts, width=WIDTH)], ["pooled"], observer="minmax")
    alone = calibrate(Model(), [padded([text]) for text in texts], ["pooled"], observer="minmax")
    assert calibration.ranges == alone.ranges


def test_axes_after_the_sequence_may_be_many():
    def run(feeds):
        heads = np.arange(2 * 3 * 2 * 4, dtype=np.float32).reshape(2, 3, 2, 4)
        return {"heads": heads}

    calibration = calibrate(run, [padded([[1, 1, 1], [2]])], ["heads"], observer="minmax")
    assert calibration.ranges["heads"] == (0, 31)
    assert calibration.channel_maxima["heads"] == (28, 29, 30, 31)


def test_memory_is_bounded():
    def batches(count):
        rng = np.random.default_rng(0)
        for _ in range(count):
            ids = rng.integers(1, VOCABULARY, (32, 64))
            yield {"input_ids": ids, "attention_mask": np.ones_like(ids)}

    def peak(count):
        tracemalloc.start()
        calibrate(run, batches(count), ("tokens",), observer="percentile")
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    run = Model()
    peak(1)
    assert peak(40) < peak(2) * 1.2 + 100_000


def test_progress_counts_up():
    class Told(list):
        def step(self, done, total):
            self.append((done, total))

    told = Told()
    calibrate(Model(), [padded([[1, 2], [3]]), padded([[], []], width=4), padded([[4]])], ["tokens"], progress=told)
    assert told == [(2, None), (3, None)]


def test_channels_are_recorded_on_demand():
    batches = [padded([[1, 2, 3]])]
    assert calibrate(Model(), batches, ["tokens"], channels=False).channel_maxima == {}


def test_an_observer_with_parameters_and_a_grid():
    grid = Grid(dtype="int8", symmetric=True)
    batches = [padded([[1, 2, 3]])]
    calibration = calibrate(
        Model(), batches, ["tokens"], observer=functools.partial(Percentile, percentile=90.0), grid=grid
    )
    assert calibration.observer == "percentile(90)"
    assert calibration.grid == grid


# ---------------------------------------------------------------- digest


def test_digest_tells_inputs_and_settings_apart():
    run = Model()
    base = calibrate(run, [padded([[1, 2], [3]])], ["tokens"]).digest
    others = [
        calibrate(run, [padded([[2, 1], [3]])], ["tokens"]),
        calibrate(run, [padded([[1], [2, 3]])], ["tokens"]),
        calibrate(run, [padded([[1, 2], [3], [3]])], ["tokens"]),
        calibrate(run, [padded([[1, 2], [3]])], ["pooled"]),
        calibrate(run, [padded([[1, 2], [3]])], ["tokens"], observer="mse"),
        calibrate(run, [padded([[1, 2], [3]])], ["tokens"], grid=Grid(dtype="int8")),
        calibrate(run, [{**padded([[1, 2], [3]]), "token_type_ids": np.ones((2, 2), int)}], ["tokens"]),
    ]
    digests = {base, *(other.digest for other in others)}
    assert len(digests) == 1 + len(others)


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_digest_does_not_depend_on_the_integer_type(dtype):
    feeds = {name: array.astype(dtype) for name, array in padded([[1, 2], [3]]).items()}
    assert (
        calibrate(Model(), [feeds], ["tokens"]).digest == calibrate(Model(), [padded([[1, 2], [3]])], ["tokens"]).digest
    )


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize("batches", [[], [padded([[], []], width=5)]], ids=["no batch", "padding only"])
def test_nothing_to_see_is_an_error(batches):
    with pytest.raises(CalibrationError, match="saw no tokens"):
        calibrate(Model(), batches, ["tokens"])


def test_no_tensor_is_an_error():
    with pytest.raises(CalibrationError, match="no tensor"):
        calibrate(Model(), [padded([[1]])], [])


def test_a_missing_tensor_is_named():
    with pytest.raises(CalibrationError, match=r"no output 'layer.9'; it has: tokens, context, pooled"):
        calibrate(Model(), [padded([[1]])], ["tokens", "layer.9"])


def test_a_missing_mask_is_named():
    feeds = padded([[1, 2]])
    del feeds["attention_mask"]
    with pytest.raises(CalibrationError, match=r"no 'attention_mask'.*input_ids"):
        calibrate(Model(), [feeds], ["tokens"])


def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(CalibrationError, match=r"\[batch, sequence\], found \[2, 1, 3\]"):
        calibrate(Model(), [{"attention_mask": np.ones((2, 1, 3))}], ["tokens"])


@pytest.mark.parametrize("shape", [(3, 2), (2, 4, 6), (2,), (6, 4)], ids=str)
def test_a_tensor_of_another_shape_is_refused(shape):
    with pytest.raises(CalibrationError, match=r"'x' has the shape .*must start with \[batch, sequence\] = \[2, 3\]"):
        calibrate(lambda _: {"x": np.ones(shape, np.float32)}, [padded([[1, 2, 3], [4]])], ["x"])


def test_channels_must_stay_the_same():
    widths = iter([4, 5])

    def run(feeds):
        return {"x": np.ones((*feeds["input_ids"].shape, next(widths)), np.float32)}

    with pytest.raises(CalibrationError, match="'x' had 4 channels in one batch and 5 in another"):
        calibrate(run, [padded([[1]]), padded([[2]])], ["x"])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("observer", OBSERVERS)
def test_a_value_that_is_not_finite_names_its_tensor(bad, observer):
    def run(feeds):
        values = np.ones((*feeds["input_ids"].shape, 3), np.float32)
        return {"fine": values, "broken": np.where(feeds["input_ids"][..., None] == 2, np.float32(bad), values)}

    with pytest.raises(CalibrationError, match=r"3 of 9 values of 'broken' are NaN or infinite"):
        calibrate(run, [padded([[1, 2, 3]])], ["fine", "broken"], observer=observer)
    # at padding it does no harm
    assert calibrate(run, [padded([[1], [3, 3]])], ["fine", "broken"], observer=observer).tokens == 3


def test_an_unknown_observer_is_refused_before_anything_runs():
    with pytest.raises(UnknownNameError, match="observer 'kl'"):
        calibrate(lambda _: pytest.fail("ran"), [padded([[1]])], ["tokens"], observer="kl")


# ---------------------------------------------------------------- saving


@pytest.fixture
def saved():
    return calibrate(Model(), [padded([[1, 2, 3], [4]])], TENSORS, observer="mse")


def test_it_is_recorded_as_json(saved):
    record = json.loads(json.dumps(saved.to_dict()))
    assert record["ranges"]["pooled"] == list(saved.ranges["pooled"])
    assert (record["texts"], record["tokens"], record["digest"]) == (2, 4, saved.digest)


def test_it_can_be_copied_and_pickled(saved):
    assert copy.deepcopy(saved) == saved
    assert pickle.loads(pickle.dumps(saved)) == saved
