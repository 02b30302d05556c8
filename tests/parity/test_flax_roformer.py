"""The Flax models against the originals of transformers, in the environment that has Flax."""

from __future__ import annotations

from typing import Any

import pytest
from torch_cases import TOLERANCE, cases, flax_cases, flax_original_cases, v2_cases

pytestmark = [pytest.mark.oracle, pytest.mark.slow]
CASES = flax_cases(cases() | v2_cases())


@pytest.mark.parametrize("name", CASES)
def test_everything_is_that_of_the_torch_original(flax_report: dict[str, Any], name: str):
    checks, bare = flax_report[name], name.startswith("RoFormerModel")
    answer = {"last_hidden_state"} if bare else {"loss"}
    assert answer | {"hidden_states", "attentions", "head mask and embeddings", "gradient step"} <= checks.keys()
    assert "by position" in checks
    assert ("under jit" in checks) is name.endswith((", plain", ", v2"))
    assert max(checks.values()) <= TOLERANCE, checks


@pytest.mark.parametrize("name", flax_original_cases(cases()))
def test_everything_is_that_of_the_flax_original(flax_report: dict[str, Any], name: str):
    checks = {kind: worst for kind, worst in flax_report[name].items() if kind.endswith(" of the original")}
    assert {"hidden_states of the original", "attentions of the original"} <= checks.keys()
    assert len(checks) == (4 if name.startswith("RoFormerForQuestionAnswering") else 3)
    assert max(checks.values()) <= TOLERANCE, checks


@pytest.mark.parametrize("file", ["flax_model.msgpack", "flax_model.msgpack in shards"])
def test_files_of_the_original(flax_report: dict[str, Any], file: str):
    """One of each class: every number is the one that the torch original wrote."""
    assert {name: flax_report[name][file] for name in flax_cases(cases()) if file in flax_report[name]} == {
        name: 0 for name in flax_cases(cases()) if name.endswith(", rotary value")
    }


def test_a_truncated_file_is_one_line(flax_report: dict[str, Any]):
    message = flax_report["damaged"]
    assert message.endswith("flax_model.msgpack is truncated or not what its name says; copy or download it again")
    assert "\n" not in message


def test_habits_of_users(flax_report: dict[str, Any]):
    """Each is a thing that scripts do; see flax_habits.py."""
    assert len(flax_report["habits"]) == 7
    assert flax_report["habits"] == dict.fromkeys(flax_report["habits"], True)


def test_golden_rotation(flax_report: dict[str, Any]):
    expected = [-0.2012, 0.8897, 0.0263, 0.9401, 0.2074, 0.9463, 0.3481, 0.9343]
    assert flax_report["golden rotation"] == pytest.approx(expected, abs=1e-4)
