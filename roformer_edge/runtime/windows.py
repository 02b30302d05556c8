"""Read a text that is longer than the model takes: in windows that overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roformer_edge.runtime.inference import OffsetEncoding

# tokens that neighbouring windows share where nobody says how many
SHARED_TOKENS = 128


@dataclass(frozen=True, kw_only=True)
class Window:
    """A row of the graph: a part of a text, with everything that stood around the text.

    Attributes:
        ids: Token ids of the row.
        type_ids: Their segment numbers.
        first: Where the part begins in the row.
        start: Where it begins in the row that was cut.
        offsets: Places of its tokens in the text, in characters.
    """

    ids: Sequence[int]
    type_ids: Sequence[int]
    first: int
    start: int
    offsets: Sequence[tuple[int, int]]


def room_for(encoding: OffsetEncoding, text: int, max_length: int) -> int:
    """Count the tokens of a text that fit into a row beside all that is not of that text.

    Args:
        encoding: The text, whole, with what stands around it.
        text: The number of the text: 0 for the first, 1 for its pair.
        max_length: The most tokens of a row.
    """
    return max_length - sum(one != text for one in encoding.sequence_ids)


def cut_windows(encoding: OffsetEncoding, text: int, max_length: int, shared: int = SHARED_TOKENS) -> list[Window]:
    """Cut a text into parts of as many tokens as fit; a text that fits is one part.

    Args:
        encoding: The text, whole, with what stands around it.
        text: The number of the text that is cut: 0 for the first, 1 for its pair.
        max_length: The most tokens of a row; :func:`room_for` must find room for one token, where there is any.
        shared: Tokens that neighbouring parts have in common, bounded by half a part.

    Returns:
        The parts in the order of the text, each with all that stood around the text.
    """
    ids, types, texts = encoding.ids, encoding.type_ids, list(encoding.sequence_ids)
    count = texts.count(text)
    first = texts.index(text) if count else len(texts)
    last, room = first + count, room_for(encoding, text, max_length)
    step = max(1, room - min(shared, room // 2))
    windows = []
    for start in range(first, max(last - room, first) + step, step):
        part = slice(start, min(start + room, last))
        windows.append(
            Window(
                ids=[*ids[:first], *ids[part], *ids[last:]],
                type_ids=[*types[:first], *types[part], *types[last:]],
                first=first,
                start=start,
                offsets=encoding.offsets[part],
            )
        )
    return windows


def join_windows(windows: Sequence[Window], outputs: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Put the outputs of windows together to those of the whole row.

    The output of a token is that of the window in which it has most tokens beside it, on the side where it has fewer;
    the end of the text is no lack of any. Of two such windows the first counts.

    Args:
        windows: What :func:`cut_windows` gives.
        outputs: One row for each token of a window, float32 ``[tokens, width]``.

    Returns:
        float32 ``[tokens of the whole row, width]``; special tokens before the text are those of the first window, and
        behind it those of the last.
    """
    if len(windows) == 1:
        return outputs[0]
    final, head = windows[-1], windows[0].first
    end = final.start + len(final.offsets)
    tail = len(final.ids) - head - len(final.offsets)
    joined = np.empty((end + tail, *outputs[0].shape[1:]), np.float32)
    joined[:head], joined[end:] = outputs[0][:head], outputs[-1][len(final.ids) - tail :]
    most = np.full(end, -1)
    for window, values in zip(windows, outputs, strict=True):
        count = len(window.offsets)
        before, after = np.arange(count), np.arange(count)[::-1]
        # beyond the end of the text there is nothing that the token would miss
        before = before + end * (window is windows[0])
        after = after + end * (window is final)
        beside = np.minimum(before, after)
        part = slice(window.start, window.start + count)
        better = beside > most[part]
        joined[part][better] = values[head : head + count][better]
        most[part][better] = beside[better]
    return joined
