"""Where two logit arrays differ: a histogram, a sample to draw, and the examples worth reading."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from roformer_edge.validate.datasets import Example
from roformer_edge.validate.metrics import softmax
from roformer_edge.validate.report import Answer, ChangedExample, Effect, Histogram

Logits = NDArray[np.float32]

BINS = 61  # odd, so that one bin is centred on no difference at all
SAMPLE = 800
EXTREMES = 40
MAX_TEXT = 1000  # characters of an example that the report keeps


def difference_histogram(reference: Logits, candidate: Logits) -> Histogram:
    """Candidate's minus reference's logits ``[examples, classes]``, in bins that are symmetric about 0."""
    difference = candidate.astype(np.float64) - reference
    limit = float(np.abs(difference).max()) or 1.0
    counts, edges = np.histogram(difference, bins=BINS, range=(-limit, limit))
    return Histogram(edges=_short(edges), counts=tuple(counts.tolist()))


def logit_sample(reference: Logits, candidate: Logits, seed: int) -> tuple[tuple[float, float], ...]:
    """At most ``SAMPLE`` pairs (reference, candidate): the largest differences, and a random draw of the rest."""
    flat, other = reference.ravel(), candidate.ravel()
    order = np.argsort(-np.abs(other.astype(np.float64) - flat), kind="stable")
    rest = order[EXTREMES:]
    if len(rest) > SAMPLE - EXTREMES:
        rest = np.random.default_rng(seed).choice(rest, size=SAMPLE - EXTREMES, replace=False)
    chosen = np.sort(np.concatenate([order[:EXTREMES], rest]))
    return tuple(zip(_short(flat[chosen]), _short(other[chosen]), strict=True))


def changed_examples(
    examples: Sequence[Example], labels: Sequence[str], reference: Logits, candidate: Logits, limit: int
) -> tuple[ChangedExample, ...]:
    """The examples worth reading: at most ``limit`` of each effect, the most surprising first.

    A changed answer surprises by the margin with which the reference preferred its own; where no answer changed, the
    example whose logits moved most comes first.

    Args:
        examples: The labelled texts, ``n`` of them.
        labels: Class names, in the order of the logits.
        reference, candidate: Logits ``[n, classes]``.
        limit: Largest number of examples of one effect.
    """
    rows = np.arange(len(examples))
    ours, theirs = reference.argmax(axis=1), candidate.argmax(axis=1)
    margin = reference[rows, ours] - reference[rows, theirs]
    difference = np.abs(candidate.astype(np.float64) - reference).max(axis=1)
    index = {label: number for number, label in enumerate(labels)}
    gold = np.array([index[example.label] for example in examples])
    scores = softmax(reference)[rows, ours], softmax(candidate)[rows, theirs]
    groups: dict[Effect, NDArray[np.bool_]] = {
        "broke": (ours == gold) & (theirs != gold),
        "fixed": (ours != gold) & (theirs == gold),
        "moved": (ours != gold) & (theirs != gold) & (ours != theirs),
        "drifted": (ours == theirs) & (difference > 0),
    }
    order = np.lexsort((rows, -difference, -margin))
    return tuple(
        ChangedExample(
            number=int(row) + 1,
            effect=effect,
            text=_cut(examples[row].text),
            gold=labels[gold[row]],
            reference=Answer(label=labels[ours[row]], score=float(scores[0][row])),
            candidate=Answer(label=labels[theirs[row]], score=float(scores[1][row])),
            difference=float(difference[row]),
            margin=float(margin[row]),
        )
        for effect, member in groups.items()
        for row in order[member[order]][:limit]
    )


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"


def _short(values: NDArray[np.floating]) -> tuple[float, ...]:
    """Six significant digits: these numbers are drawn, not computed with."""
    return tuple(float(f"{value:.6g}") for value in values)
