from __future__ import annotations

import itertools

import numpy as np
import pytest

from roformer_edge.runtime.windows import cut_windows, join_windows, room_for
from tests.runtime.tiny_tasks import TOKENIZER

TEXT = "今天天气好，把客厅的灯打开。现在几点？" * 3


@pytest.mark.parametrize("max_length", [3, 4, 5, 8, 13, 40, 200])
@pytest.mark.parametrize("shared", [0, 1, 3, 1000])
@pytest.mark.parametrize(("texts", "number"), [((TEXT,), 0), (("几点", TEXT), 1), (("", ""), 1), (("",), 0)])
def test_windows_cover_the_text_and_are_as_long_as_fits(
    max_length: int, shared: int, texts: tuple[str, ...], number: int
) -> None:
    whole = TOKENIZER.encode_text(*texts)
    own = [index for index, text in enumerate(whole.sequence_ids) if text == number]
    room = room_for(whole, number, max_length)
    assert room == max_length - len(whole.ids) + len(own)
    if room < 1:
        return
    windows = cut_windows(whole, number, max_length, shared)
    covered = [range(window.start, window.start + len(window.offsets)) for window in windows]
    assert sorted({index for part in covered for index in part}) == own
    for window, part in zip(windows, covered, strict=True):
        assert len(window.ids) <= max_length
        outside = [index for index in range(len(whole.ids)) if index not in own]
        kept = sorted([*outside, *part])
        assert list(window.ids) == [whole.ids[index] for index in kept]
        assert list(window.type_ids) == [whole.type_ids[index] for index in kept]
        assert list(window.offsets) == [whole.offsets[index] for index in part]
        assert not part or kept[window.first] == part[0]
    overlap = min(shared, room // 2)
    assert all(one.stop - other.start == overlap for one, other in itertools.pairwise(covered))
    assert all(len(part) == room for part in covered[:-1])


def fewest_beside(part: range, token: int, own: list[int]) -> float:
    """How many tokens a window has beside a token on the side where it has fewer; no end of the text is a lack."""
    before = float("inf") if part[0] == own[0] else token - part[0]
    after = float("inf") if part[-1] == own[-1] else part[-1] - token
    return min(before, after)


@pytest.mark.parametrize("max_length", [3, 4, 5, 8, 13, 40, 200])
@pytest.mark.parametrize("shared", [0, 1, 3, 1000])
@pytest.mark.parametrize(("texts", "number"), [((TEXT,), 0), (("好", TEXT), 1), (("",), 0)])
def test_a_token_is_taken_from_the_window_that_shows_most_around_it(
    max_length: int, shared: int, texts: tuple[str, ...], number: int
) -> None:
    whole = TOKENIZER.encode_text(*texts)
    if room_for(whole, number, max_length) < 1:
        return
    windows = cut_windows(whole, number, max_length, shared)
    # every number says of which window and of which place in it it is
    outputs = [
        np.array([(number, place) for place in range(len(window.ids))], np.float32)
        for number, window in enumerate(windows)
    ]
    joined = join_windows(windows, outputs)
    assert joined.shape == (len(whole.ids), 2)
    own = [index for index, text in enumerate(whole.sequence_ids) if text == number]
    parts = [range(window.start, window.start + len(window.offsets)) for window in windows]
    for index, (chosen, place) in enumerate(joined.astype(int)):
        window, part = windows[chosen], parts[chosen]
        assert window.ids[place] == whole.ids[index]
        if index in part:
            assert place - window.first == index - part.start
            best = [fewest_beside(other, index, own) if index in other else -1 for other in parts]
            assert chosen == best.index(max(best))
        else:
            assert chosen == (0 if not own or index < own[0] else len(windows) - 1)
