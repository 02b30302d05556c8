"""Vectors of texts: how alike they are, and which of many are the nearest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from roformer_edge.errors import OptionError
from roformer_edge.records import Result
from roformer_edge.scores import largest

Vectors = NDArray[np.float32]

# numbers in one block of similarities, 64 MB as float32
_BLOCK = 1 << 24


@dataclass(frozen=True, kw_only=True)
class Hit(Result):
    """One of the vectors that were searched.

    Attributes:
        index: Its row, from 0.
        score: Its cosine similarity with the query, from -1 to 1.
    """

    index: int
    score: float


def normalized(vectors: NDArray[np.float32]) -> Vectors:
    """Divide vectors by their length, so that their products are cosines; vectors of zeros stay.

    Args:
        vectors: float32 ``[width]`` or ``[n, width]``.

    Returns:
        float32 of the same shape.
    """
    return np.asarray(vectors / _lengths(np.atleast_2d(vectors)).reshape(*vectors.shape[:-1], 1), np.float32)


def similarity(vectors: ArrayLike, others: ArrayLike) -> Vectors:
    """Compute the cosine similarity of every vector with every other.

    Args:
        vectors: ``[n, width]``, or ``[width]`` for one.
        others: ``[m, width]``, or ``[width]`` for one.

    Returns:
        float32 ``[n, m]``; 0 where a vector is of zeros.

    Raises:
        OptionError: Not vectors of finite numbers, or of different widths.
    """
    rows, columns = _rows(vectors, "vectors"), _rows(others, "others")
    _check_widths(rows, columns, "others")
    return _cosines(rows, columns, _lengths(columns))


def search(
    queries: ArrayLike, corpus: ArrayLike, *, top_k: int = 10, threshold: float | None = None
) -> list[list[Hit]]:
    """Find the vectors that are nearest to each query, by cosine similarity.

    Every vector is looked at, which takes some milliseconds for 100,000 of them.

    Args:
        queries: ``[n, width]``, or ``[width]`` for one.
        corpus: ``[m, width]``.
        top_k: The most hits of a query.
        threshold: Only hits with a larger score.

    Returns:
        A list for each query, best first, and of equal ones the first first.

    Raises:
        OptionError: Not vectors of finite numbers, of different widths, or a number out of range.
    """
    if type(top_k) is not int or top_k < 1:
        raise OptionError("top_k", top_k)
    rows, searched = _rows(queries, "queries"), _rows(corpus, "corpus")
    _check_widths(rows, searched, "corpus")
    lengths = _lengths(searched)
    step = max(1, _BLOCK // max(1, len(searched)))
    found: list[list[Hit]] = []
    for start in range(0, len(rows), step):
        for scores in _cosines(rows[start : start + step], searched, lengths):
            hits = [Hit(index=int(index), score=float(scores[index])) for index in largest(scores, top_k)]
            found.append([hit for hit in hits if threshold is None or hit.score > threshold])
    return found


def _cosines(rows: Vectors, columns: Vectors, lengths: Vectors) -> Vectors:
    # without a second corpus of unit length, which may be as large as the memory
    return np.asarray(np.clip((rows / _lengths(rows)[:, np.newaxis]) @ columns.T / lengths, -1.0, 1.0), np.float32)


def _lengths(rows: Vectors) -> Vectors:
    """Return the length of each row; 1 for rows of zeros, which no division changes."""
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
    return np.asarray(np.where(lengths > 0, lengths, 1.0), np.float32)


def _rows(vectors: ArrayLike, name: str) -> Vectors:
    try:
        array = np.asarray(vectors, np.float32)
    except (TypeError, ValueError):
        raise OptionError(name, vectors, "vectors of equally many numbers") from None
    if array.ndim not in (1, 2) or array.shape[-1] == 0 or not np.isfinite(array).all():
        found = f"an array {list(array.shape)}" + ("" if np.isfinite(array).all() else " with others")
        raise OptionError(name, found, "finite numbers [n, width], or [width] for one vector")
    return np.atleast_2d(array)


def _check_widths(rows: Vectors, others: Vectors, name: str) -> None:
    if rows.shape[1] != others.shape[1]:
        raise OptionError(name, f"width {others.shape[1]}", f"vectors of the same width, {rows.shape[1]}")
