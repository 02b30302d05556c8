"""The post-processor: which special tokens stand where, and of which type everything is."""

from __future__ import annotations

import pytest

from roformer_edge.tokenizer.encoding import Segment
from roformer_edge.tokenizer.template import Template

BERT = Template.of_bert(("[CLS]", 2), ("[SEP]", 3))
# <s> A </s> 1 </s> B </s> with the second text of type 0, as other models have it
OTHER = Template(
    [("<s>", 0, 0), (0, 0), ("</s>", 1, 0)],
    [("<s>", 0, 0), (0, 0), ("</s>", 1, 0), ("</s>", 1, 2), (1, 0), ("</s>", 1, 1)],
)


def segment(ids: list[int], type_id: int = 0) -> Segment:
    return Segment(ids, type_id, token="x")


@pytest.mark.parametrize(
    ("template", "pair", "ids", "types"),
    [
        (BERT, False, [2, 7, 3], [0, 0, 0]),
        (BERT, True, [2, 7, 3, 8, 3], [0, 0, 0, 1, 1]),
        (OTHER, False, [0, 7, 1], [0, 0, 0]),
        (OTHER, True, [0, 7, 1, 1, 8, 1], [0, 0, 0, 2, 0, 1]),
        (Template.of_nothing(), False, [7], [0]),
        (Template.of_nothing(), True, [7, 8], [0, 1]),
    ],
)
def test_rows(template: Template, pair: bool, ids: list[int], types: list[int]):
    kinds = template.types(pair)
    second = segment([8], kinds[1]) if pair else None
    row = template.row(segment([7], kinds[0]), second, special=True, typed=True)
    assert list(row.ids) == ids
    assert row.type_ids == types
    assert template.count(pair) == len(ids) - 1 - pair
    bare = template.row(segment([7], kinds[0]), second, special=False, typed=True)
    assert list(bare.ids) == [index for index in ids if index in (7, 8)]
    assert bare.type_ids == list(kinds)


def test_a_model_without_types_is_fed_zeros():
    row = BERT.row(segment([7]), segment([8], 1), special=True, typed=False)
    assert row.type_ids == [0] * 5
