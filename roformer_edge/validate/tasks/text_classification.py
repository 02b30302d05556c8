"""Text classification into one of several labels: accuracy and macro-F1 from logits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from roformer_edge.errors import ComparisonError
from roformer_edge.escape import clipped
from roformer_edge.scores import softmax
from roformer_edge.validate.data.examples import Example
from roformer_edge.validate.data.inputs import Inputs, text_or_pair
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
from roformer_edge.validate.format import both, decimal, significant
from roformer_edge.validate.language import translate
from roformer_edge.validate.metrics import Metric, Ratio, Weights, mean_of_occurring, ratio, sum_by_class
from roformer_edge.validate.predictors import Predictor
from roformer_edge.validate.sections import Breakdown, Confusion, Distribution, Part, Scatter, Section, Table
from roformer_edge.validate.tasks.measure import (
    RIGHT_OR_WRONG,
    Comparison,
    Detail,
    Measure,
    Shown,
    StatisticRows,
    few,
    stack_outputs,
)

if TYPE_CHECKING:
    from roformer_edge.validate.report import Report

Logits = NDArray[np.float32]
Indices = NDArray[np.int64]
Floats = NDArray[np.float64]

# columns of a row of statistics: the index of the gold label, and that of the answer
GOLD, ANSWER = 0, 1
_CONFUSED_SHOWN = 15
_NEVER_RIGHT_SHOWN = 12


def _right(rows: StatisticRows) -> Indices:
    return np.asarray(rows[:, GOLD] == rows[:, ANSWER], dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class LabelScores:
    """One label: the number of examples whose gold label it is, and three figures in [0, 1], 0 where undefined."""

    label: str
    support: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How often one triple of label indices occurred: gold, the reference's answer, the candidate's answer."""

    gold: int
    reference: int
    candidate: int
    count: int


@dataclass(frozen=True, kw_only=True)
class ClassificationDetail(Detail):
    """What is known of a classification besides its figures.

    Attributes:
        labels: Names in the reference's order; indices count along it.
        reference, candidate: One row per label, in that order.
        outcomes: Everything that was answered, as counts; confusion matrices are sums of it.
        distance: How far the logits lie apart.
        differences: Candidate's minus reference's logits, over all examples and labels.
        sample: Pairs of (reference's, candidate's) logit, a sample spread over all.
    """

    labels: tuple[str, ...]
    reference: tuple[LabelScores, ...]
    candidate: tuple[LabelScores, ...]
    outcomes: tuple[Outcome, ...]
    distance: Distance
    differences: DifferenceHistogram
    sample: tuple[tuple[float, float], ...]


