"""A model's numbers as emitters get them: nothing of what the network computes may change by their arrangement."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from roformer_edge.checkpoint.names import ROTARY_TABLE, WORD_EMBEDDINGS, shapes_of
from roformer_edge.checkpoint.rotary_table import rotary_table
from roformer_edge.config import RoFormerConfig
from roformer_edge.export.network.weights import Weights, half_split_order
from roformer_edge.quantize.outliers import Smoothing
from roformer_edge.quantize.recipe import Decision
from roformer_edge.scopes import scopes_of
from roformer_edge.tasks import get_task

HEADS, SIZE, HIDDEN = 2, 8, 16
TASK = get_task("fill-mask")


def make(**fields: object) -> Weights:
    """Random arrays of a masked language model."""
    values = {"vocab_size": 20, "hidden_size": HIDDEN, "num_hidden_layers": 2, "num_attention_heads": HEADS}
    config = RoFormerConfig(**{**values, "intermediate_size": 12, "max_position_embeddings": 6, **fields})
    random = np.random.default_rng(5)
    shapes = shapes_of(config, TASK.model_class)
    arrays = {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    arrays[ROTARY_TABLE] = rotary_table(6, SIZE)
    return Weights(config=config, arrays=arrays)


def decided(weights: Weights, **schemes: str) -> Weights:
    """Decisions for some scopes; an underscore stands for a dot."""
    scopes = {scope.name: scope for scope in scopes_of(weights.config, TASK)}
    decisions = {
        name.replace("_", "."): Decision(scope=scopes[name.replace("_", ".")], scheme=scheme, reason="asked for")
        for name, scheme in schemes.items()
    }
    return dataclasses.replace(weights, decisions=decisions)


def original(weights: Weights, part: str, x: np.ndarray) -> np.ndarray:
    """A projection of layer 1 as the model has it, ``[positions, heads, head size]``."""
    name = f"roformer.encoder.layer.1.attention.self.{part}"
    return (x @ weights.arrays[f"{name}.weight"].T + weights.arrays[f"{name}.bias"]).reshape(-1, HEADS, SIZE)


def projected(linear: tuple, x: np.ndarray) -> np.ndarray:
    return (x @ linear[0].T + linear[1]).reshape(-1, HEADS, SIZE)


def test_scores_are_those_of_the_model_with_its_scale():
    weights = make()
    attention = weights.attention(1)
    x = np.random.default_rng(0).normal(size=(5, HIDDEN)).astype(np.float32)
    wanted = np.einsum("qhd,khd->hqk", original(weights, "query", x), original(weights, "key", x)) / np.sqrt(SIZE)
    found = np.einsum("qhd,khd->hqk", projected(attention.query, x), projected(attention.key, x))
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_pairs_of_a_rotation_stand_in_two_halves():
    weights = make()
    attention = weights.attention(1)
    x = np.eye(HIDDEN, dtype=np.float32)
    wanted = original(weights, "key", x)
    halves = np.concatenate([wanted[..., 0::2], wanted[..., 1::2]], axis=-1)
    np.testing.assert_allclose(projected(attention.key, x), halves, rtol=1e-5)
    table = weights.arrays[ROTARY_TABLE]
    np.testing.assert_array_equal(np.concatenate([attention.sines, attention.cosines], axis=1), table)


@pytest.mark.parametrize("rotates", [False, True])
def test_the_output_reads_the_value_in_the_order_in_which_it_is_made(rotates):
    weights = make(rotary_value=rotates)
    attention, output = weights.attention(1), weights.attention_output(1)
    assert attention.rotates_value is rotates
    x = np.random.default_rng(0).normal(size=(5, HIDDEN)).astype(np.float32)
    name = "roformer.encoder.layer.1.attention.output.dense"
    wanted = original(weights, "value", x).reshape(-1, HIDDEN) @ weights.arrays[f"{name}.weight"].T
    found = projected(attention.value, x).reshape(-1, HIDDEN) @ output.weight.T
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(output.bias, weights.arrays[f"{name}.bias"])


@pytest.mark.parametrize("rotates", [False, True])
def test_figures_of_channels_go_back_to_the_order_of_the_model(rotates):
    weights = make(rotary_value=rotates)
    made = weights.attention_output(1).weight[0]
    site = "layer.1.attention.output"
    model = weights.arrays["roformer.encoder.layer.1.attention.output.dense.weight"][0]
    np.testing.assert_array_equal(weights.canonical_channels(site, made), model)
    np.testing.assert_array_equal(weights.canonical_channels("layer.1.ffn.up", model), model)


def test_a_stored_rotary_table_is_used_with_its_rounding():
    weights = make()
    rounded = rotary_table(6, SIZE).astype(np.float16).astype(np.float32)
    attention = dataclasses.replace(weights, arrays={**weights.arrays, ROTARY_TABLE: rounded}).attention(0)
    np.testing.assert_array_equal(np.concatenate([attention.sines, attention.cosines], axis=1), rounded)
    assert (rounded != rotary_table(6, SIZE)).any()


def test_without_a_stored_table_the_formula_counts():
    weights = make()
    arrays = {name: array for name, array in weights.arrays.items() if name != ROTARY_TABLE}
    attention = dataclasses.replace(weights, arrays=arrays).attention(0)
    np.testing.assert_array_equal(attention.sines, rotary_table(6, SIZE)[:, : SIZE // 2])


def test_half_split_order_keeps_heads_apart():
    assert half_split_order(2, 4).tolist() == [0, 2, 1, 3, 4, 6, 5, 7]
    assert np.array_equal(np.sort(half_split_order(3, 6)), np.arange(18))


@pytest.mark.parametrize(
    ("tied", "schemes", "shared"),
    [
        (True, {}, True),
        (True, {"embeddings_word": "int8-rows", "head_decoder": "int8-dynamic"}, True),
        (True, {"embeddings_word": "int8-rows"}, False),
        (True, {"head_decoder": "int8-dynamic"}, False),
        (False, {}, False),
    ],
)
def test_a_table_is_shared_where_it_is_tied_and_stored_alike(tied, schemes, shared):
    weights = decided(make(tie_word_embeddings=tied), **schemes)
    decoder = weights.decoder()
    assert weights.shares_table is weights.word_table().shared is shared
    assert decoder.table == ("embeddings.word" if shared else None)
    np.testing.assert_array_equal(
        decoder.weight, weights.arrays[WORD_EMBEDDINGS if tied else "cls.predictions.decoder.weight"]
    )
    np.testing.assert_array_equal(decoder.bias, weights.arrays["cls.predictions.bias"])


def smoothing(*split: int) -> Smoothing:
    factors = np.exp2(np.arange(HIDDEN) % 3).astype(np.float32)
    return Smoothing(channels=np.array([1, 2]), ratio=9.0, factors=factors, split=np.array(split, np.int64))


@pytest.mark.parametrize("scheme", ["int8-dynamic", "int8-static"])
def test_multipliers_are_folded_into_a_norm_that_one_product_reads(scheme):
    plain = decided(make(tie_word_embeddings=False), head_decoder=scheme)
    treated = dataclasses.replace(plain, smoothing={"head.decoder": smoothing()})
    module = "cls.predictions.transform.LayerNorm"
    before, after = plain.norm("head.norm", module), treated.norm("head.norm", module)
    decoder = treated.decoder()
    assert decoder.multipliers is None
    x = np.random.default_rng(0).normal(size=(5, HIDDEN)).astype(np.float32)
    wanted = (x * before.weight + before.bias) @ plain.decoder().weight.T
    np.testing.assert_allclose((x * after.weight + after.bias) @ decoder.weight.T, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("scheme", "split"), [("float32", ()), ("int8-dynamic", (1,))])
def test_they_are_not_folded_where_that_would_change_the_product(scheme, split):
    plain = decided(make(tie_word_embeddings=False), head_decoder=scheme)
    treated = dataclasses.replace(plain, smoothing={"head.decoder": smoothing(*split)})
    module = "cls.predictions.transform.LayerNorm"
    np.testing.assert_array_equal(treated.norm("head.norm", module).weight, plain.norm("head.norm", module).weight)
    assert (treated.decoder().multipliers is None) is (scheme == "float32")


def test_rms_norms_have_no_weights():
    weights = make(norm_type="rms_norm", use_bias=False, layer_norm_eps=1e-6)
    norm = weights.norm("embeddings.norm", "roformer.embeddings.LayerNorm")
    assert (norm.weight, norm.bias, norm.epsilon) == (None, None, 1e-6)
    assert weights.product("layer.0.ffn.up", "roformer.encoder.layer.0.intermediate.dense").bias is None
