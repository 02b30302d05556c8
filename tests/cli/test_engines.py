"""Options of another engine mean nothing to this one, and are refused."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("words", [["--out", "out"], ["--shard-rows", "5"]])
def test_what_is_of_ray_is_refused_without_it(cli, bundle, words):
    assert f"{words[0]} must be left out without --engine ray" in cli("run", bundle, "今天", *words).error
