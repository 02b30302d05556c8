"""The losses in Flax are those of torch, of labels that count and of those that do not."""

from __future__ import annotations

from tests.models.conftest import Frameworks


def test_the_same_losses(frameworks: Frameworks) -> None:
    found = frameworks.report["flax"]["losses"]
    assert len(found) == 8
    assert max(found.values()) < 1e-5, found
