"""The losses in Keras are those of torch, of labels that count and of those that do not."""

from __future__ import annotations

from tests.models.conftest import Frameworks


def test_the_same_losses(frameworks: Frameworks) -> None:
    found = frameworks.report["keras"]["losses"]
    assert len(found) == 9
    assert max(found.values()) < 1e-5, found
