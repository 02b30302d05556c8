"""Token classification: F1 of the entities in a text, as seqeval defines it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roformer_edge.errors import ComparisonError, advice
from roformer_edge.runtime.texts import join_words
from roformer_edge.tagging import TagScheme
from roformer_edge.validate.data.examples import Example
from roformer_edge.validate.data.inputs import Inputs
from roformer_edge.validate.data.labels import label_of
from roformer_edge.validate.data.lines import Line, kind, listed
from roformer_edge.validate.excerpts import Excerpt, Mark, around
from roformer_edge.validate.language import translate
from roformer_edge.validate.metrics import Ratio, ratio
from roformer_edge.validate.predictors import Predictor
from roformer_edge.validate.sections import Section, Table
from roformer_edge.validate.tasks.measure import Agreement, Comparison, Detail, Measure, Shown, StatisticRows, few
from roformer_edge.validate.tasks.text_classification import LabelScores, label_section

if TYPE_CHECKING:
    from roformer_edge.validate.report import Report

# an entity: its kind, its first character, and one more than its last
Span = tuple[str, int, int]
Spans = tuple[Span, ...]
Floats = NDArray[np.float64]

# columns of a row of statistics: entities that are right, found and gold; then the same read strictly
RIGHT, FOUND, GOLD, STRICT = 0, 1, 2, 3

_CONFUSED_SHOWN = 15

# what can be wrong with an entity
ERRORS = {
    "kind": "right place, another kind",
    "border": "overlaps a gold entity, other borders",
    "invented": "where there is none",
    "missed": "not found at all",
}


class TaggedText(NamedTuple):
    """What a side found in one text.

    Attributes:
        entities: The entities as the runtime joins them; an inside label without its beginning begins an entity.
        strict: Only those that begin (and end, where the labels say so) as their labels demand; the same as
            ``entities`` where it is ``None``.
        scores: The probability of each token's label.
    """

    entities: Spans
    strict: Spans | None = None
    scores: tuple[float, ...] = ()


class GoldEntities(NamedTuple):
    """The entities of a text, and those of its tags that hold strictly; they differ only where tags are malformed."""

    entities: Spans
    strict: Spans


@dataclass(frozen=True, kw_only=True)
class ErrorCount:
    """How often each side made one kind of error, a key of ``ERRORS``."""

    error: str
    reference: int
    candidate: int


@dataclass(frozen=True, kw_only=True)
class KindConfusion:
    """How often a gold kind got another kind in the same place; an empty name is no entity there at all."""

    gold: str
    answer: str
    reference: int
    candidate: int


@dataclass(frozen=True, kw_only=True)
class EntityDetail(Detail):
    """What is known of a token classification besides its figures.

    Attributes:
        reference, candidate: One row per kind of entity, with the number of gold entities as ``support``.
        answered: Kinds that a side found.
        errors: What was wrong with the entities that are not right.
        confused: Which kind was taken for which, most frequent first.
    """

    reference: tuple[LabelScores, ...]
    candidate: tuple[LabelScores, ...]
    answered: tuple[str, ...]
    errors: tuple[ErrorCount, ...]
    confused: tuple[KindConfusion, ...]


class EntityMeasure(Measure[GoldEntities, TaggedText]):
    """Measures the entities in a text; an answer is a :class:`TaggedText`."""

    task = "token-classification"
    gold_fields = ("entities", "tags")
    detail: ClassVar[type[Detail]] = EntityDetail
    layout = "stack"

    def __init__(self, labels: Sequence[str] = ()) -> None:
        super().__init__(labels)
        self._scheme = TagScheme.of(labels)
        self.kinds = self._scheme.names
        self._strict = self._scheme.strict_reader()
        loose = (
            _f1("F1", RIGHT, FOUND, GOLD),
            Ratio(name="precision", numerator=lambda rows: rows[:, RIGHT], denominator=lambda rows: rows[:, FOUND]),
            Ratio(name="recall", numerator=lambda rows: rows[:, RIGHT], denominator=lambda rows: rows[:, GOLD]),
        )
        strict = _f1("strict F1", STRICT + RIGHT, STRICT + FOUND, STRICT + GOLD)
        self.metrics = loose if self._strict is None else (*loose, strict)

    def read_gold(self, line: Line) -> GoldEntities:
        """Read the entities by their characters, or tags of words in any of the schemes that the runtime reads."""
        given = line.fields.chosen
        both = line.holds("entities") and line.holds("tokens") and line.holds("tags")
        if both and given("entities") is None and given("tags") is None:
            raise line.error(
                f"{line.key('entities')!r} and {line.key('tags')!r} both hold gold entities; name the one meant "
                + advice(python='(FieldNames.parse("tags=tags"))', command="(--fields tags=tags)")
            )
        if given("tags") is None and (line.holds("entities") or not line.holds("tokens")):
            entities = tuple(self._entity(line, number, value) for number, value in enumerate(_items(line), 1))
            return GoldEntities(entities=entities, strict=entities)
        words = line.strings("tokens")
        tags = line.items("tags", "tags", least=0)
        if len(tags) != len(words):
            raise line.error(f"{len(words)} words in {line.key('tokens')!r} and {len(tags)} in {line.key('tags')!r}")
        name = line.key("tags")
        labels = [label_of(line, tag, self.labels, f"number {n} of {name!r}") for n, tag in enumerate(tags, 1)]
        places = _find(line, words) if line.holds("text") else join_words(words)[1]
        entities = _spans(self._scheme.join(labels), places)
        strict = entities if self._strict is None else _spans(self._strict(labels), places)
        return GoldEntities(entities=entities, strict=strict)

    def _entity(self, line: Line, number: int, value: Any) -> Span:
        where = f"number {number} of {line.key('entities')!r}"
        if not isinstance(value, dict) or not {"start", "end", "label"} <= value.keys():
            found = listed(list(value)) if isinstance(value, dict) else kind(value)
            raise line.error(f"{where} must be an object with start, end and label, found {found}")
        label, start, end, text = value["label"], value["start"], value["end"], line.string("text")
        if type(start) is not int or type(end) is not int or not 0 <= start < end <= len(text):
            raise line.error(
                f"{where} reaches from {start!r:.20} to {end!r:.20}, and the text has {len(text)} characters"
            )
        if "text" in value and value["text"] != text[start:end]:
            raise line.error(f"{where} says {value['text']!r:.40}, and the text has {text[start:end]!r:.40} there")
        if label not in self.kinds:
            raise line.error(f"{where} is of the kind {label!r:.40}; the model knows {listed(self.kinds)}")
        return label, start, end

    def check_examples(self, reference: Predictor, examples: Sequence[Example]) -> None:
        """Refuse kinds of entities that neither side knows."""
        if stray := sorted({span[0] for example in examples for span in example.gold.entities} - set(self.kinds)):
            raise ComparisonError(f"examples have kinds of entities that {reference.name} does not know: {few(stray)}")

    def ask(
        self, pipeline: Any, inputs: Sequence[Inputs], *, batch_size: int, truncation: bool
    ) -> Sequence[TaggedText]:
        """Ask for the label of every token, joined to entities in both ways."""
        texts = [value["text"] for value in inputs]
        answers = pipeline(texts, aggregation="none", batch_size=batch_size, truncation=truncation)
        return [self._joined(tokens) for tokens in answers]

    def _joined(self, tokens: Sequence[Any]) -> TaggedText:
        labels = [token.label for token in tokens]
        places = [(token.start, token.end) for token in tokens]
        return TaggedText(
            entities=_spans(self._scheme.join(labels), places),
            strict=None if self._strict is None else _spans(self._strict(labels), places),
            scores=tuple(token.score for token in tokens),
        )

    def statistics(
        self, examples: Sequence[Example], answers: Sequence[TaggedText], reference: Sequence[TaggedText]
    ) -> StatisticRows:
        """Count the entities that are right, found and gold, loosely and strictly, int64 ``[examples, 6]``."""
        rows = [
            (*_counts(found.entities, gold.entities), *_counts(_strict_of(found), gold.strict))
            for found, gold in zip(answers, (example.gold for example in examples), strict=True)
        ]
        return np.array(rows, dtype=np.int64)

    def compare(
        self, examples: Sequence[Example], reference: Sequence[TaggedText], candidate: Sequence[TaggedText]
    ) -> Comparison:
        """Compare the F1 of each text's entities; a text moved by the largest change of a token's probability."""
        golds = [example.gold.entities for example in examples]
        pairs = list(zip(reference, candidate, strict=True))
        same = np.array([set(ours.entities) == set(theirs.entities) for ours, theirs in pairs])
        difference = np.array([_moved(ours.scores, theirs.scores) for ours, theirs in pairs])
        return Comparison(
            scores=(
                np.array([text_f1(ours.entities, gold) for ours, gold in zip(reference, golds, strict=True)]),
                np.array([text_f1(theirs.entities, gold) for theirs, gold in zip(candidate, golds, strict=True)]),
            ),
            same=same,
            difference=difference,
            margin=np.where(same, 0.0, difference),
        )

    def agree(
        self, reference: Sequence[TaggedText], candidate: Sequence[TaggedText], comparison: Comparison
    ) -> Agreement:
        """Count how many texts have the same entities on both sides."""
        return Agreement(equal=int(comparison.same.sum()), total=len(comparison.same), noun="entities")

    def written(self, examples: Sequence[Example], answers: Sequence[TaggedText]) -> list[str]:
        """Write the entities of each text with their places."""
        return [
            _written(example.inputs["text"], answer.entities) for example, answer in zip(examples, answers, strict=True)
        ]

    def written_gold(self, examples: Sequence[Example], reference: Sequence[TaggedText]) -> list[str]:
        """Write the gold entities of each text."""
        return [_written(example.inputs["text"], example.gold.entities) for example in examples]

    def show(
        self, row: int, examples: Sequence[Example], reference: Sequence[TaggedText], candidate: Sequence[TaggedText]
    ) -> Shown:
        """Show the text three times, with its entities marked, cut to where they differ."""
        text, gold = examples[row].inputs["text"], examples[row].gold.entities
        ours, theirs = reference[row].entities, candidate[row].entities
        differing = set(ours) ^ set(theirs) or set(gold) | set(ours)
        places = [(start, end) for _, start, end in differing]
        return Shown(
            gold=around(marked(text, gold), places),
            reference=around(marked(text, ours, gold), places),
            candidate=around(marked(text, theirs, gold), places),
        )

    def make_detail(
        self, examples: Sequence[Example], reference: Sequence[TaggedText], candidate: Sequence[TaggedText], seed: int
    ) -> EntityDetail:
        """Compute scores by kind, and what was wrong."""
        golds = [example.gold.entities for example in examples]
        sides = [[answer.entities for answer in answers] for answers in (reference, candidate)]
        ours, theirs = (_count_errors(golds, found) for found in sides)
        return EntityDetail(
            reference=kind_scores(self.kinds, golds, sides[0]),
            candidate=kind_scores(self.kinds, golds, sides[1]),
            answered=tuple(sorted({span[0] for found in sides for spans in found for span in spans})),
            errors=tuple(ErrorCount(error=key, reference=ours[key], candidate=theirs[key]) for key in ERRORS),
            confused=_confused(golds, sides[0], sides[1]),
        )

    @classmethod
    def sections(cls, report: Report) -> Sequence[Section]:
        """Show F1 kind by kind, and what was wrong."""
        detail = report.detail
        assert isinstance(detail, EntityDetail)
        rows = tuple((translate(ERRORS[row.error]), row.reference, row.candidate) for row in detail.errors)
        return [
            label_section(detail.reference, detail.candidate, detail.answered, noun="kind", counted="entities"),
            Section(
                title=translate("What was wrong"),
                lede=translate("Entities that are not right, and gold entities that nothing overlaps."),
                blocks=(Table(head=tuple(map(translate, ("entity", "reference", "candidate"))), rows=rows),),
            ),
            *_confusion_section(detail),
        ]


def _written(text: str, entities: Spans) -> str:
    """Write entities as ``PER[0:2] 李白; LOC[3:5] 长安``, in the order of the text."""
    ordered = sorted(set(entities), key=lambda span: (span[1], span[2], span[0]))
    return "; ".join(f"{name}[{start}:{end}] {text[start:end]}" for name, start, end in ordered)


def entity_f1(found: Sequence[set[Span]], gold: Sequence[set[Span]]) -> float:
    """Compute the F1 of entities with exactly the right characters and kind, over all texts; 0 without any."""
    counts = np.array([_counts(tuple(one), tuple(other)) for one, other in zip(found, gold, strict=True)])
    right, answered, wanted = counts.sum(axis=0)
    return float(ratio(2 * right, answered + wanted))


def text_f1(found: Spans, gold: Spans) -> float:
    """Compute the F1 of the entities of one text; 1 where there are none and none were found."""
    right, answered, wanted = _counts(found, gold)
    return 2 * right / (answered + wanted) if answered + wanted else 1.0


def kind_scores(kinds: Sequence[str], golds: Sequence[Spans], found: Sequence[Spans]) -> tuple[LabelScores, ...]:
    """Compute precision, recall and F1 of every kind of entity."""
    right: Counter[str] = Counter()
    for one, other in zip(found, golds, strict=True):
        right.update(span[0] for span in set(one) & set(other))
    answered = Counter(span[0] for spans in found for span in spans)
    wanted = Counter(span[0] for spans in golds for span in spans)

    def share(part: int, whole: int) -> float:
        return part / whole if whole else 0.0

    return tuple(
        LabelScores(
            label=name,
            support=wanted[name],
            precision=share(right[name], answered[name]),
            recall=share(right[name], wanted[name]),
            f1=share(2 * right[name], answered[name] + wanted[name]),
        )
        for name in kinds
    )


def marked(text: str, spans: Spans, gold: Spans | None = None) -> Excerpt:
    """Mark the entities in a text, right or wrong where ``gold`` says so; of overlapping ones the first."""
    marks: list[Mark] = []
    for span in sorted(set(spans), key=lambda span: (span[1], -span[2])):
        name, start, end = span
        if not marks or start >= marks[-1].end:
            marks.append(Mark(start=start, end=end, name=name, right=None if gold is None else span in gold))
    return Excerpt(text=text, marks=tuple(marks))


def _f1(name: str, right: int, found: int, gold: int) -> Ratio:
    return Ratio(
        name=name, numerator=lambda rows: 2 * rows[:, right], denominator=lambda rows: rows[:, found] + rows[:, gold]
    )


def _counts(found: Spans, gold: Spans) -> tuple[int, int, int]:
    return len(set(found) & set(gold)), len(set(found)), len(set(gold))


def _strict_of(answer: TaggedText) -> Spans:
    return answer.entities if answer.strict is None else answer.strict


def _spans(joined: Sequence[tuple[str, int, int]], places: Sequence[tuple[int, int]]) -> Spans:
    """Turn entities over units into entities over characters."""
    return tuple((name, places[first][0], places[end - 1][1]) for name, first, end in joined)


def _moved(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the largest change of a token's probability; 1 where the sides cut the text into different tokens."""
    if len(ours) != len(theirs):
        return 1.0
    return max((abs(a - b) for a, b in zip(ours, theirs, strict=True)), default=0.0)


