"""Multiple choice: how often the right choice is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from roformer_edge.errors import ComparisonError
from roformer_edge.validate.data.examples import Example
from roformer_edge.validate.data.inputs import Inputs
from roformer_edge.validate.data.lines import Line, kind, shown
from roformer_edge.validate.differences import DifferenceHistogram, difference_histogram, output_sample
from roformer_edge.validate.excerpts import Excerpt, Passage, cut, passages
from roformer_edge.validate.language import translate
from roformer_edge.validate.metrics import Ratio
from roformer_edge.validate.predictors import Predictor
from roformer_edge.validate.sections import Breakdown, Distribution, Part, Scatter, Section
from roformer_edge.validate.tasks.measure import RIGHT_OR_WRONG, Comparison, Detail, Measure, Shown, StatisticRows

if TYPE_CHECKING:
    from roformer_edge.validate.report import Report

# the probabilities of the choices of one question, float64 [choices]
Probabilities = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class PositionScores:
    """Questions whose right choice stands at one position, and how often either side made the choice there.

    Attributes:
        position: The place among the choices, from 1.
        questions: Whose right choice stands there.
        reference, candidate: Share of them that are answered rightly.
        reference_chose, candidate_chose: How often a side chose this position, rightly or not.
    """

    position: int
    questions: int
    reference: float
    candidate: float
    reference_chose: int
    candidate_chose: int


@dataclass(frozen=True, kw_only=True)
class ChoiceDetail(Detail):
    """What is known of a multiple choice besides its figures.

    Attributes:
        positions: The questions by where their right choice stands.
        differences: Candidate's minus reference's probabilities of all choices.
        sample: Pairs of (reference's, candidate's) probability, a sample spread over all.
    """

    positions: tuple[PositionScores, ...]
    differences: DifferenceHistogram
    sample: tuple[tuple[float, float], ...]


class ChoiceMeasure(Measure[int, Probabilities]):
    """Measures choices; an answer is the probability of every choice, and gold is the index of the right one."""

    task = "multiple-choice"
    gold_fields = ("label",)
    noun = "question"
    effects = RIGHT_OR_WRONG
    calibrated = True
    detail: ClassVar[type[Detail]] = ChoiceDetail
    metrics = (Ratio(name="accuracy", numerator=lambda rows: rows[:, 0], right_answers=True),)

    def read_gold(self, line: Line) -> int:
        """Read the index of the right choice, from 0, or its text where no other choice has it."""
        value, choices = line.value("label"), line.strings("choices")
        name = line.key("label")
        if isinstance(value, str) and value in choices:
            if choices.count(value) > 1:
                raise line.error(f"{name!r} is {shown(value)}, which is the text of several choices; give its index")
            return choices.index(value)
        written = str(value)
        if type(value) not in (int, str) or not (written.isascii() and written.isdecimal() and len(written) < 10):
            found = shown(value) if isinstance(value, str) else kind(value)
            raise line.error(f"{name!r} must be the index or the text of a choice, found {found}")
        if int(value) >= len(choices):
            raise line.error(f"{name!r} is {shown(value)}, and there are {len(choices)} choices, counted from 0")
        return int(value)

    def check_examples(self, reference: Predictor, examples: Sequence[Example]) -> None:
        """Refuse questions whose right choice is not among the choices."""
        for number, example in enumerate(examples, 1):
            if not 0 <= example.gold < len(example.inputs["choices"]):
                raise ComparisonError(f"the right choice of example {number} is {example.gold}, which there is not")

    def ask(
        self, pipeline: Any, inputs: Sequence[Inputs], *, batch_size: int, truncation: bool
    ) -> Sequence[Probabilities]:
        """Ask for the probability of every choice, in the order of the choices."""
        most = max((len(value["choices"]) for value in inputs), default=1)
        answers = pipeline([dict(value) for value in inputs], most, batch_size=batch_size, truncation=truncation)
        return [np.array([choice.score for choice in sorted(best, key=lambda one: one.index)]) for best in answers]

    def collect(self, side: Predictor, inputs: Sequence[Inputs], answers: Sequence[Any]) -> Sequence[Probabilities]:
        """Collect the probabilities, one for each choice of each question."""
        super().collect(side, inputs, answers)
        arrays = [np.asarray(answer, dtype=np.float64) for answer in answers]
        for number, (array, value) in enumerate(zip(arrays, inputs, strict=True), 1):
            if array.shape != (len(value["choices"]),) or not np.isfinite(array).all():
                wanted = f"the {len(value['choices'])} choices of example {number}"
                raise ComparisonError(f"{side.name} gave {array.tolist()!r:.60} for {wanted}")
        return arrays

    def statistics(
        self, examples: Sequence[Example], answers: Sequence[Probabilities], reference: Sequence[Probabilities]
    ) -> StatisticRows:
        """Tell whether the right choice was made, int64 ``[examples, 1]``."""
        right = [int(answer.argmax()) == example.gold for answer, example in zip(answers, examples, strict=True)]
        return np.array(right, dtype=np.int64)[:, np.newaxis]

    def compare(
        self, examples: Sequence[Example], reference: Sequence[Probabilities], candidate: Sequence[Probabilities]
    ) -> Comparison:
        """Tell right from wrong on either side; a change surprises by the reference's margin between both choices."""
        pairs = list(zip(reference, candidate, strict=True))
        scores = [
            self.statistics(examples, side, reference)[:, 0].astype(np.float64) for side in (reference, candidate)
        ]
        return Comparison(
            scores=(scores[0], scores[1]),
            same=np.array([ours.argmax() == theirs.argmax() for ours, theirs in pairs]),
            difference=np.array([np.abs(ours - theirs).max() for ours, theirs in pairs]),
            margin=np.array([ours.max() - ours[theirs.argmax()] for ours, theirs in pairs]),
        )

    def confidences(
        self, examples: Sequence[Example], answers: Sequence[Probabilities]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Tell the probability of every choice that was made, and whether it is right."""
        surest = np.array([answer.max() for answer in answers], dtype=np.float64)
        return np.clip(surest, 0.0, 1.0), self.statistics(examples, answers, answers)[:, 0] > 0

    def written(self, examples: Sequence[Example], answers: Sequence[Probabilities]) -> list[str]:
        """Write the choices that were made, with their letters."""
        pairs = zip(examples, answers, strict=True)
        return [_whole(example.inputs["choices"], int(answer.argmax())) for example, answer in pairs]

    def written_gold(self, examples: Sequence[Example], reference: Sequence[Probabilities]) -> list[str]:
        """Write the right choices."""
        return [_whole(example.inputs["choices"], example.gold) for example in examples]

    def show(
        self,
        row: int,
        examples: Sequence[Example],
        reference: Sequence[Probabilities],
        candidate: Sequence[Probabilities],
    ) -> Shown:
        """Show the choices that were made, with their probabilities."""
        choices, gold = examples[row].inputs["choices"], examples[row].gold

        def answer(probabilities: Probabilities) -> Excerpt:
            best = int(probabilities.argmax())
            return Excerpt(text=_lettered(choices, best), right=best == gold, score=float(probabilities[best]))

        return Shown(
            gold=Excerpt(text=_lettered(choices, gold)),
            reference=answer(reference[row]),
            candidate=answer(candidate[row]),
        )

    def asked(self, example: Example) -> tuple[Passage, ...]:
        """Context, question and all choices."""
        choices = example.inputs["choices"]
        listed = tuple(Passage(name=_letter(index), text=cut(choice)) for index, choice in enumerate(choices))
        return passages(example.inputs) + listed

    def make_detail(
        self,
        examples: Sequence[Example],
        reference: Sequence[Probabilities],
        candidate: Sequence[Probabilities],
        seed: int,
    ) -> ChoiceDetail:
        """Compute the accuracy by the position of the right choice, and how far the probabilities moved."""
        gold = np.array([example.gold for example in examples])
        chosen = [np.array([answer.argmax() for answer in answers]) for answers in (reference, candidate)]
        flat = [np.concatenate(answers).astype(np.float32) for answers in (reference, candidate)]
        last = max(len(answer) for answer in reference)
        return ChoiceDetail(
            positions=tuple(_at_position(index, gold, chosen[0], chosen[1]) for index in range(last)),
            differences=difference_histogram(flat[0], flat[1]),
            sample=output_sample(flat[0], flat[1], seed),
        )

    @classmethod
    def sections(cls, report: Report) -> Sequence[Section]:
        """Show the accuracy by the position of the right choice, and how far the probabilities moved."""
        detail = report.detail
        assert isinstance(detail, ChoiceDetail)
        by_position = Section(
            title=translate("By the position of the right choice"),
            lede=translate("A side that prefers a position chooses it more often than it is right."),
            blocks=(
                Breakdown(
                    noun=translate("position"),
                    counted=translate("questions"),
                    figure=translate("accuracy"),
                    columns=(translate("chosen by the reference"), translate("by the candidate")),
                    parts=tuple(
                        Part(
                            name=_letter(row.position - 1),
                            count=row.questions,
                            reference=row.reference,
                            candidate=row.candidate,
                            more=(f"{row.reference_chose:,}", f"{row.candidate_chose:,}"),
                        )
                        for row in detail.positions
                    ),
                ),
            ),
        )
        moved = Section(
            title=translate("How far the probabilities moved"),
            blocks=(
                Distribution(
                    histogram=detail.differences,
                    title=translate("Differences of probabilities, candidate minus reference"),
                    caption=translate("Candidate minus reference, all choices"),
                ),
                Scatter(
                    pairs=detail.sample,
                    title=translate("Probabilities of the candidate over those of the reference"),
                    caption=translate(
                        "Candidate (up) over reference (across), {number} choices, the largest moves among them; equal "
                        "on the diagonal",
                        number=f"{len(detail.sample):,}",
                    ),
                ),
            ),
        )
        return [by_position, moved]


def _at_position(index: int, gold: NDArray[Any], reference: NDArray[Any], candidate: NDArray[Any]) -> PositionScores:
    here = gold == index
    number = int(here.sum())
    return PositionScores(
        position=index + 1,
        questions=number,
        reference=float((reference[here] == index).mean()) if number else 0.0,
        candidate=float((candidate[here] == index).mean()) if number else 0.0,
        reference_chose=int((reference == index).sum()),
        candidate_chose=int((candidate == index).sum()),
    )


def _letter(index: int) -> str:
    """Name a choice A, B, C ... and beyond Z by its number."""
    return chr(ord("A") + index) if index < 26 else str(index + 1)


def _lettered(choices: Sequence[str], index: int) -> str:
    return cut(_whole(choices, index))


def _whole(choices: Sequence[str], index: int) -> str:
    return f"{_letter(index)}. {choices[index]}"
