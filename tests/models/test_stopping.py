"""When generation stops: limits that contradict each other are refused, the config is asked last."""

from __future__ import annotations

import pytest

from roformer_edge.config import RoFormerConfig
from roformer_edge.models.stopping import DEFAULT_NEW_TOKENS, new_tokens, stop_tokens


@pytest.mark.parametrize(
    ("prompt", "new", "total", "count"),
    [(5, None, None, DEFAULT_NEW_TOKENS), (5, 3, None, 3), (5, None, 8, 3), (1, 1, None, 1)],
)
def test_the_number_of_new_tokens(prompt: int, new: int | None, total: int | None, count: int) -> None:
    assert new_tokens(prompt, new, total) == count


@pytest.mark.parametrize(
    ("prompt", "new", "total", "message"),
    [
        (5, 3, 8, "not both: found 3 and 8"),
        (5, 0, None, "room for a new token, found 5 tokens and max_new_tokens 0"),
        (5, None, 5, "found 5 tokens and max_length 5"),
        (0, 3, None, "need a prompt"),
    ],
)
def test_limits_that_leave_nothing(prompt: int, new: int | None, total: int | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        new_tokens(prompt, new, total)


@pytest.mark.parametrize(
    ("asked", "config", "ids"),
    [(None, None, []), (None, 3, [3]), (None, [3, 4], [3, 4]), (7, 3, [7]), ([7, 8], 3, [7, 8]), ([], 3, [])],
)
def test_ids_that_end_a_row(asked: object, config: object, ids: list[int]) -> None:
    extra = {} if config is None else {"eos_token_id": config}
    found = stop_tokens(asked, RoFormerConfig(extra=extra))
    assert (found.tolist(), str(found.dtype)) == (ids, "int64")
