"""Checkpoints in Keras: saved and read back, heads begun anew, and what is refused."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.models.conftest import Frameworks


@pytest.fixture
def found(frameworks: Frameworks) -> dict[str, Any]:
    return frameworks.report["keras"]["pretrained"]


def test_what_is_saved_is_read_back(found: dict[str, Any]) -> None:
    assert found["saved"] == 0
    assert found["names"] is True


def test_a_new_head_keeps_the_encoder(found: dict[str, Any]) -> None:
    assert found["encoder kept"] == 0
    assert found["labels"] == 5
    message = "CheckpointError: .* has no head for RoFormerForSequenceClassification.*new_head=True"
    assert re.match(message, found["no head"], re.DOTALL), found["no head"]


def test_unknown_fields_of_the_config_are_refused(found: dict[str, Any]) -> None:
    assert found["unknown field"].startswith("UnknownNameError: unknown config field 'hidden_drop'; choose one of: ")