class SingleLabelMeasure(Measure[str, Logits]):
    """Measures a choice of one label of several; an answer is the vector of logits."""

    task = "text-classification"
    gold_fields = ("label",)
    detail: ClassVar[type[Detail]] = ClassificationDetail
    effects = RIGHT_OR_WRONG
    calibrated = True

    def __init__(self, labels: Sequence[str] = ()) -> None:
        super().__init__(labels)
        self._index = {label: number for number, label in enumerate(self.labels)}
        self.metrics = (
            Ratio(name="accuracy", numerator=_right, right_answers=True),
            Metric(name="macro-F1", formula=self._macro_f1),
        )

    def _macro_f1(self, rows: StatisticRows, weights: Weights) -> Floats:
        """Compute the mean F1 over the labels that occur as gold or as answer (scikit-learn's ``average="macro"``)."""
        classes = len(self.labels)
        right = sum_by_class(weights * _right(rows), rows[:, GOLD], classes)
        seen = sum_by_class(weights, rows[:, GOLD], classes) + sum_by_class(weights, rows[:, ANSWER], classes)
        return mean_of_occurring(ratio(2 * right, seen), seen > 0)

    def read_gold(self, line: Line) -> str:
        """Read the name of the label, also where the file has an index: names survive another order of the labels."""
        return label_of(line, line.value("label"), self.labels, repr(line.key("label")))

    def check_examples(self, reference: Predictor, examples: Sequence[Example]) -> None:
        """Refuse labels that neither side has."""
        if stray := sorted({example.gold for example in examples} - set(self.labels)):
            raise ComparisonError(f"examples have labels that {reference.name} does not know: {few(stray)}")

    def check_sides(self, reference: Predictor, candidate: Predictor) -> None:
        """Refuse sides with other labels, or with fewer than two."""
        for side in (reference, candidate):
            if len(side.labels) < 2:
                raise ComparisonError(f"{side.name} has {len(side.labels)} label: there is nothing to choose from")
        super().check_sides(reference, candidate)

    def ask(self, pipeline: Any, inputs: Sequence[Inputs], *, batch_size: int, truncation: bool) -> Sequence[Logits]:
        """Ask for the logits of every text or pair."""
        return ask_for_logits(pipeline, inputs, batch_size=batch_size, truncation=truncation)

    def collect(self, side: Predictor, inputs: Sequence[Inputs], answers: Sequence[Any]) -> Logits:  # type: ignore[override]
        """Collect the logits, float32 ``[examples, labels]``, labels aligned by name."""
        super().collect(side, inputs, answers)
        columns = [side.labels.index(label) for label in self.labels]
        return stack_outputs(side, answers, len(side.labels), columns)

    def statistics(
        self, examples: Sequence[Example], answers: Sequence[Logits], reference: Sequence[Logits]
    ) -> StatisticRows:
        """Return the indices of gold label and answer, int64 ``[examples, 2]``."""
        return np.stack([self._gold(examples), np.asarray(answers).argmax(axis=1)], axis=1)

    def _gold(self, examples: Sequence[Example]) -> Indices:
        return np.array([self._index[example.gold] for example in examples], dtype=np.int64)

    def compare(
        self, examples: Sequence[Example], reference: Sequence[Logits], candidate: Sequence[Logits]
    ) -> Comparison:
        """Tell right from wrong on either side; a change surprises by the reference's margin, in logits."""
        ours, theirs, gold = np.asarray(reference), np.asarray(candidate), self._gold(examples)
        rows = np.arange(len(examples))
        first, second = ours.argmax(axis=1), theirs.argmax(axis=1)
        return Comparison(
            scores=((first == gold).astype(np.float64), (second == gold).astype(np.float64)),
            same=first == second,
            difference=np.abs(theirs.astype(np.float64) - ours).max(axis=1),
            margin=(ours[rows, first] - ours[rows, second]).astype(np.float64),
        )

    def confidences(self, examples: Sequence[Example], answers: Sequence[Logits]) -> tuple[Floats, NDArray[np.bool_]]:
        """Tell the probability of every label that was chosen, and whether it is right."""
        logits = np.asarray(answers, dtype=np.float64)
        return softmax(logits).max(axis=1), logits.argmax(axis=1) == self._gold(examples)

    def written(self, examples: Sequence[Example], answers: Sequence[Logits]) -> list[str]:
        """Write the names of the labels."""
        return [self.labels[best] for best in np.asarray(answers).argmax(axis=1)]

    def written_gold(self, examples: Sequence[Example], reference: Sequence[Logits]) -> list[str]:
        """Write the names of the right labels."""
        return [example.gold for example in examples]

    def show(
        self, row: int, examples: Sequence[Example], reference: Sequence[Logits], candidate: Sequence[Logits]
    ) -> Shown:
        """Show labels with their probabilities."""
        gold = examples[row].gold
        return Shown(
            gold=Excerpt(text=gold),
            reference=self._answer(reference[row], gold),
            candidate=self._answer(candidate[row], gold),
        )

    def _answer(self, logits: Logits, gold: str) -> Excerpt:
        best = int(logits.argmax())
        label = self.labels[best]
        return Excerpt(text=label, right=label == gold, score=float(softmax(logits.astype(np.float64))[best]))

    def make_detail(
        self, examples: Sequence[Example], reference: Sequence[Logits], candidate: Sequence[Logits], seed: int
    ) -> ClassificationDetail:
        """Compute scores by label, all outcomes, and how far the logits moved."""
        ours, theirs, gold = np.asarray(reference), np.asarray(candidate), self._gold(examples)
        answers = ours.argmax(axis=1), theirs.argmax(axis=1)
        triples = Counter(zip(gold.tolist(), answers[0].tolist(), answers[1].tolist(), strict=True))
        return ClassificationDetail(
            labels=self.labels,
            reference=label_scores(self.labels, confusion_matrix(gold, answers[0], len(self.labels))),
            candidate=label_scores(self.labels, confusion_matrix(gold, answers[1], len(self.labels))),
            outcomes=tuple(
                Outcome(gold=g, reference=r, candidate=c, count=count) for (g, r, c), count in sorted(triples.items())
            ),
            distance=distance(ours, theirs),
            differences=difference_histogram(ours, theirs),
            sample=output_sample(ours, theirs, seed),
        )

    @classmethod
    def sections(cls, report: Report) -> Sequence[Section]:
        """Show F1 label by label, the confusion of labels, how far the logits moved, and which answer became which."""
        detail = report.detail
        assert isinstance(detail, ClassificationDetail)
        sections = (
            label_section(detail.reference, detail.candidate, _answered(detail)),
            _confusion(detail),
            logits_section(detail.distance, detail.differences, detail.sample),
            _changes(detail),
        )
        return [section for section in sections if section is not None]


