"""Many candidates against one reference that answered once: the few numbers that a search compares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from roformer_edge.errors import ComparisonError
from roformer_edge.progress import SILENT, ProgressListener
from roformer_edge.validate.data.examples import Example, spread_sample
from roformer_edge.validate.metrics import Metric
from roformer_edge.validate.predictors import Predictor
from roformer_edge.validate.runner import Ticker, answers_of
from roformer_edge.validate.statistics import count_rows, estimate, paired_bootstrap
from roformer_edge.validate.tasks import measure_of
from roformer_edge.validate.tasks.measure import Measure

# of the reference, whose numbers are floats: its answers do not change with the batch
_REFERENCE_BATCH = 16
# between its ends lies a drop that is one standard error away from the one that was found
_ONE_STANDARD_ERROR = 0.6827
_RESAMPLES = 500


@dataclass(frozen=True, kw_only=True)
class Score:
    """How one candidate compares with the reference.

    Attributes:
        error: How far the outputs behind the answers moved, root of the mean square over examples, in the unit of the
            task's ``Comparison.difference``: logits of classifiers, probabilities, log-probabilities of tokens, cosine
            distance of vectors.
        drop: What was lost of the task's first metric, in points.
        high: The same with a standard error on top, from the paired bootstrap.
        agreement: Share of the answers that are the reference's.
    """

    error: float
    drop: float
    high: float
    agreement: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Standard:
    """Labelled examples with the answers of the reference.

    Attributes:
        measure: The measure of the task.
        reference: Whose answers they are.
        examples: The labelled examples.
        answers: What the reference answered, in the form that the measure compares.
    """

    measure: Measure[Any, Any]
    reference: Predictor
    examples: tuple[Example, ...]
    answers: Sequence[Any]

    @property
    def metric(self) -> Metric:
        """The metric whose drop is budgeted."""
        return self.measure.metrics_of(self.examples)[0]

    def score(self, candidate: Predictor) -> Score:
        """Let a candidate answer, one input at a time as on a device, and compare.

        Raises:
            ComparisonError: Its labels differ, or its answers are no answers to the task.
        """
        measure, examples = self.measure, self.examples
        measure.check_sides(self.reference, candidate)
        inputs = [example.inputs for example in examples]
        answers = measure.collect(candidate, inputs, answers_of(candidate, inputs, 1))
        rows = (
            measure.statistics(examples, self.answers, self.answers),
            measure.statistics(examples, answers, self.answers),
        )
        counted, metric = count_rows(*rows), self.metric
        spread = paired_bootstrap(counted, [metric], resamples=_RESAMPLES, confidence=_ONE_STANDARD_ERROR, seed=0)[0]
        drop = estimate(counted, metric).drop
        compared = measure.compare(examples, self.answers, answers)
        difference = np.asarray(compared.difference, np.float64)
        return Score(
            error=math.sqrt(float(np.mean(difference**2))),
            drop=drop,
            high=max(drop, spread.drop[1]),
            agreement=float(np.mean(compared.same)),
        )

    def sample(self, most: int) -> Standard:
        """Keep at most so many examples, spread over all."""
        chosen = spread_sample(range(len(self.examples)), most)
        return replace(
            self,
            examples=tuple(self.examples[index] for index in chosen),
            answers=[self.answers[index] for index in chosen],
        )


def standard_of(
    reference: Predictor, examples: Sequence[Example], task: str, progress: ProgressListener = SILENT
) -> Standard:
    """Let the reference answer labelled examples.

    Args:
        reference: The side that sets the standard.
        examples: One example at least.
        task: A name of ``tasks.TASKS``.
        progress: Told how many are answered.

    Raises:
        ComparisonError: No example, or examples that the reference cannot answer.
    """
    if not examples:
        raise ComparisonError("there is no example to compare on")
    measure = measure_of(task, reference.labels, reference.problem_type)
    measure.check_examples(reference, examples)
    inputs = [example.inputs for example in examples]
    given = answers_of(reference, inputs, _REFERENCE_BATCH, Ticker(progress, len(inputs)))
    return Standard(
        measure=measure,
        reference=reference,
        examples=tuple(examples),
        answers=measure.collect(reference, inputs, given),
    )
