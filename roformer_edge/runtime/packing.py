"""Pack texts into batches: alike in length, bounded in number and in tokens, order restored by index."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

# Tokens of one batch, padding included. It bounds the memory of long batches; texts of usual length reach the batch
# size first.
TOKEN_BUDGET = 4096
# Texts that are sorted by length together, in batches. More make batches more even and first answers later.
WINDOW_BATCHES = 32


def pack_by_length(
    lengths: Sequence[int], batch_size: int, token_budget: int = TOKEN_BUDGET, *, alike: bool = False
) -> list[list[int]]:
    """Group texts of similar length.

    Args:
        lengths: Lengths in tokens, one for each text.
        batch_size: The most texts in a batch.
        token_budget: The most tokens in a batch, when all its texts are padded to the longest. A single text may
            exceed it.
        alike: Put texts of exactly one length together, so that nothing is padded.

    Returns:
        Batches of indices into ``lengths``, shortest texts first; every index once.
    """
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        # ascending, so the text at hand is the longest of its batch
        if (
            batches
            and len(batches[-1]) < batch_size
            and (len(batches[-1]) + 1) * lengths[index] <= token_budget
            and not (alike and lengths[batches[-1][0]] < lengths[index])
        ):
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def windows(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Cut an iterable into lists of ``size``; the last may be shorter. No more than one list is held at a time.

    Where the iterable fails, what it gave before comes first, and then its error.
    """
    iterator = iter(items)
    # as many as there can be: a slice counts in machine words
    size = min(size, sys.maxsize)
    while True:
        window: list[T] = []
        try:
            # not list(): with an error it loses what it has read
            for item in islice(iterator, size):
                window.append(item)
        except Exception:  # whatever it is, it goes on to the caller
            if window:
                yield window
            raise
        if not window:
            return
        yield window


def window_size(batch_size: int) -> int:
    """Say how many texts to sort together: many batches, or one text where each is to be answered as it comes."""
    return batch_size * WINDOW_BATCHES if batch_size > 1 else 1
