"""Text classification with any number of labels at once: micro- and macro-F1 and subset accuracy from logits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from roformer_edge.errors import ComparisonError
from roformer_edge.validate.data.examples import Example
from roformer_edge.validate.data.inputs import Inputs
from roformer_edge.validate.data.labels import label_of
from roformer_edge.validate.data.lines import Line
from roformer_edge.validate.differences import (
    DifferenceHistogram,
    Distance,
    difference_histogram,
    distance,
    output_sample,
)
from roformer_edge.validate.excerpts import Excerpt
from roformer_edge.validate.metrics import Metric, Ratio, Weights, ratio
from roformer_edge.validate.predictors import Predictor
from roformer_edge.validate.sections import Section
from roformer_edge.validate.tasks.measure import Comparison, Detail, Measure, Shown, StatisticRows, few, stack_outputs
from roformer_edge.validate.tasks.text_classification import (
    LabelScores,
    Logits,
    ask_for_logits,
    label_section,
    logits_section,
)

if TYPE_CHECKING:
    from roformer_edge.validate.report import Report

Floats = NDArray[np.float64]
Flags = NDArray[np.int64]

NO_LABEL = "–"


@dataclass(frozen=True, kw_only=True)
class MultiLabelDetail(Detail):
    """What is known of a multi-label classification besides its figures.

    Attributes:
        labels: Names in the reference's order.
        reference, candidate: One row per label, in that order.
        distance: How far the logits lie apart.
        differences: Candidate's minus reference's logits, over all examples and labels.
        sample: Pairs of (reference's, candidate's) logit, a sample spread over all.
    """

    labels: tuple[str, ...]
    reference: tuple[LabelScores, ...]
    candidate: tuple[LabelScores, ...]
    distance: Distance
    differences: DifferenceHistogram
    sample: tuple[tuple[float, float], ...]


class MultiLabelMeasure(Measure[tuple[str, ...], Logits]):
    """Measures a choice of any labels; an answer is the vector of logits, and a label is chosen above 0.

    A row of statistics holds, for every label, whether it is gold and whether it was answered.
    """

    task = "text-classification"
    gold_fields = ("labels",)
    variant = "multi-label"
    calibrated = True
    detail: ClassVar[type[Detail]] = MultiLabelDetail

    def __init__(self, labels: Sequence[str] = ()) -> None:
        super().__init__(labels)
        self.metrics = (
            Ratio(
                name="micro-F1",
                numerator=lambda rows: 2 * (self._gold(rows) & self._answered(rows)).sum(axis=1),
                denominator=lambda rows: rows.sum(axis=1),
            ),
            Metric(name="macro-F1", formula=self._macro_f1),
            Ratio(
                name="subset accuracy",
                numerator=lambda rows: (self._gold(rows) == self._answered(rows)).all(axis=1).astype(np.int64),
                right_answers=True,
            ),
        )

    def _gold(self, rows: StatisticRows) -> Flags:
        return rows[:, : len(self.labels)]

    def _answered(self, rows: StatisticRows) -> Flags:
        return rows[:, len(self.labels) :]

    def _macro_f1(self, rows: StatisticRows, weights: Weights) -> Floats:
        """Compute the mean F1 over all labels, 0 for one that occurs nowhere (scikit-learn's on indicator matrices)."""
        gold, answered = self._gold(rows).astype(np.float64), self._answered(rows).astype(np.float64)
        # as floats the products are counted by the linear algebra library; they are whole numbers all the same
        counts = weights.astype(np.float64)
        scores = ratio(2 * (counts @ (gold * answered)), counts @ gold + counts @ answered)
        return np.asarray(scores.mean(axis=1))

    def read_gold(self, line: Line) -> tuple[str, ...]:
        """Read the names of the labels, in the model's order; an empty list is a text without labels.

        The list holds names or indices, or a 0 or 1 for every label.
        """
        name = line.key("labels")
        values = line.items("labels", "labels", least=0)
        hot = self._hot(values)
        if hot is None and values and len(values) == len(self.labels) and set(map(repr, values)) <= {"0", "1"}:
            raise line.error(f"{name!r} may be indices, or a 0 or 1 for every label: give names")
        chosen = (
            [label for label, flag in zip(self.labels, hot, strict=True) if flag]
            if hot is not None
            else [label_of(line, value, self.labels, f"number {n} of {name!r}") for n, value in enumerate(values, 1)]
        )
        if len(set(chosen)) < len(chosen):
            twice = next(label for label in chosen if chosen.count(label) > 1)
            raise line.error(f"{name!r} holds the label {twice!r:.60} twice")
        return tuple(label for label in self.labels if label in chosen)

    def _hot(self, values: Sequence[Any]) -> Sequence[Any] | None:
        """Return the values, if they can only be a 0 or 1 for every label."""
        if len(values) != len(self.labels) or not all(
            type(value) in (int, float) and value in (0, 1) for value in values
        ):
            return None
        # of three or more, some are equal, which indices never are
        return values if len(values) > 2 or any(type(value) is float for value in values) else None

    def check_examples(self, reference: Predictor, examples: Sequence[Example]) -> None:
        """Refuse labels that neither side has."""
        if stray := sorted({label for example in examples for label in example.gold} - set(self.labels)):
            raise ComparisonError(f"examples have labels that {reference.name} does not know: {few(stray)}")

    def ask(self, pipeline: Any, inputs: Sequence[Inputs], *, batch_size: int, truncation: bool) -> Sequence[Logits]:
        """Ask for the logits of every text or pair."""
        return ask_for_logits(pipeline, inputs, batch_size=batch_size, truncation=truncation)

    def collect(  # type: ignore[override]
        self, side: Predictor, inputs: Sequence[Inputs], answers: Sequence[Any]
    ) -> Logits:
        """Collect the logits, float32 ``[examples, labels]``, labels aligned by name."""
        super().collect(side, inputs, answers)
        return stack_outputs(side, answers, len(side.labels), [side.labels.index(label) for label in self.labels])

    def statistics(
        self, examples: Sequence[Example], answers: Sequence[Logits], reference: Sequence[Logits]
    ) -> StatisticRows:
        """Return a 0 or 1 for every label, gold and then answered, int64 ``[examples, 2 * labels]``."""
        return np.concatenate([self._flags(examples), _chosen(answers)], axis=1)

    def _flags(self, examples: Sequence[Example]) -> Flags:
        return np.array([[label in example.gold for label in self.labels] for example in examples], dtype=np.int64)

    def compare(
        self, examples: Sequence[Example], reference: Sequence[Logits], candidate: Sequence[Logits]
    ) -> Comparison:
        """Compare the F1 of each text's labels; a change surprises by the surest logit that changed its sign."""
        ours, theirs, gold = np.asarray(reference), np.asarray(candidate), self._flags(examples)
        first, second = _chosen(ours), _chosen(theirs)
        return Comparison(
            scores=(_example_f1(gold, first), _example_f1(gold, second)),
            same=(first == second).all(axis=1),
            difference=np.abs(theirs.astype(np.float64) - ours).max(axis=1),
            margin=np.where(first != second, np.abs(ours), 0).max(axis=1).astype(np.float64),
        )

    def confidences(self, examples: Sequence[Example], answers: Sequence[Logits]) -> tuple[Floats, NDArray[np.bool_]]:
        """Tell the probability of every decision for or against a label, and whether it is right."""
        surer = np.abs(np.asarray(answers, dtype=np.float64)).ravel()
        return 1 / (1 + np.exp(-surer)), (_chosen(answers) == self._flags(examples)).ravel()

    def written(self, examples: Sequence[Example], answers: Sequence[Logits]) -> list[str]:
        """Write the names of the labels."""
        return [self._names(flags) for flags in _chosen(answers)]

    def written_gold(self, examples: Sequence[Example], reference: Sequence[Logits]) -> list[str]:
        """Write the names of the right labels."""
        return [self._names(flags) for flags in self._flags(examples)]

    def _names(self, flags: Flags) -> str:
        return ", ".join(label for label, flag in zip(self.labels, flags, strict=True) if flag)

    def show(
        self, row: int, examples: Sequence[Example], reference: Sequence[Logits], candidate: Sequence[Logits]
    ) -> Shown:
        """Show the names of the labels."""
        gold = examples[row].gold

        def answer(logits: Logits) -> Excerpt:
            chosen = tuple(label for label, value in zip(self.labels, logits, strict=True) if value > 0)
            return Excerpt(text=", ".join(chosen) or NO_LABEL, right=chosen == tuple(gold))

        return Shown(
            gold=Excerpt(text=", ".join(gold) or NO_LABEL),
            reference=answer(reference[row]),
            candidate=answer(candidate[row]),
        )

    def make_detail(
        self, examples: Sequence[Example], reference: Sequence[Logits], candidate: Sequence[Logits], seed: int
    ) -> MultiLabelDetail:
        """Compute scores by label, and how far the logits moved."""
        ours, theirs, gold = np.asarray(reference), np.asarray(candidate), self._flags(examples)
        return MultiLabelDetail(
            labels=self.labels,
            reference=self._scores(gold, _chosen(ours)),
            candidate=self._scores(gold, _chosen(theirs)),
            distance=distance(ours, theirs),
            differences=difference_histogram(ours, theirs),
            sample=output_sample(ours, theirs, seed),
        )

    def _scores(self, gold: Flags, chosen: Flags) -> tuple[LabelScores, ...]:
        right, support, answered = (gold & chosen).sum(axis=0), gold.sum(axis=0), chosen.sum(axis=0)
        columns = (support, ratio(right, answered), ratio(right, support), ratio(2 * right, support + answered))
        return tuple(
            LabelScores(label=label, support=int(n), precision=float(p), recall=float(r), f1=float(f))
            for label, n, p, r, f in zip(self.labels, *columns, strict=True)
        )

    @classmethod
    def sections(cls, report: Report) -> Sequence[Section]:
        """Show F1 label by label, and how far the logits moved."""
        detail = report.detail
        assert isinstance(detail, MultiLabelDetail)
        return [
            label_section(detail.reference, detail.candidate, frozenset(detail.labels)),
            logits_section(detail.distance, detail.differences, detail.sample),
        ]


def _chosen(logits: Sequence[Logits] | Logits) -> Flags:
    return (np.asarray(logits) > 0).astype(np.int64)


def _example_f1(gold: Flags, chosen: Flags) -> Floats:
    """Compute the F1 of the labels of each text; 1 where there are none and none were answered."""
    seen = (gold + chosen).sum(axis=1)
    return np.where(seen == 0, 1.0, ratio(2 * (gold & chosen).sum(axis=1), seen))
