"""The heads in Keras: each gives the answers of the torch model that was saved."""

from __future__ import annotations

import pytest

from tests.models.conftest import ARCHITECTURES, Frameworks

OWN = ARCHITECTURES


def test_there_are_as_many_as_in_the_original(frameworks: Frameworks) -> None:
    assert sorted(frameworks.report["keras"]["heads"]) == sorted(OWN)


@pytest.mark.parametrize("architecture", OWN)
def test_the_same_answers(frameworks: Frameworks, architecture: str) -> None:
    found = frameworks.report["keras"]["heads"][architecture]
    assert found
    assert max(found.values()) < 2e-5
