"""The Keras models against the originals of transformers, in the environment that has TensorFlow."""

from __future__ import annotations

from typing import Any

import pytest
from torch_cases import TOLERANCE, caches, cases, tf_original_cases, tf_original_has_loss, v2_cases

pytestmark = [pytest.mark.oracle, pytest.mark.slow]
CASES = cases() | v2_cases()


@pytest.mark.parametrize("name", CASES)
def test_everything_is_that_of_the_torch_original(tf_report: dict[str, Any], name: str):
    checks, bare = tf_report[name], name.startswith("RoFormerModel")
    answer = {"last_hidden_state"} if bare else {"loss"}
    assert answer | {"hidden_states", "attentions", "head mask and embeddings", "gradient step"} <= checks.keys()
    assert ({"past_key_values", "cached", "cached and at once"} <= checks.keys()) is caches(CASES[name])
    assert ("cross_attentions" in checks) is (", crossed" in name and "MaskedLM" not in name)
    assert max(checks.values()) <= TOLERANCE, checks


@pytest.mark.parametrize("name", tf_original_cases(cases()))
def test_everything_is_that_of_the_tensorflow_original(tf_report: dict[str, Any], name: str):
    checks = {kind: worst for kind, worst in tf_report[name].items() if kind.endswith(" of the original")}
    assert {"hidden_states of the original", "attentions of the original"} <= checks.keys()
    assert ("loss of the original" in checks) is tf_original_has_loss(CASES[name])
    assert max(checks.values()) <= TOLERANCE, checks


@pytest.mark.parametrize("file", ["tf_model.h5", "tf.safetensors", "tf_model.h5 in shards", "tf.safetensors in shards"])
def test_files_of_the_original(tf_report: dict[str, Any], file: str):
    """One of each class: every number is the one that the torch original wrote."""
    assert {name: tf_report[name][file] for name in cases() if file in tf_report[name]} == {
        name: 0 for name in cases() if name.endswith(", projected")
    }


def test_an_archive_of_tensorflow_1(tf_report: dict[str, Any]):
    """Straight from the directory, which has no config.json."""
    found = tf_report["archive"]
    weights = ["bert_model.ckpt.data-00000-of-00001", "bert_model.ckpt.index", "bert_model.ckpt.meta"]
    assert found["files"] == ["bert_config.json", *weights, "checkpoint", "vocab.txt"]
    assert found["digested"] == ["bert_model.ckpt.index", "bert_model.ckpt.data-00000-of-00001"]
    assert found["unused"] == []
    assert found["outputs"] <= TOLERANCE


def test_a_truncated_file_is_one_line(tf_report: dict[str, Any]):
    for message, file in (
        (tf_report["damaged"], "tf_model.h5"),
        (tf_report["archive"]["damaged"], "bert_model.ckpt.index"),
    ):
        assert message.endswith(f"{file} is truncated or not what its name says; copy or download it again")
        assert "\n" not in message


def test_every_way_to_give_inputs_and_to_get_outputs(tf_report: dict[str, Any]):
    assert len(tf_report["inputs"]) == 6
    for name, ways in tf_report["inputs"].items():
        assert len(ways) == 11
        assert max(ways.values()) <= TOLERANCE, (name, ways)


@pytest.mark.parametrize("loss", ["own loss", "own loss, labels beside the inputs", "loss of Keras"])
def test_fit_learns(tf_report: dict[str, Any], loss: str):
    losses = tf_report["fit"][loss]
    assert len(losses) == 20
    assert losses[-1] < losses[0] / 2


def test_habits_of_users(tf_report: dict[str, Any]):
    """Each is a thing that scripts do; see tf_habits.py."""
    assert len(tf_report["habits"]) == 12
    assert tf_report["habits"] == dict.fromkeys(tf_report["habits"], True)


def test_generated_tokens(tf_report: dict[str, Any]):
    assert len(tf_report["generation"]) == 10
    assert all(tf_report["generation"])


def test_golden_rotation(tf_report: dict[str, Any]):
    expected = [-0.2012, 0.8897, 0.0263, 0.9401, 0.2074, 0.9463, 0.3481, 0.9343]
    assert tf_report["golden rotation"] == pytest.approx(expected, abs=1e-4)
