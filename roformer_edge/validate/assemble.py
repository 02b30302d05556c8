"""From what was measured to the report; pure computation."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roformer_edge._version import __version__
from roformer_edge.bundle.manifest import creation_time
from roformer_edge.tasks import get_task
from roformer_edge.validate import metrics
from roformer_edge.validate.datasets import Example
from roformer_edge.validate.differences import changed_examples, difference_histogram, logit_sample
from roformer_edge.validate.options import CompareOptions
from roformer_edge.validate.predictors import Predictor
from roformer_edge.validate.report import (
    SCHEMA_VERSION,
    Agreement,
    ClassFacts,
    Data,
    Drop,
    Interval,
    Memory,
    Outcome,
    Provenance,
    Report,
    Side,
    Timing,
)

Logits = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Everything a report is computed from; pairs are (reference, candidate).

    Attributes:
        examples: The labelled texts.
        labels: Class names, in the order of both sides' logits.
        sides: Where names and facts come from.
        logits: float32 ``[examples, labels]``, finite.
        memory: As measured.
        timing: As measured, or ``None``.
    """

    examples: tuple[Example, ...]
    labels: tuple[str, ...]
    sides: tuple[Predictor, Predictor]
    logits: tuple[Logits, Logits]
    memory: tuple[Memory, Memory]
    timing: Timing | None


def assemble_report(measured: Measured, options: CompareOptions) -> Report:
    """Compute every figure of the report."""
    task = get_task(options.task)
    ours, theirs = measured.logits
    index = {label: number for number, label in enumerate(measured.labels)}
    gold = np.array([index[example.label] for example in measured.examples], dtype=np.int64)
    outcomes = metrics.count_outcomes(gold, ours.argmax(axis=1), theirs.argmax(axis=1), len(measured.labels))
    bootstrap = metrics.paired_bootstrap(
        outcomes, resamples=options.resamples, confidence=options.confidence, seed=options.seed
    )
    reference = _side(measured, 0, outcomes, bootstrap.reference_macro_f1, options.confidence)
    candidate = _side(measured, 1, outcomes, bootstrap.candidate_macro_f1, options.confidence)
    return Report(
        schema_version=SCHEMA_VERSION,
        task=task.name,
        metric=task.metric,
        data=Data(
            name=options.data_name,
            examples=len(measured.examples),
            sha256=_digest(measured.examples),
        ),
        labels=measured.labels,
        reference=reference,
        candidate=candidate,
        drop=_drop(outcomes, 100 * (reference.macro_f1 - candidate.macro_f1), bootstrap, options),
        agreement=_agreement(outcomes, ours, theirs),
        timing=measured.timing,
        outcomes=_outcome_rows(outcomes),
        differences=difference_histogram(ours, theirs),
        logit_sample=logit_sample(ours, theirs, options.seed),
        changes=changed_examples(measured.examples, measured.labels, ours, theirs, options.listed),
        budget=None if options.max_drop is None else float(options.max_drop),
        provenance=_provenance(options),
    )


def _side(
    measured: Measured, index: int, outcomes: metrics.Outcomes, macro_f1: tuple[float, float], confidence: float
) -> Side:
    predictor = measured.sides[index]
    answers = (outcomes.reference, outcomes.candidate)[index]
    confusion = metrics.confusion_matrix(outcomes.gold, answers, outcomes.classes, outcomes.count)
    right, scores = int(np.trace(confusion)), metrics.class_scores(confusion)
    return Side(
        name=predictor.name,
        facts=predictor.facts,
        right=right,
        accuracy=metrics.accuracy(confusion),
        accuracy_interval=_interval(metrics.wilson_interval(right, outcomes.examples, confidence)),
        macro_f1=metrics.macro_f1(confusion),
        macro_f1_interval=_interval(macro_f1),
        classes=tuple(
            ClassFacts(
                label=label,
                support=int(scores.support[i]),
                precision=float(scores.precision[i]),
                recall=float(scores.recall[i]),
                f1=float(scores.f1[i]),
            )
            for i, label in enumerate(measured.labels)
        ),
        memory=measured.memory[index],
    )


def _drop(
    outcomes: metrics.Outcomes, macro_f1_points: float, bootstrap: metrics.Bootstrap, options: CompareOptions
) -> Drop:
    return Drop(
        points=metrics.drop_in_points(outcomes),
        interval=_interval(bootstrap.drop),
        macro_f1_points=macro_f1_points,
        macro_f1_interval=_interval(bootstrap.macro_f1_drop),
        p_value=metrics.mcnemar_mid_p(*metrics.discordant(outcomes)),
        confidence=options.confidence,
        resamples=options.resamples,
        seed=options.seed,
    )


def _agreement(outcomes: metrics.Outcomes, ours: Logits, theirs: Logits) -> Agreement:
    same = int(outcomes.count[outcomes.reference == outcomes.candidate].sum())
    distance = metrics.logit_distance(ours, theirs)
    return Agreement(
        top1=same / outcomes.examples,
        mean_difference=distance.mean,
        worst_difference=distance.worst,
        spread=distance.spread,
        mean_cosine=distance.mean_cosine,
        worst_cosine=distance.worst_cosine,
    )


def _outcome_rows(outcomes: metrics.Outcomes) -> tuple[Outcome, ...]:
    columns = (outcomes.gold, outcomes.reference, outcomes.candidate, outcomes.count)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return tuple(Outcome(gold=g, reference=r, candidate=c, count=n) for g, r, c, n in rows)


def _interval(ends: tuple[float, float]) -> Interval:
    return Interval(low=ends[0], high=ends[1])


def _digest(examples: Sequence[Example]) -> str:
    """SHA-256 of the examples as JSON lines of [text, label]: the same data in another layout is the same."""
    digest = hashlib.sha256()
    for example in examples:
        digest.update(json.dumps([example.text, example.label]).encode("ascii") + b"\n")
    return digest.hexdigest()


def _provenance(options: CompareOptions) -> Provenance:
    return Provenance(
        created=creation_time(),
        version=__version__,
        python=platform.python_version(),
        numpy=np.__version__,
        machine=f"{platform.system()} {platform.machine()}",
        reference_batch_size=options.reference_batch_size,
        batch_size=options.batch_size,
    )
