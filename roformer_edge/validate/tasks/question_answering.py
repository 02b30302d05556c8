"""Question answering: exact matches and F1 of answers, as the script of CMRC 2018 defines them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roformer_edge.tasks import input_rows
from roformer_edge.validate.data.examples import Example
from roformer_edge.validate.data.inputs import Inputs, Problem
from roformer_edge.validate.data.lines import Line, kind
from roformer_edge.validate.excerpts import Excerpt, Mark, around
from roformer_edge.validate.language import translate
from roformer_edge.validate.metrics import Ratio
from roformer_edge.validate.sections import Section, Table
from roformer_edge.validate.tasks.measure import Comparison, Detail, Measure, Shown, StatisticRows

if TYPE_CHECKING:
    from roformer_edge.validate.report import Report

Floats = NDArray[np.float64]

# columns of a row of statistics: F1 with the best gold answer, and whether it is one exactly
F1, EXACT = 0, 1

# Characters that the script of CMRC 2018 leaves out. It lists "……" as two characters, which no single one equals.
_PUNCTUATION = frozenset("-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』")
# What the script takes as a Chinese character: CJK ideographs of the first block.
_FIRST_IDEOGRAPH, _LAST_IDEOGRAPH = "\u4e00", "\u9fa5"
# Pieces of text between ideographs. The script cuts them with nltk's tokenizer of English: at spaces, ASCII marks and
# dashes, but not within a number, nor at a full stop before the end. On the answers of CMRC 2018 this gives nltk's
# pieces but for 18 of 5,013, in which nltk calls one quotation mark by two names.
_PIECES = re.compile(r"""(?:[^\s!-/:-@\[-`{-~–—]|(?<=\d),(?=\d)|\.(?![.)\]}>"'\s]*$))+|[!-/:-@\[-`{-~–—]""")


class GoldAnswer(NamedTuple):
    """One of the right answers.

    Attributes:
        text: The answer.
        start: Its first character in the context, or -1 where the data does not say.
    """

    text: str
    start: int = -1


class FoundAnswer(NamedTuple):
    """What a side answered: a stretch of the context, and the probability that the side gives it."""

    text: str
    start: int
    end: int
    score: float


@dataclass(frozen=True, kw_only=True)
class AnswerCounts:
    """How many answers of either side are right in one way: ``"exact"``, ``"partly"`` or ``"not at all"``."""

    right: str
    reference: int
    candidate: int


@dataclass(frozen=True, kw_only=True)
class AnswerDetail(Detail):
    """What is known of a question answering besides its figures.

    Attributes:
        counts: How many answers are right, partly right or wrong.
        moved: Numbers of changed answers by what moved: both ends, the start, or the end alone.
    """

    counts: tuple[AnswerCounts, ...]
    moved: tuple[int, int, int]


class AnswerMeasure(Measure[tuple[GoldAnswer, ...], FoundAnswer]):
    """Measures answers from a context; an answer is a :class:`FoundAnswer`."""

    task = "question-answering"
    gold_fields = ("answers",)
    noun = "question"
    layout = "stack"
    calibrated = True
    detail: ClassVar[type[Detail]] = AnswerDetail
    metrics = (
        Ratio(name="F1", numerator=lambda rows: rows[:, F1]),
        Ratio(name="exact match", numerator=lambda rows: rows[:, EXACT], right_answers=True),
    )

    def read_gold(self, line: Line) -> tuple[GoldAnswer, ...]:
        """Read the answers: objects with text and start, strings, or SQuAD's two lists; at least one."""
        name, value = line.key("answers"), line.value("answers")
        if isinstance(value, dict) and isinstance(value.get("text"), list):
            starts = value.get("answer_start", [-1] * len(value["text"]))
            if not isinstance(starts, list) or len(starts) != len(value["text"]):
                raise line.error(f"{name!r} holds {len(value['text'])} texts and another number of starts")
            value = [{"text": text, "start": start} for text, start in zip(value["text"], starts, strict=True)]
        elif isinstance(value, str) and not (line.flat and value.startswith("[")):
            value = [value]
        else:
            value = line.items("answers", "answers")
        if not value:
            raise line.error(f"{name!r} holds no answer, and a question without one is not measured")
        context = line.string("context")
        return tuple(_gold(line, f"number {n} of {name!r}", item, context) for n, item in enumerate(value, 1))

    def find_problem(self, tokenizer: Any, limit: int, inputs: Inputs, *, truncation: bool) -> Problem | None:
        """Find questions that leave no room for a context, which may be of any length: it is read in windows."""
        ((question, context),) = input_rows(self.row, inputs)
        context_tokens = sum(text == 1 for text in tokenizer.encode_text(question, context).sequence_ids)
        around_it = len(tokenizer.encode_text(question, "").ids)
        if not context_tokens:
            return Problem(reason="the context has no tokens that could be an answer", remedy="leave it out")
        if around_it >= limit:
            return Problem(
                reason=f"the question has {around_it} tokens, and the model takes {limit} with the context",
                remedy="shorten it",
            )
        return None

    def ask(
        self, pipeline: Any, inputs: Sequence[Inputs], *, batch_size: int, truncation: bool
    ) -> Sequence[FoundAnswer]:
        """Ask for the best stretch of every context."""
        questions = [(value["question"], value["context"]) for value in inputs]
        answers = pipeline(questions, batch_size=batch_size)
        return [FoundAnswer(answer.text, answer.start, answer.end, answer.score) for answer in answers]

    def statistics(
        self, examples: Sequence[Example], answers: Sequence[FoundAnswer], reference: Sequence[FoundAnswer]
    ) -> StatisticRows:
        """Compute the F1 and the exactness of every answer, float64 ``[examples, 2]``."""
        rows = []
        for found, example in zip(answers, examples, strict=True):
            texts = [GoldAnswer(*gold).text for gold in example.gold]
            rows.append((answer_f1(found.text, texts), exact_match(found.text, texts)))
        return np.array(rows, dtype=np.float64)

    def compare(
        self, examples: Sequence[Example], reference: Sequence[FoundAnswer], candidate: Sequence[FoundAnswer]
    ) -> Comparison:
        """Compare the F1 of each answer; a change surprises by the probability that the reference gave its own."""
        scores = [self.statistics(examples, answers, reference)[:, F1] for answers in (reference, candidate)]
        pairs = list(zip(reference, candidate, strict=True))
        same = np.array([(ours.start, ours.end) == (theirs.start, theirs.end) for ours, theirs in pairs])
        return Comparison(
            scores=(scores[0], scores[1]),
            same=same,
            difference=np.array([abs(ours.score - theirs.score) for ours, theirs in pairs]),
            margin=np.where(same, 0.0, [ours.score for ours, _ in pairs]),
        )

    def confidences(
        self, examples: Sequence[Example], answers: Sequence[FoundAnswer]
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """Tell the probability of every answer, and whether it is a gold answer exactly."""
        exact = self.statistics(examples, answers, answers)[:, EXACT] > 0
        return np.clip([answer.score for answer in answers], 0.0, 1.0), exact

    def written(self, examples: Sequence[Example], answers: Sequence[FoundAnswer]) -> list[str]:
        """Write the answers."""
        return [answer.text for answer in answers]

    def written_gold(self, examples: Sequence[Example], reference: Sequence[FoundAnswer]) -> list[str]:
        """Write all gold answers of each question."""
        return [" / ".join(dict.fromkeys(GoldAnswer(*gold).text for gold in example.gold)) for example in examples]

    def show(
        self, row: int, examples: Sequence[Example], reference: Sequence[FoundAnswer], candidate: Sequence[FoundAnswer]
    ) -> Shown:
        """Show the answers in their context."""
        example = examples[row]
        context, golds = example.inputs["context"], [GoldAnswer(*gold) for gold in example.gold]
        texts = [gold.text for gold in golds]
        place = next((gold for gold in golds if gold.start >= 0), None)

        def answer(found: FoundAnswer) -> Excerpt:
            right = exact_match(found.text, texts)
            mark = Mark(start=found.start, end=found.end, right=right)
            whole = Excerpt(text=context, right=right, score=found.score, marks=(mark,))
            return around(whole, [(found.start, found.end)])

        if place is None:
            gold = Excerpt(text=" / ".join(texts))
        else:
            end = place.start + len(place.text)
            whole = Excerpt(text=context, marks=(Mark(start=place.start, end=end),))
            gold = around(whole, [(place.start, end)])
        return Shown(gold=gold, reference=answer(reference[row]), candidate=answer(candidate[row]))

    def make_detail(
        self, examples: Sequence[Example], reference: Sequence[FoundAnswer], candidate: Sequence[FoundAnswer], seed: int
    ) -> AnswerDetail:
        """Count the answers that are right, partly right or wrong, and what moved."""
        ours, theirs = (_count(self.statistics(examples, answers, reference)) for answers in (reference, candidate))
        starts = np.array([a.start != b.start for a, b in zip(reference, candidate, strict=True)])
        ends = np.array([a.end != b.end for a, b in zip(reference, candidate, strict=True)])
        return AnswerDetail(
            counts=tuple(AnswerCounts(right=name, reference=ours[name], candidate=theirs[name]) for name in ours),
            moved=(int((starts & ends).sum()), int((starts & ~ends).sum()), int((~starts & ends).sum())),
        )

    @classmethod
    def sections(cls, report: Report) -> Sequence[Section]:
        """Show how right the answers are, and how they moved."""
        detail = report.detail
        assert isinstance(detail, AnswerDetail)
        both, starts, ends = detail.moved
        moved = translate("No answer changed.")
        if both + starts + ends:
            moved = translate(
                "Of the answers that changed, {both} begin and end elsewhere, {starts} begin elsewhere only, {ends} "
                "end elsewhere only.",
                both=f"{both:,}",
                starts=f"{starts:,}",
                ends=f"{ends:,}",
            )
        rows = tuple((translate(row.right), row.reference, row.candidate) for row in detail.counts)
        return [
            Section(
                title=translate("How right the answers are"),
                lede=moved,
                blocks=(Table(head=tuple(map(translate, ("right", "reference", "candidate"))), rows=rows),),
            )
        ]


def answer_f1(found: str, golds: Sequence[str]) -> float:
    """Compute the best F1 of an answer with one of the gold answers: of the longest run of pieces that both share."""
    pieces = split_pieces(found)
    best = 0.0
    for gold in golds:
        wanted = split_pieces(gold)
        shared = longest_common_run(wanted, pieces)
        if shared:
            best = max(best, 2 * shared / (len(pieces) + len(wanted)))
    return best


def exact_match(found: str, golds: Sequence[str]) -> bool:
    """Tell whether an answer is one of the gold answers, punctuation and letter case aside."""
    return any(_bare(found) == _bare(gold) for gold in golds)


def split_pieces(text: str) -> list[str]:
    """Split an answer into the pieces that are compared: ideographs one by one, and what stands between them."""
    pieces: list[str] = []
    between = ""
    for character in _bare(text):
        if _FIRST_IDEOGRAPH <= character <= _LAST_IDEOGRAPH:
            pieces += [*_PIECES.findall(between), character]
            between = ""
        else:
            between += character
    return [*pieces, *_PIECES.findall(between)]


def longest_common_run(first: Sequence[str], second: Sequence[str]) -> int:
    """Compute the length of the longest run of pieces that stands in both."""
    best = 0
    row = [0] * (len(second) + 1)
    for piece in first:
        row = [0, *(row[j] + 1 if piece == other else 0 for j, other in enumerate(second))]
        best = max(best, *row)
    return best


def _bare(text: str) -> str:
    return "".join(character for character in text.lower().strip() if character not in _PUNCTUATION)


def _gold(line: Line, where: str, value: Any, context: str) -> GoldAnswer:
    if isinstance(value, str):
        return GoldAnswer(line.checked(where, value))
    if not isinstance(value, dict) or "text" not in value:
        raise line.error(f"{where} must be a string, or an object with text and start, found {kind(value)}")
    text = line.checked(f"the text of {where}", value["text"])
    start = value.get("start", value.get("answer_start", -1))
    if type(start) is not int or start < -1:
        raise line.error(f"the start of {where} must be a whole number, found {kind(start)}")
    if start >= 0 and context[start : start + len(text)] != text:
        there = context[start : start + len(text)]
        raise line.error(f"{where} says {text!r:.40}, and the context has {there!r:.40} at character {start}")
    return GoldAnswer(text, start)


def _count(rows: StatisticRows) -> dict[str, int]:
    exact, shared = rows[:, EXACT] > 0, rows[:, F1] > 0
    return {
        "exactly": int(exact.sum()),
        "partly": int((shared & ~exact).sum()),
        "not at all": int((~shared & ~exact).sum()),
    }
