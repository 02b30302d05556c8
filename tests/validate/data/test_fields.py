"""Which key is which field."""

from __future__ import annotations

import pytest

from roformer_edge.errors import OptionError
from roformer_edge.validate.data.fields import ALIASES, INPUTS, NAMES, FieldNames, looks_like_input


def test_a_field_goes_by_its_name_then_by_an_alias():
    names = FieldNames()
    assert names.key("text", {"sentence": 1, "text": 2}) == "text"
    assert names.key("text", {"sentence1": 1, "sentence": 2}) == "sentence"
    assert names.key("text", {"other": 1}) == "text"
    assert ALIASES.keys() <= set(NAMES)


def test_what_was_said_goes_before_everything():
    names = FieldNames.parse("text=sentence1,pair=sentence2,label=label")
    assert names.given == {"text": "sentence1", "text_pair": "sentence2", "label": "label"}
    assert names.key("text", {"text": 1, "sentence1": 2}) == "sentence1"
    assert names.key("id", {"id": 1}) == "id"


@pytest.mark.parametrize("text", ["text", "text=", "=a", "txt=a", "text=a,text=b", "text_pair=a,pair=b", "", "text=a,"])
def test_what_is_no_mapping_is_refused(text):
    with pytest.raises(
        OptionError, match=r"--fields must be field=key with commas between, of the fields text, text_pair"
    ):
        FieldNames.parse(text)


@pytest.mark.parametrize(
    "key",
    [
        "text_b",
        "textb",
        "textB",
        "Text_Pair",
        "text-2",
        "Sentence2",
        "sentence_2",
        "sentence.b",
        "sent1",
        "question1",
        "Query",
        "premise",
        "PAIR",
    ],
)
def test_a_key_of_an_input_is_known_however_it_is_spelt(key):
    assert looks_like_input(key)


@pytest.mark.parametrize(
    "key",
    [
        "id",
        "label",
        "title",
        "sent",
        "sentiment",
        "text_id",
        "textual",
        "question_type",
        "context_length",
        "paired",
        "keywords",
    ],
)
def test_a_remark_is_no_input(key):
    assert not looks_like_input(key)


def test_every_alias_of_an_input_looks_like_one():
    spelt = {key for name in INPUTS - {"tokens"} for key in (name, *ALIASES.get(name, ()))}
    assert {key for key in spelt if not looks_like_input(key)} == set()
