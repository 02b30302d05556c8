"""Figures of merit and their uncertainty, from class indices and logits; numpy only.

Everything that depends on answers alone is computed from *outcomes*: how often each triple (gold class, reference's
answer, candidate's answer) occurred. Resampling examples with replacement is the same as drawing the counts of the
distinct triples from one multinomial distribution, so the paired bootstrap needs no loop over examples.

Intervals: Wilson for one accuracy (it stays sensible at 0 and 1, where the bootstrap collapses), percentile bootstrap
(Efron and Tibshirani, 1993) for macro-F1 and for differences; McNemar's test in its mid-p form (Fagerland, Lydersen
and Laake, 2013).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
Floats = NDArray[np.float64]

_CHUNK_CELLS = 1_000_000  # of [resamples, classes] working arrays held at once


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """Distinct triples of gold class, reference's answer and candidate's answer, with their counts, sorted.

    Attributes:
        gold, reference, candidate: int64 ``[triples]``, class indices.
        count: int64 ``[triples]``, at least 1 each.
        classes: Number of classes.
    """

    gold: Indices
    reference: Indices
    candidate: Indices
    count: Indices
    classes: int

    @property
    def examples(self) -> int:
        """Number of examples counted."""
        return int(self.count.sum())

    def answers(self, side: str) -> Indices:
        """The answers of ``"reference"`` or ``"candidate"``, int64 ``[triples]``."""
        return self.reference if side == "reference" else self.candidate


def count_outcomes(gold: Indices, reference: Indices, candidate: Indices, classes: int) -> Outcomes:
    """Count the distinct triples of three int64 arrays ``[examples]`` of class indices below ``classes``."""
    triples, count = np.unique(np.stack([gold, reference, candidate]), axis=1, return_counts=True)
    return Outcomes(
        gold=triples[0], reference=triples[1], candidate=triples[2], count=count.astype(np.int64), classes=classes
    )


def confusion_matrix(gold: Indices, predicted: Indices, classes: int, weights: Indices | None = None) -> Indices:
    """Counts ``[gold class, predicted class]``, int64; each pair counts ``weights`` times, or once."""
    matrix = np.bincount(gold * classes + predicted, weights=weights, minlength=classes * classes)
    return matrix.astype(np.int64).reshape(classes, classes)


@dataclass(frozen=True, kw_only=True)
class ClassScores:
    """Per-class figures, float64 ``[classes]`` in [0, 1]; 0 where a figure's denominator is 0. ``support`` is int64."""

    support: Indices
    precision: Floats
    recall: Floats
    f1: Floats


