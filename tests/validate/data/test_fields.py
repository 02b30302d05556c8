"""Which key is which field."""

from __future__ import annotations

import pytest

from roformer_edge.errors import OptionError
from roformer_edge.validate.data.fields import ALIASES, NAMES, FieldNames


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
