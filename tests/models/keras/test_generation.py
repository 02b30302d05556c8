"""Generation in Keras: the tokens of torch, with and without a cache."""

from __future__ import annotations

import pytest

from tests.models.conftest import Frameworks


@pytest.mark.parametrize("way", ["cache", "no cache"])
def test_the_same_tokens(frameworks: Frameworks, way: str) -> None:
    assert frameworks.report["keras"]["generation"][way] == frameworks.generated


def test_a_row_that_ended_is_filled_up(frameworks: Frameworks) -> None:
    assert frameworks.report["keras"]["generation"]["stopped"] == frameworks.stopped
    assert frameworks.stopped != frameworks.generated


def test_a_seed_repeats(frameworks: Frameworks) -> None:
    assert frameworks.report["keras"]["generation"]["seeds"] == [True, False]


def test_limits_are_those_of_every_framework(frameworks: Frameworks) -> None:
    assert "not both: found 1 and 9" in frameworks.report["keras"]["generation"]["both limits"]


def test_a_prefix_language_model_is_refused(frameworks: Frameworks) -> None:
    assert "no mask of a prefix language model" in frameworks.report["keras"]["generation"]["prefix"]
