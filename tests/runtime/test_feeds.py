"""What is given to a graph: exactly its inputs, and nothing made up that nobody can know."""

from __future__ import annotations

import numpy as np
import pytest

from roformer_edge.errors import BackendError
from roformer_edge.runtime.feeds import fit_feeds
from roformer_edge.signatures import Signature, TensorSpec
from roformer_edge.tasks import get_task
from tests.tiny_runtime import fixed_signatures

IDS = np.arange(6).reshape(2, 3)
TEXT = {"default": get_task("text-classification").signature}
CHOICES = {"default": get_task("multiple-choice").signature}


def with_inputs(*inputs: TensorSpec) -> dict[str, Signature]:
    return {"default": Signature(inputs=inputs, outputs=TEXT["default"].outputs)}


IDS_SPEC = TensorSpec(name="input_ids", dtype="int64", axes=("batch", "sequence"))


def test_missing_inputs_take_their_sizes_from_the_axes_that_they_share() -> None:
    fitted = fit_feeds({"input_ids": IDS[:, None], "pixels": IDS}, CHOICES)
    assert {name: array.shape for name, array in fitted.items()} == {
        "input_ids": (2, 1, 3), "attention_mask": (2, 1, 3), "token_type_ids": (2, 1, 3),
    }  # fmt: skip
    assert fitted["attention_mask"].all()
    assert not fitted["token_type_ids"].any()
    other_order = TensorSpec(name="attention_mask", dtype="float32", axes=("sequence", "1", "batch"))
    mask = fit_feeds({"input_ids": IDS}, with_inputs(IDS_SPEC, other_order))["attention_mask"]
    assert (mask.shape, mask.dtype) == ((3, 1, 2), np.dtype("float32"))


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        (TensorSpec(name="attention_mask", dtype="int64", axes=("batch", "past")), "attention_mask cannot be made up"),
        (TensorSpec(name="head_mask", dtype="int64", axes=("batch", "sequence")), "head_mask cannot be made up"),
        (TensorSpec(name="past", dtype="float32", axes=("batch", "heads", "past", "4")), "past cannot be made up"),
    ],
)
def test_what_nobody_can_know_is_an_error(spec: TensorSpec, complaint: str) -> None:
    """Before, any missing input was filled with zeros in the shape of the first known one."""
    with pytest.raises(BackendError, match=f"takes input_ids, {spec.name}, and the feeds hold input_ids: {complaint}"):
        fit_feeds({"input_ids": IDS}, with_inputs(IDS_SPEC, spec))


def spec(name: str, *axes: str, dtype: str = "int64") -> TensorSpec:
    return TensorSpec(name=name, dtype=dtype, axes=axes)


CACHED = with_inputs(
    IDS_SPEC,
    spec("attention_mask", "batch", "total"),
    spec("positions", "batch", "positions"),
    spec("position_ids", "batch", "sequence"),
    spec("past_key_values.0.key", "batch", "2", "past", "4", dtype="float32"),
)


def test_without_a_cache_there_is_no_token_before_the_first_and_all_positions_are_read() -> None:
    fitted = fit_feeds({"input_ids": IDS}, CACHED)
    assert fitted["attention_mask"].tolist() == [[1, 1, 1]] * 2
    assert fitted["positions"].tolist() == fitted["position_ids"].tolist() == [[0, 1, 2]] * 2
    assert fitted["past_key_values.0.key"].shape == (2, 2, 0, 4)
    assert fitted["past_key_values.0.key"].dtype == np.float32


def test_tokens_go_on_behind_those_of_the_cache() -> None:
    past = np.zeros((2, 2, 5, 4), np.float32)
    fitted = fit_feeds({"input_ids": IDS, "past_key_values.0.key": past, "positions": IDS[:, :1]}, CACHED)
    assert fitted["attention_mask"].shape == (2, 8)
    assert fitted["position_ids"].tolist() == [[5, 6, 7]] * 2
    assert fitted["positions"].shape == (2, 1)
    with pytest.raises(BackendError, match="for all tokens, 5 of the cache and 3 new ones, and was given one for 3"):
        fit_feeds({"input_ids": IDS, "past_key_values.0.key": past, "attention_mask": IDS}, CACHED)


def test_token_ids_are_never_made_up() -> None:
    with pytest.raises(BackendError, match="the feeds hold attention_mask: input_ids cannot be made up"):
        fit_feeds({"attention_mask": np.ones_like(IDS)}, TEXT)
    with pytest.raises(BackendError, match="the feeds hold nothing"):
        fit_feeds({}, TEXT)


@pytest.mark.parametrize(
    ("feeds", "message"),
    [
        ({"input_ids": IDS[0]}, r"takes input_ids of shape \[batch, sequence\], and was given \[3\]"),
        ({"input_ids": IDS[:, None]}, r"takes input_ids of shape \[batch, sequence\], and was given \[2, 1, 3\]"),
        (
            {"input_ids": IDS, "attention_mask": IDS[:, :2]},
            r"takes attention_mask of shape \[batch = 2, sequence = 3\], and was given \[2, 2\]",
        ),
        ({"input_ids": IDS.astype(float)}, "takes input_ids as int64, and was given float64"),
    ],
)
def test_arrays_that_do_not_fit_are_named(feeds: dict, message: str) -> None:
    with pytest.raises(BackendError, match=message):
        fit_feeds(feeds, TEXT)


def test_fixed_sizes_are_kept() -> None:
    signatures = fixed_signatures(TEXT["default"], 8, 3, rows=2)
    assert fit_feeds({"input_ids": IDS}, signatures, "length 3")["attention_mask"].shape == (2, 3)
    with pytest.raises(BackendError, match=r"takes input_ids of shape \[2, 8\], and was given \[2, 3\]"):
        fit_feeds({"input_ids": IDS}, signatures)
    with pytest.raises(BackendError, match=r"takes input_ids of shape \[2, 3\], and was given \[1, 3\]"):
        fit_feeds({"input_ids": IDS[:1]}, signatures, "length 3")


def test_a_signature_that_is_not_there_lists_those_that_are() -> None:
    with pytest.raises(BackendError, match="has no signature 'decode'; it has: default"):
        fit_feeds({"input_ids": IDS}, TEXT, "decode")
