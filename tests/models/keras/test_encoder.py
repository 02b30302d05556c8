"""The encoder in Keras: every shape and every activation gives the answers of the torch models."""

from __future__ import annotations

import pytest

from roformer_edge.config import ACTIVATIONS
from tests.models.conftest import SHAPES, Frameworks


@pytest.mark.parametrize("name", SHAPES)
def test_the_same_answers(frameworks: Frameworks, name: str) -> None:
    assert frameworks.report["keras"]["encoder"]["shapes"][name] < 2e-5


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS.values())))
def test_the_same_functions(frameworks: Frameworks, name: str) -> None:
    assert frameworks.report["keras"]["encoder"]["activations"][name] < 5e-6