def ask_for_logits(pipeline: Any, inputs: Sequence[Inputs], *, batch_size: int, truncation: bool) -> list[Logits]:
    """Return the logits of every text or pair, one vector each."""
    texts = [text_or_pair(value) for value in inputs]
    return list(pipeline.logits(texts, batch_size=batch_size, truncation=truncation))


def confusion_matrix(gold: Indices, answers: Indices, classes: int) -> Indices:
    """Count the pairs ``[gold, answer]``, int64."""
    return np.bincount(gold * classes + answers, minlength=classes * classes).astype(np.int64).reshape(classes, classes)


def label_scores(labels: Sequence[str], confusion: Indices) -> tuple[LabelScores, ...]:
    """Compute precision, recall and F1 of every class of a confusion matrix ``[gold, answer]``."""
    right, support, answered = np.diagonal(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    precision, recall, f1 = ratio(right, answered), ratio(right, support), ratio(2 * right, support + answered)
    return tuple(
        LabelScores(
            label=label,
            support=int(support[i]),
            precision=float(precision[i]),
            recall=float(recall[i]),
            f1=float(f1[i]),
        )
        for i, label in enumerate(labels)
    )


def label_section(
    reference: Sequence[LabelScores],
    candidate: Sequence[LabelScores],
    answered: Collection[str],
    *,
    noun: str = "label",
    counted: str = "examples",
) -> Section:
    """Show F1 of each label that occurs, the largest loss first; precision and recall beside it."""
    rows = [
        (ours, theirs)
        for ours, theirs in zip(reference, candidate, strict=True)
        if ours.support or ours.label in answered
    ]
    absent = len(reference) - len(rows)
    rows.sort(key=lambda row: (row[1].f1 - row[0].f1, row[1].f1, row[0].label))
    lost = [ours.label for ours, theirs in rows if ours.support and not ours.f1 and not theirs.f1]
    lacking, unknown = "", ""
    if absent:
        lacking = translate(" {absent} more occur neither in the data nor in the answers.", absent=absent)
    if lost:
        unknown = translate(" F1 is 0 on both sides, never right on either, of: {names}.", names=_listed(lost))
    return Section(
        title=translate(f"{noun.capitalize()} by {noun}"),
        lede=translate(f"F1 of each {noun}, the largest loss first.") + lacking + unknown,
        blocks=(
            Breakdown(
                noun=translate(noun),
                counted=translate(counted),
                figure=translate("F1"),
                columns=(translate("precision"), translate("recall")),
                parts=tuple(
                    Part(
                        name=ours.label,
                        count=ours.support,
                        reference=ours.f1,
                        candidate=theirs.f1,
                        more=(
                            both(ours.precision, theirs.precision),
                            both(ours.recall, theirs.recall),
                        ),
                    )
                    for ours, theirs in rows
                ),
            ),
        ),
    )


def _listed(names: Sequence[str]) -> str:
    shown = translate(", ").join(clipped(name, 40) for name in names[:_NEVER_RIGHT_SHOWN])
    more = len(names) - _NEVER_RIGHT_SHOWN
    return shown if more <= 0 else translate("{shown} and {more} more", shown=shown, more=more)


def logits_section(
    apart: Distance, differences: DifferenceHistogram, sample: Sequence[tuple[float, float]], noun: str = "logit"
) -> Section:
    """Show how far the outputs moved, which are called by ``noun``."""
    title = translate(f"How far the {noun}s moved")
    if apart.worst == 0:
        words = translate(f"Not at all: every {noun} of the candidate equals the reference’s, bit for bit.")
        return Section(title=title, lede=words)
    share, cosines = "", ""
    if apart.spread:
        share = translate(" ({share} % of their spread)", share=f"{100 * apart.mean / apart.spread:.1f}")
    if noun == "logit":  # a single value has no direction
        cosines = translate(
            " Cosine {mean} on average, {worst} at worst.",
            mean=decimal(apart.mean_cosine, 4),
            worst=decimal(apart.worst_cosine, 4),
        )
    moved = translate(
        "By {mean} on average{share} and by {worst} at most.",
        mean=significant(apart.mean),
        share=share,
        worst=significant(apart.worst),
    )
    return Section(
        title=title,
        lede=moved + cosines,
        blocks=(
            Distribution(
                histogram=differences,
                title=translate(f"{noun.capitalize()} differences, candidate minus reference"),
                caption=translate(f"Candidate minus reference, all {noun}s"),
            ),
            Scatter(
                pairs=tuple(sample),
                title=translate(f"{noun.capitalize()}s of the candidate over {noun}s of the reference"),
                caption=translate(
                    f"Candidate (up) over reference (across), {{number}} {noun}s, the largest moves among them; equal "
                    "on the diagonal",
                    number=f"{len(sample):,}",
                ),
            ),
        ),
    )


def _answered(detail: ClassificationDetail) -> frozenset[str]:
    """Return the labels that a side answered with."""
    return frozenset(detail.labels[i] for outcome in detail.outcomes for i in (outcome.reference, outcome.candidate))


def _confusion(detail: ClassificationDetail) -> Section | None:
    """Show gold labels against answers, of the labels that occur."""
    occurring = sorted({i for o in detail.outcomes for i in (o.gold, o.reference, o.candidate)})
    place = {index: number for number, index in enumerate(occurring)}
    sides = np.zeros((2, len(occurring), len(occurring)), dtype=np.int64)
    for outcome in detail.outcomes:
        for side, answer in enumerate((outcome.reference, outcome.candidate)):
            sides[side, place[outcome.gold], place[answer]] += outcome.count
    if not any(side.sum() > np.trace(side) for side in sides):
        return None
    ours, theirs = (tuple(map(tuple, side.tolist())) for side in sides)
    return Section(
        title=translate("Confusion"),
        lede=translate("Which gold label got which answer."),
        blocks=(Confusion(names=tuple(detail.labels[i] for i in occurring), reference=ours, candidate=theirs),),
    )


def _changes(detail: ClassificationDetail) -> Section | None:
    """Show which answer became which other, and how often."""
    total: Counter[tuple[int, int]] = Counter()
    broke: Counter[tuple[int, int]] = Counter()
    fixed: Counter[tuple[int, int]] = Counter()
    for outcome in detail.outcomes:
        pair = (outcome.reference, outcome.candidate)
        if outcome.reference != outcome.candidate:
            total[pair] += outcome.count
            broke[pair] += outcome.count * (outcome.gold == outcome.reference)
            fixed[pair] += outcome.count * (outcome.gold == outcome.candidate)
    if not total:
        return None
    most = sorted(total.items(), key=lambda item: (-item[1], item[0]))
    more = ""
    if len(most) > _CONFUSED_SHOWN:
        more = translate(" The {shown} most frequent of {total}.", shown=_CONFUSED_SHOWN, total=len(most))
    return Section(
        title=translate("Changed answers"),
        lede=translate("Which answer became which.") + more,
        blocks=(
            Table(
                head=tuple(map(translate, ("reference", "candidate", "examples", "broken", "fixed"))),
                rows=tuple(
                    (detail.labels[pair[0]], detail.labels[pair[1]], count, broke[pair], fixed[pair])
                    for pair, count in most[:_CONFUSED_SHOWN]
                ),
            ),
        ),
    )