def class_scores(confusion: Indices) -> ClassScores:
    """Precision, recall and F1 of every class of a confusion matrix ``[gold, predicted]``."""
    right, support, answered = np.diagonal(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    return ClassScores(
        support=support,
        precision=_ratio(right, answered),
        recall=_ratio(right, support),
        f1=_ratio(2 * right, support + answered),
    )


def accuracy(confusion: Indices) -> float:
    """Share of examples on the diagonal of a confusion matrix."""
    return int(np.trace(confusion)) / int(confusion.sum())


def macro_f1(confusion: Indices) -> float:
    """Mean F1 over the classes that occur as gold or as answer (scikit-learn's ``average="macro"``)."""
    right, support, answered = np.diagonal(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    return float(_macro_f1(right, support + answered))


def drop_in_points(outcomes: Outcomes) -> float:
    """Accuracy of the reference minus accuracy of the candidate, in percentage points, rounded once."""
    lost, won = discordant(outcomes)
    return 100 * (lost - won) / outcomes.examples


def discordant(outcomes: Outcomes) -> tuple[int, int]:
    """How many examples only the reference answers rightly, and how many only the candidate."""
    reference, candidate = outcomes.reference == outcomes.gold, outcomes.candidate == outcomes.gold
    return int(outcomes.count[reference & ~candidate].sum()), int(outcomes.count[candidate & ~reference].sum())


def wilson_interval(right: int, total: int, confidence: float) -> tuple[float, float]:
    """Wilson's score interval of a proportion ``right / total``, in [0, 1]."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, weight = right / total, z * z / total
    centre = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * math.sqrt(share * (1 - share) / total + weight / (4 * total))
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    return (low if right else 0.0), (high if right < total else 1.0)


def mcnemar_mid_p(lost: int, won: int) -> float:
    """Two-sided mid-p value of McNemar's test: how surprising so uneven a split of the changed verdicts would be.

    Args:
        lost: Examples that only the reference answers rightly.
        won: Examples that only the candidate answers rightly.
    """
    total, fewer = lost + won, min(lost, won)
    log_terms = [
        math.lgamma(total + 1) - math.lgamma(k + 1) - math.lgamma(total - k + 1) - total * math.log(2)
        for k in range(fewer + 1)
    ]
    terms = [math.exp(term) for term in log_terms]
    return min(1.0, 2 * math.fsum(terms) - terms[-1])


@dataclass(frozen=True, kw_only=True)
class Bootstrap:
    """Percentile intervals ``(low, high)``: macro-F1 of both sides in [0, 1], both drops in percentage points."""

    reference_macro_f1: tuple[float, float]
    candidate_macro_f1: tuple[float, float]
    drop: tuple[float, float]
    macro_f1_drop: tuple[float, float]


def paired_bootstrap(outcomes: Outcomes, *, resamples: int, confidence: float, seed: int) -> Bootstrap:
    """Resample the examples with replacement, both sides' answers together, and take percentiles.

    Args:
        outcomes: What was observed.
        resamples: How many data sets of the same size to draw.
        confidence: Mass of the interval, in (0, 1).
        seed: Of the random generator; the same seed gives the same intervals.
    """
    random, total = np.random.default_rng(seed), outcomes.examples
    signs = (outcomes.reference == outcomes.gold).astype(np.int64) - (outcomes.candidate == outcomes.gold)
    share = outcomes.count / total
    step = max(1, _CHUNK_CELLS // max(outcomes.classes, len(share)))
    drops, scores = [], []
    for start in range(0, resamples, step):
        counts = random.multinomial(total, share, size=min(step, resamples - start))
        drops.append(100 * (counts @ signs) / total)
        scores.append([_resampled_macro_f1(outcomes, counts, side) for side in ("reference", "candidate")])
    reference, candidate = np.concatenate(scores, axis=1)
    return Bootstrap(
        reference_macro_f1=_percentile_interval(reference, confidence),
        candidate_macro_f1=_percentile_interval(candidate, confidence),
        drop=_percentile_interval(np.concatenate(drops), confidence),
        macro_f1_drop=_percentile_interval(100 * (reference - candidate), confidence),
    )


def _resampled_macro_f1(outcomes: Outcomes, counts: Indices, side: str) -> Floats:
    """Macro-F1 ``[resamples]`` of one side, from the counts ``[resamples, triples]``."""
    answers = outcomes.answers(side)
    right = _sum_by_class(np.where(answers == outcomes.gold, counts, 0), outcomes.gold, outcomes.classes)
    support = _sum_by_class(counts, outcomes.gold, outcomes.classes)
    return _macro_f1(right, support + _sum_by_class(counts, answers, outcomes.classes))


def _sum_by_class(counts: Indices, index: Indices, classes: int) -> Indices:
    """Add up the columns of ``counts [resamples, triples]`` that share a class: ``[resamples, classes]``."""
    order = np.argsort(index, kind="stable")
    present, starts = np.unique(index[order], return_index=True)
    sums = np.zeros((len(counts), classes), dtype=np.int64)
    sums[:, present] = np.add.reduceat(counts[:, order], starts, axis=1)
    return sums


def _macro_f1(right: Indices, seen: Indices) -> Floats:
    """Mean over the last axis of ``2 right / seen``, where ``seen`` (support plus answers) is not 0."""
    return _ratio(2 * right, seen).sum(axis=-1) / (seen > 0).sum(axis=-1)  # type: ignore[no-any-return]


def _percentile_interval(values: Floats, confidence: float) -> tuple[float, float]:
    tail = 50 * (1 - confidence)
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high)


def _ratio(part: Indices, whole: Indices) -> Floats:
    """``part / whole`` of counts, 0 where ``whole`` is 0: a part is never larger than twice its whole."""
    return part / np.maximum(whole, 1)


@dataclass(frozen=True, kw_only=True)
class LogitDistance:
    """How far two logit arrays lie apart.

    Attributes:
        mean: Mean absolute difference over all logits.
        worst: Largest absolute difference.
        spread: Standard deviation of the reference's logits, the scale to judge both by.
        mean_cosine, worst_cosine: Mean and smallest cosine of the logit vectors of one example.
    """

    mean: float
    worst: float
    spread: float
    mean_cosine: float
    worst_cosine: float


def logit_distance(reference: NDArray[np.float32], candidate: NDArray[np.float32]) -> LogitDistance:
    """Compare two float32 arrays ``[examples, classes]``, in float64."""
    a, b = reference.astype(np.float64), candidate.astype(np.float64)
    gap, cosines = np.abs(b - a), row_cosines(a, b)
    return LogitDistance(
        mean=float(gap.mean()),
        worst=float(gap.max()),
        spread=float(a.std()),
        mean_cosine=float(cosines.mean()),
        worst_cosine=float(cosines.min()),
    )


def row_cosines(a: Floats, b: Floats) -> Floats:
    """Cosine of each pair of rows of ``[rows, width]``; 1 where both rows are zero, 0 where one is."""
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosines = (a * b).sum(axis=1) / np.where(lengths > 0, lengths, 1)
    both_zero = ~a.any(axis=1) & ~b.any(axis=1)
    return np.clip(np.where(both_zero, 1.0, cosines), -1.0, 1.0)


def softmax(logits: NDArray[np.float32]) -> Floats:
    """Softmax over the last axis, in float64."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    powers = np.exp(shifted)
    return powers / powers.sum(axis=-1, keepdims=True)  # type: ignore[no-any-return]
