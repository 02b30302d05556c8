"""Attention in Keras: rotation and masks are those of torch."""

from __future__ import annotations

from tests.models.conftest import Frameworks


def test_rotation_and_masks(frameworks: Frameworks) -> None:
    found = frameworks.report["keras"]["attention"]
    assert found["rotation"] < 1e-6
    assert found["masks"] == [0, 0]
