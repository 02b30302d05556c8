"""Regression: one number for a text or a pair, by correlation with the gold numbers and by squared error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from roformer_edge.errors import ComparisonError
from roformer_edge.validate.data.examples import Example
from roformer_edge.validate.data.inputs import Inputs
from roformer_edge.validate.data.lines import Line
from roformer_edge.validate.differences import (
    DifferenceHistogram,
    Distance,
    difference_histogram,
    distance,
    output_sample,
)
from roformer_edge.validate.excerpts import Excerpt
from roformer_edge.validate.format import significant
from roformer_edge.validate.language import translate
from roformer_edge.validate.metrics import Metric, Ratio, pearson, spearman
from roformer_edge.validate.predictors import Predictor
from roformer_edge.validate.sections import Scatter, Section
from roformer_edge.validate.tasks.measure import (
    Agreement,
    Comparison,
    Detail,
    Measure,
    Shown,
    StatisticRows,
    stack_outputs,
)
from roformer_edge.validate.tasks.text_classification import Logits, ask_for_logits, logits_section

if TYPE_CHECKING:
    from roformer_edge.validate.report import Report

Floats = NDArray[np.float64]

# columns of a row of statistics
GOLD, VALUE = 0, 1
# values that differ by less than this share of the range of the gold values are taken as the same
SAME_SHARE = 0.01


@dataclass(frozen=True, kw_only=True)
class RegressionDetail(Detail):
    """What is known of a regression besides its figures.

    Attributes:
        distance: How far the values lie apart.
        differences: Candidate's minus reference's values.
        sample: Pairs of (reference's, candidate's) value, a sample spread over all.
        gold: Pairs of (gold, candidate's) value, a sample spread over all.
    """

    distance: Distance
    differences: DifferenceHistogram
    sample: tuple[tuple[float, float], ...]
    gold: tuple[tuple[float, float], ...]


class RegressionMeasure(Measure[float, Logits]):
    """Measures one number a text; an answer is a vector of one output, taken as it is."""

    task = "text-classification"
    gold_fields = ("score",)
    variant = "regression"
    detail: ClassVar[type[Detail]] = RegressionDetail
    metrics = (
        Metric(name="Pearson", formula=lambda rows, weights: pearson(rows[:, GOLD], rows[:, VALUE], weights)),
        Metric(name="Spearman", formula=lambda rows, weights: spearman(rows[:, GOLD], rows[:, VALUE], weights)),
        Ratio(
            name="mean squared error",
            unit="number",
            higher_is_better=False,
            numerator=lambda rows: (rows[:, GOLD] - rows[:, VALUE]) ** 2,
        ),
    )

    def read_gold(self, line: Line) -> float:
        """Read the number under ``score``, or under ``label``."""
        return line.number_of("score")

    def check_sides(self, reference: Predictor, candidate: Predictor) -> None:
        """Refuse sides with more than one output; its name does not matter."""
        for side in (reference, candidate):
            if len(side.labels) != 1:
                raise ComparisonError(
                    f"{side.name} has {len(side.labels)} outputs, and a regression of one is measured"
                )

    def ask(self, pipeline: Any, inputs: Sequence[Inputs], *, batch_size: int, truncation: bool) -> Sequence[Logits]:
        """Ask for the output of every text or pair."""
        return ask_for_logits(pipeline, inputs, batch_size=batch_size, truncation=truncation)

    def collect(  # type: ignore[override]
        self, side: Predictor, inputs: Sequence[Inputs], answers: Sequence[Any]
    ) -> Logits:
        """Collect the values, float32 ``[examples, 1]``."""
        super().collect(side, inputs, answers)
        return stack_outputs(side, answers, 1, [0])

    def statistics(
        self, examples: Sequence[Example], answers: Sequence[Logits], reference: Sequence[Logits]
    ) -> StatisticRows:
        """Return gold number and value, float64 ``[examples, 2]``."""
        return np.stack([_gold(examples), _values(answers)], axis=1)

    def compare(
        self, examples: Sequence[Example], reference: Sequence[Logits], candidate: Sequence[Logits]
    ) -> Comparison:
        """Compare the squared error on either side."""
        gold, ours, theirs = _gold(examples), _values(reference), _values(candidate)
        difference = np.abs(theirs - ours)
        same = difference <= SAME_SHARE * float(np.ptp(gold))
        scores = -((ours - gold) ** 2), -((theirs - gold) ** 2)
        return Comparison(scores=scores, same=same, difference=difference, margin=np.where(same, 0.0, difference))

    def agree(self, reference: Sequence[Logits], candidate: Sequence[Logits], comparison: Comparison) -> Agreement:
        """Count how many values differ by less than a hundredth of the range of the gold numbers."""
        return Agreement(equal=int(comparison.same.sum()), total=len(comparison.same), noun="value to 1 % of the range")

    def written(self, examples: Sequence[Example], answers: Sequence[Logits]) -> list[str]:
        """Write the numbers, to four significant digits."""
        return [f"{value:.4g}" for value in _values(answers)]

    def written_gold(self, examples: Sequence[Example], reference: Sequence[Logits]) -> list[str]:
        """Write the gold numbers."""
        return [f"{value:.4g}" for value in _gold(examples)]

    def show(
        self, row: int, examples: Sequence[Example], reference: Sequence[Logits], candidate: Sequence[Logits]
    ) -> Shown:
        """Show the numbers."""
        gold, ours, theirs = examples[row].gold, float(reference[row][0]), float(candidate[row][0])
        return Shown(
            gold=Excerpt(text=significant(gold, 4)),
            reference=Excerpt(text=significant(ours, 4)),
            candidate=Excerpt(text=significant(theirs, 4)),
        )

    def make_detail(
        self, examples: Sequence[Example], reference: Sequence[Logits], candidate: Sequence[Logits], seed: int
    ) -> RegressionDetail:
        """Compute how far the values moved, and how they lie to the gold ones."""
        ours, theirs = np.asarray(reference), np.asarray(candidate)
        return RegressionDetail(
            distance=distance(ours, theirs),
            differences=difference_histogram(ours, theirs),
            sample=output_sample(ours, theirs, seed),
            gold=output_sample(_gold(examples).astype(np.float32)[:, None], theirs, seed),
        )

    @classmethod
    def sections(cls, report: Report) -> Sequence[Section]:
        """Show how the values lie to the gold ones, and how far they moved."""
        detail = report.detail
        assert isinstance(detail, RegressionDetail)
        against_gold = Section(
            title=translate("Against the gold values"),
            blocks=(
                Scatter(
                    pairs=detail.gold,
                    title=translate("Values of the candidate over gold values"),
                    caption=translate(
                        "Candidate (up) over gold (across), {number} texts, the worst among them",
                        number=f"{len(detail.gold):,}",
                    ),
                ),
            ),
        )
        return [against_gold, logits_section(detail.distance, detail.differences, detail.sample, "value")]


def _gold(examples: Sequence[Example]) -> Floats:
    return np.array([example.gold for example in examples], dtype=np.float64)


def _values(answers: Sequence[Logits]) -> Floats:
    return np.asarray(answers)[:, 0].astype(np.float64)
