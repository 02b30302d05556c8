"""Labelled examples with their places, and the check of their length."""

from __future__ import annotations

import pytest

from roformer_edge.errors import DatasetError, OptionError
from roformer_edge.validate.data.examples import Example, check_inputs, digest_of, read_examples, spread_sample
from roformer_edge.validate.data.fields import NAMES, FieldNames
from roformer_edge.validate.data.inputs import Problem, too_long
from roformer_edge.validate.tasks import MEASURES
from roformer_edge.validate.tasks.feature_extraction import SentenceVectorMeasure
from roformer_edge.validate.tasks.fill_mask import MaskedTokenMeasure
from roformer_edge.validate.tasks.regression import RegressionMeasure
from roformer_edge.validate.tasks.text_classification import SingleLabelMeasure
from roformer_edge.validate.tasks.text_generation import NextTokenMeasure
from tests.tiny_checkpoint import write_lines


def test_an_example_knows_where_it_stands_and_what_else_its_line_holds(tmp_path):
    rows = [
        {"text": "好", "label": 0},
        {"text": "坏", "label": "bad", "id": 7, "domain": "food", "acts": ["x"], "n": 2},
    ]
    first, second = read_examples(write_lines(tmp_path / "dev.jsonl", rows), SingleLabelMeasure(["good", "bad"]))
    assert (first.gold, first.id, first.line) == ("good", None, 1)
    assert (second.where, second.line, second.id) == (f"{tmp_path / 'dev.jsonl'}:2", 2, "7")
    assert second.others == {"text": "坏", "label": "bad", "id": 7, "domain": "food", "n": 2}


def test_a_key_that_was_named_for_a_gold_answer_is_read_or_refused(tmp_path):
    path = write_lines(tmp_path / "dev.jsonl", [{"a": "好", "b": "坏", "y": "0.5"}])

    def gold(measure, fields):
        return [example.gold for example in read_examples(path, measure, FieldNames.parse(fields))]

    assert gold(RegressionMeasure(["LABEL_0"]), "text=a,label=y") == [0.5]
    assert gold(SentenceVectorMeasure(), "text=a,pair=b,label=y") == [0.5]
    with pytest.raises(DatasetError, match="missing key 'z'"):
        gold(SentenceVectorMeasure(), "text=a,pair=b,score=z")
    for measure, reads in ((MaskedTokenMeasure(), "answers"), (NextTokenMeasure(), "none")):
        with pytest.raises(OptionError, match=rf"fields must be of fields .*gold answers: {reads}.*'label=y'"):
            gold(measure, "text=a,label=y")


def test_every_measure_names_the_fields_of_its_gold_answer():
    assert [name for name, measure in MEASURES.items() if not measure.gold_fields] == ["text-generation"]
    assert {field for measure in MEASURES.values() for field in measure.gold_fields} <= set(NAMES)


def test_texts_that_are_too_long_are_named_before_any_work():
    examples = [Example(inputs={"text": "字" * n}, gold="", where=f"dev.jsonl:{n}") for n in (3, 600, 5, 520, 700)]

    def longer_than(limit):
        def find(inputs):
            tokens = len(inputs["text"]) + 2
            return too_long(tokens, limit) if tokens > limit else None

        return find

    with pytest.raises(DatasetError) as caught:
        check_inputs(examples, longer_than(512))
    assert str(caught.value) == "dev.jsonl:600: 602 tokens, the model takes 512; truncation=True cuts (3 such texts)"
    with pytest.raises(DatasetError, match=r"dev.jsonl:700: 702 tokens, the model takes 602; truncation=True cuts$"):
        check_inputs(examples, longer_than(602))
    check_inputs(examples, longer_than(702))


def test_problems_with_another_remedy_are_not_counted_along():
    examples = [Example(inputs={"text": text}, gold="", where=f"a:{text}") for text in "1121"]
    remedies = {"1": Problem(reason="r", remedy="cut it"), "2": Problem(reason="s", remedy="mend it")}
    with pytest.raises(DatasetError, match=r"a:1: r; cut it \(3 such texts\)"):
        check_inputs(examples, lambda inputs: remedies[inputs["text"]])


def test_the_digest_follows_inputs_and_gold_only():
    one = Example(inputs={"text": "好"}, gold="a", line=3, id="x")
    assert digest_of([one]) == digest_of([Example(inputs={"text": "好"}, gold="a")])
    assert digest_of([one]) != digest_of([Example(inputs={"text": "好"}, gold="b")])
    assert digest_of([one]) != digest_of([Example(inputs={"text": "好", "text_pair": ""}, gold="a")])


def test_a_sample_is_spread_over_the_list():
    assert spread_sample("abc", 5) == ["a", "b", "c"]
    assert spread_sample([str(n) for n in range(100)], 4) == ["12", "37", "62", "87"]
    assert spread_sample("abc", 0) == []
    for size in range(1, 20):
        sample = spread_sample([str(n) for n in range(20)], size)
        assert len(set(sample)) == size
        assert sample == sorted(sample, key=int)