def _count_errors(golds: Sequence[Spans], found: Sequence[Spans]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for gold, spans in zip(golds, found, strict=True):
        for _, start, end in set(spans) - set(gold):
            touching = [other for other in gold if other[1] < end and start < other[2]]
            if any(other[1:] == (start, end) for other in touching):
                counts["kind"] += 1
            else:
                counts["border" if touching else "invented"] += 1
        counts["missed"] += sum(
            not any(other[1] < end and start < other[2] for other in spans) for _, start, end in set(gold)
        )
    return counts


def _confused(
    golds: Sequence[Spans], reference: Sequence[Spans], candidate: Sequence[Spans]
) -> tuple[KindConfusion, ...]:
    """Count the kinds that were taken for others in the same place, overlooked, or found where there is none."""
    sides: list[Counter[tuple[str, str]]] = []
    for found in (reference, candidate):
        counts: Counter[tuple[str, str]] = Counter()
        for gold, spans in zip(golds, found, strict=True):
            for name, start, end in set(gold):
                here = [other[0] for other in spans if other[1:] == (start, end)]
                if any(other[1] < end and start < other[2] for other in spans):
                    counts.update((name, answer) for answer in here if answer != name)
                else:
                    counts[name, ""] += 1
            for name, start, end in set(spans):
                if not any(other[1] < end and start < other[2] for other in gold):
                    counts["", name] += 1
        sides.append(counts)
    ours, theirs = sides
    order = sorted(set(ours) | set(theirs), key=lambda pair: (-max(ours[pair], theirs[pair]), -theirs[pair], pair))
    return tuple(
        KindConfusion(gold=gold, answer=answer, reference=ours[gold, answer], candidate=theirs[gold, answer])
        for gold, answer in order
    )


def _confusion_section(detail: EntityDetail) -> list[Section]:
    if not detail.confused:
        return []
    lede = translate("Kinds in the same place, most frequent first; a dash is no entity there.")
    more = ""
    if len(detail.confused) > _CONFUSED_SHOWN:
        more = translate(" The {shown} most frequent of {total}.", shown=_CONFUSED_SHOWN, total=len(detail.confused))
    rows = tuple(
        (row.gold or "–", row.answer or "–", row.reference, row.candidate) for row in detail.confused[:_CONFUSED_SHOWN]
    )
    head = tuple(map(translate, ("gold", "answer", "reference", "candidate")))
    return [Section(title=translate("Confusion"), lede=lede + more, blocks=(Table(head=head, rows=rows),))]


def _items(line: Line) -> list[Any]:
    return line.items("entities", "objects", least=0)


def _find(line: Line, words: Sequence[str]) -> list[tuple[int, int]]:
    """Find where the words stand in the text of their line, one after the other."""
    text, at, places = line.string("text"), 0, []
    for word in words:
        start = text.find(word, at)
        if start < 0:
            raise line.error(f"the word {word!r:.40} does not stand in the text after character {at}")
        at = start + len(word)
        places.append((start, at))
    return places
