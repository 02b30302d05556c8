"""Entities: seqeval's figures in both modes, what a line may hold, and the text with its entities marked."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roformer_edge.errors import ComparisonError, DatasetError
from roformer_edge.tagging import TagScheme
from roformer_edge.tokenizer import RoFormerTokenizer, Vocabulary
from roformer_edge.validate.data.examples import Example, read_examples
from roformer_edge.validate.data.fields import FieldNames
from roformer_edge.validate.render.html import to_html
from roformer_edge.validate.render.markdown import to_markdown
from roformer_edge.validate.report import Report
from roformer_edge.validate.runner import compare
from roformer_edge.validate.tasks.token_classification import (
    EntityMeasure,
    GoldEntities,
    TaggedText,
    entity_f1,
)
from tests.tiny_checkpoint import write_lines
from tests.tiny_runtime import vocabulary
from tests.validate.tables import UNTIMED, text_predictor
from tests.validate.tasks.oracle import ask_oracle, figures_of

IOB2 = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
IOBES = ("O", *(f"{letter}-{kind}" for kind in ("PER", "LOC") for letter in "BIES"))
BILOU = ("O", *(f"{letter}-{kind}" for kind in ("PER", "LOC") for letter in "BILU"))
SCHEMES = {"IOB2": IOB2, "IOBES": IOBES, "BILOU": BILOU}


def random_tags(random: np.random.Generator, labels: tuple[str, ...], near: list[str] | None = None) -> list[str]:
    """A sequence of any labels, well-formed or not; most of them those of ``near`` where it is given."""
    if near is None:
        return random.choice(labels, size=random.integers(1, 12)).tolist()
    return [tag if random.random() < 0.8 else str(random.choice(labels)) for tag in near]


def spans(tags: list[str], labels: tuple[str, ...]) -> GoldEntities:
    """Entities over the numbers of the tags."""
    scheme = TagScheme.of(labels)
    strict = scheme.strict_reader()
    assert strict is not None
    return GoldEntities(entities=tuple(scheme.join(tags)), strict=tuple(strict(tags)))


@pytest.mark.oracle
def test_figures_and_entities_equal_seqeval(oracle_python):
    random = np.random.default_rng(7)
    cases = []
    for scheme, labels in SCHEMES.items():
        for size in (1, 5, 60):
            gold = [random_tags(random, labels) for _ in range(size)]
            predicted = [random_tags(random, labels, near=tags) for tags in gold]
            cases.append({"scheme": scheme, "gold": gold, "predicted": predicted})
    for case, expected in zip(cases, ask_oracle(oracle_python, "seqeval_oracle.py", cases), strict=True):
        labels = SCHEMES[case["scheme"]]
        measure = EntityMeasure(labels)
        examples = [Example(inputs={"text": ""}, gold=spans(tags, labels)) for tags in case["gold"]]
        answers = [TaggedText(*spans(tags, labels)) for tags in case["predicted"]]
        found = figures_of(measure.statistics(examples, answers, answers), measure.metrics)
        strict = [[tuple(entity) for entity in entities] for entities in expected["strict"]]
        assert [list(answer.strict) for answer in answers] == strict
        assert found["strict F1"] == pytest.approx(expected["strict F1"], abs=1e-12)
        if case["scheme"] != "BILOU":  # seqeval's default mode knows neither L nor U
            loose = [[(name, first, last + 1) for name, first, last in entities] for entities in expected["entities"]]
            assert [list(answer.entities) for answer in answers] == loose
            for name in ("F1", "precision", "recall"):
                assert found[name] == pytest.approx(expected[name], abs=1e-12)


@given(st.lists(st.sampled_from(IOB2)))
def test_strict_entities_are_among_the_loose_ones_where_they_begin_so(tags):
    loose, strict = spans(tags, IOB2)
    assert set(strict) <= set(loose)
    assert set(strict) == {(name, first, end) for name, first, end in loose if tags[first].startswith("B-")}


@given(st.lists(st.sampled_from(IOBES)))
def test_strict_entities_of_closed_schemes_are_whole(tags):
    for name, first, end in spans(tags, IOBES).strict:
        inside = [f"{letter}-{name}" for letter in ("B" + "I" * (end - first - 2) + "E" if end - first > 1 else "S")]
        assert tags[first:end] == inside


def test_labels_without_a_beginning_have_no_strict_reading():
    assert TagScheme.of(("O", "PER", "LOC")).strict_reader() is None
    assert TagScheme.of(("O", "I-PER")).strict_reader() is None
    assert [metric.name for metric in EntityMeasure(("O", "PER")).metrics] == ["F1", "precision", "recall"]
    bmes = TagScheme.of(("O", "B-X", "M-X", "E-X", "S-X")).strict_reader()
    assert bmes(["B-X", "M-X", "E-X", "S-X", "B-X", "M-X"]) == [("X", 0, 3), ("X", 3, 4)]


TEXT = "李白在长安，杜甫在成都"
GOLD = (("PER", 0, 2), ("LOC", 3, 5), ("PER", 6, 8), ("LOC", 9, 11))


@pytest.fixture
def report() -> Report:
    example = Example(inputs={"text": TEXT}, gold=GoldEntities(GOLD, GOLD), line=4, id="poem")
    other = Example(inputs={"text": "好"}, gold=GoldEntities((), ()))
    ours = {TEXT: TaggedText(GOLD[:3], GOLD[:2], (0.9, 0.8)), "好": TaggedText((), (), (1.0,))}
    # one of another kind, one with another border, one missed; and one in the other text that is none
    found = (("LOC", 0, 2), ("LOC", 3, 4), ("PER", 6, 8))
    theirs = {TEXT: TaggedText(found, found, (0.9, 0.5)), "好": TaggedText((("PER", 0, 1),), (), (1.0,))}
    sides = (text_predictor(name, table, labels=IOB2) for name, table in (("a", ours), ("b", theirs)))
    return compare(*sides, [example, other], dataclasses.replace(UNTIMED, task="token-classification"))


def test_figures_by_hand(report):
    figures = {figure.name: figure for figure in report.figures}
    assert list(figures) == ["F1", "precision", "recall", "strict F1"]
    assert (figures["F1"].reference, figures["F1"].candidate) == (6 / 7, 2 / 8)
    assert (figures["precision"].reference, figures["precision"].candidate) == (1, 1 / 4)
    assert (figures["recall"].reference, figures["recall"].candidate) == (3 / 4, 1 / 4)
    assert (figures["strict F1"].reference, figures["strict F1"].candidate) == (4 / 6, 2 / 7)
    assert figures["F1"].drop == pytest.approx(100 * (6 / 7 - 2 / 8))
    assert (report.agreement.equal, report.agreement.total, report.agreement.noun) == (0, 2, "entities")
    assert [(row.number, row.effect) for row in report.changes] == [(2, "broke"), (1, "broke")]
    assert report.changes[1].difference == pytest.approx(0.3)


def test_detail_counts_kinds_and_errors(report):
    detail = report.detail
    assert [(row.label, row.support, row.recall) for row in detail.reference] == [("PER", 2, 1), ("LOC", 2, 0.5)]
    assert [(row.label, row.precision, row.f1) for row in detail.candidate] == [("PER", 0.5, 0.5), ("LOC", 0, 0)]
    assert {row.error: (row.reference, row.candidate) for row in detail.errors} == {
        "kind": (0, 1),
        "border": (0, 1),
        "invented": (0, 1),
        "missed": (1, 1),
    }
    # the one that is missed on both sides, the one of another kind, the one where there is none
    assert [(row.gold, row.answer, row.reference, row.candidate) for row in detail.confused] == [
        ("", "PER", 0, 1),
        ("LOC", "", 1, 1),
        ("PER", "LOC", 0, 1),
    ]
    assert "Kinds in the same place" in to_html(report)
    assert Report.from_dict(report.to_dict()) == report


def test_entities_are_marked_in_the_text(report):
    shown = report.changes[1]
    first = shown.gold.marks[0]
    assert (TEXT[first.start : first.end], first.name, first.right) == ("李白", "PER", None)
    assert [(m.name, m.right) for m in shown.reference.marks] == [("PER", True), ("LOC", True), ("PER", True)]
    assert [(m.name, m.right) for m in shown.candidate.marks] == [("LOC", False), ("LOC", False), ("PER", True)]
    assert '<mark class="wrong">李白<small>LOC</small></mark>' in to_html(report)
    assert "**✗李白/LOC**" in to_markdown(report)


def test_entities_and_tags_in_one_line_are_refused_until_one_is_named(tmp_path):
    row = {"tokens": ["李", "白"], "text": "李白", "tags": ["B-PER", "I-PER"], "entities": []}
    path = write_lines(tmp_path / "dev.jsonl", [row])
    measure = EntityMeasure(IOB2)
    with pytest.raises(DatasetError, match="'entities' and 'tags' both hold gold entities; name the one meant"):
        list(read_examples(path, measure))
    for fields, expected in (("tags=tags", (("PER", 0, 2),)), ("entities=entities", ())):
        ((example),) = read_examples(path, measure, FieldNames.parse(fields))
        assert example.gold.entities == expected


def read(tmp_path, labels, *rows):
    path = write_lines(tmp_path / "a.jsonl", list(rows))
    return [(row.inputs, row.gold) for row in read_examples(path, EntityMeasure(labels))]


def test_entities_by_their_characters(tmp_path):
    entities = [{"start": 0, "end": 2, "label": "PER", "text": "李白"}, {"start": 3, "end": 5, "label": "LOC"}]
    ((inputs, gold),) = read(tmp_path, IOB2, {"text": TEXT, "entities": entities, "words": ["李白"]})
    assert inputs == {"text": TEXT}
    assert gold == (GOLD[:2], GOLD[:2])


def test_tags_of_words_by_name_or_index(tmp_path):
    tags = ["B-PER", "I-PER", "O", "I-LOC", "I-LOC"]
    rows = [
        {"tokens": list("李白在长安"), "tags": tags},
        {"tokens": list("李白在长安"), "ner_tags": [1, 2, 0, 4, 4]},
        {"text": "李 白在 长安", "tokens": list("李白在长安"), "labels": tags},
        {"words": ["Li Bai", "in", "Xi'an"], "tags": ["B-PER", "O", "B-LOC"]},
    ]
    found = read(tmp_path, IOB2, *rows)
    # an I- without its B- counts loosely only
    assert found[0] == ({"text": "李白在长安"}, ((("PER", 0, 2), ("LOC", 3, 5)), (("PER", 0, 2),)))
    assert found[1] == found[0]
    assert found[2][1].entities == (("PER", 0, 3), ("LOC", 5, 7))
    assert found[3] == ({"text": "Li Bai in Xi'an"}, ((("PER", 0, 6), ("LOC", 10, 15)),) * 2)


def one(start, end, **others):
    """A line with one entity."""
    return {"text": "xy", "entities": [{"start": start, "end": end, "label": "PER", **others}]}


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"text": "x"}, "missing key 'entities'"),
        ({"text": "x", "entities": {}}, "'entities' must be a list of objects, found an object"),
        ({"text": "x", "entities": ["PER"]}, "number 1 of 'entities' must be an object with start, end and label"),
        ({"text": "x", "entities": [{"start": 0, "end": 1}]}, "found 'start', 'end'"),
        (
            {"text": "x", "entities": [{"start": 0, "end": 2, "label": "PER"}]},
            "reaches from 0 to 2, and the text has 1 ",
        ),
        ({"text": "x", "entities": [{"start": 0, "end": 0, "label": "PER"}]}, "reaches from 0 to 0"),
        ({"text": "x", "entities": [{"start": "0", "end": 1, "label": "PER"}]}, "reaches from '0' to 1"),
        (
            {"text": "xy", "entities": [{"start": 0, "end": 1, "label": "PER", "text": "y"}]},
            "says 'y', and the text has 'x'",
        ),
        (
            {"text": "x", "entities": [{"start": 0, "end": 1, "label": "ORG"}]},
            "kind 'ORG'; the model knows 'PER', 'LOC'",
        ),
        ({"tokens": ["x"], "tags": ["O", "O"]}, "1 words in 'tokens' and 2 in 'tags'"),
        ({"tokens": ["x"], "tags": ["B-ORG"]}, "unknown label 'B-ORG'"),
        ({"tokens": ["x"]}, "missing key 'tags'"),
        ({"text": "ab", "tokens": ["b", "a"], "tags": ["O", "O"]}, "the word 'a' does not stand in the text after"),
    ],
)
def test_what_is_no_gold_is_refused(tmp_path, row, says):
    with pytest.raises(DatasetError, match=r"a\.jsonl:1: ") as caught:
        read(tmp_path, IOB2, row)
    assert says in str(caught.value)


def test_kinds_that_neither_side_knows_are_refused():
    example = Example(inputs={"text": "x"}, gold=GoldEntities((("ORG", 0, 1),), ()))
    side = text_predictor("a", {"x": TaggedText(())}, labels=IOB2)
    with pytest.raises(ComparisonError, match="kinds of entities that a does not know: 'ORG'"):
        compare(side, side, [example], dataclasses.replace(UNTIMED, task="token-classification"))


def test_f1_over_all_texts():
    assert entity_f1([{("A", 0, 1)}, set()], [{("A", 0, 1), ("B", 2, 3)}, set()]) == pytest.approx(2 / 3)
    assert entity_f1([set()], [set()]) == 0


@pytest.mark.parametrize("name", ["uner_gsdsimp", "crosswoz_slots"])
def test_real_files_are_read_whole(shared_data, read_jsonl, name):
    for path in sorted((shared_data / "token_classification" / name).glob("*.jsonl")):
        records = read_jsonl(path)
        kinds = sorted({entity["label"] for record in records for entity in record["entities"]})
        measure = EntityMeasure(["O", *(f"{letter}-{kind}" for kind in kinds for letter in "BI")])
        for example, record in zip(read_examples(path, measure), records, strict=True):
            wanted = [(entity["label"], entity["start"], entity["end"]) for entity in record["entities"]]
            assert list(example.gold.entities) == wanted
            assert example.inputs == {"text": record["text"]}


def test_long_texts_are_no_problem_where_any_text_fits():
    tokenizer, measure = RoFormerTokenizer(Vocabulary(vocabulary())), EntityMeasure(("O", "B-PER"))

    def problem(text, limit):
        return measure.find_problem(tokenizer, limit, {"text": text}, truncation=False)

    assert problem("今天" * 50, 12) is None
    assert problem("好", 2).reason == "3 tokens, the model takes 2"
