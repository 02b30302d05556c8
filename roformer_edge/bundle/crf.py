"""``crf.json``: the transitions between labels of a token classifier."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from roformer_edge.bundle.reader import Bundle
from roformer_edge.crf import Crf
from roformer_edge.errors import BundleFormatError
from roformer_edge.records import parse_object, read_record, to_values


@dataclass(frozen=True, kw_only=True)
class _Scores:
    start: tuple[float, ...]
    end: tuple[float, ...]
    transitions: tuple[tuple[float, ...], ...]


def crf_bytes(crf: Crf) -> bytes:
    """Write scores as JSON, from which :func:`read_crf` reads the same float32 values back."""
    scores = _Scores(start=crf.start.tolist(), end=crf.end.tolist(), transitions=crf.transitions.tolist())
    return json.dumps(to_values(scores), allow_nan=False).encode()


def read_crf(bundle: Bundle) -> Crf | None:
    """Read the scores, if the bundle has them.

    Raises:
        BundleFormatError: They are malformed, or for other labels than the bundle's.
    """
    if bundle.manifest.find("crf") is None:
        return None
    where = f"{bundle.entry('crf').path} in {bundle.path}"
    scores = read_record(
        _Scores, parse_object(bundle.read_bytes("crf"), where, BundleFormatError), where, BundleFormatError
    )
    labels = len(bundle.manifest.labels)
    if {len(scores.start), len(scores.end), len(scores.transitions), *map(len, scores.transitions)} != {labels}:
        raise BundleFormatError(f"{where} is for another number of labels than the bundle's {labels}")
    start, end, transitions = (
        np.array(values, np.float32) for values in (scores.start, scores.end, scores.transitions)
    )
    return Crf(start=start, end=end, transitions=transitions)
