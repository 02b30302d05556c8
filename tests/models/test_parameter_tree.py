from __future__ import annotations

import numpy as np
import pytest

from roformer_edge.errors import UnknownNameError, UnsupportedModelError
from roformer_edge.models.keymap import PREFIX, ROTARY_TABLE
from roformer_edge.models.parameter_tree import from_tree, to_tree
from roformer_edge.models.pooling import summary_type_of


@pytest.mark.parametrize("architecture", ["RoFormerForMaskedLM", "RoFormerForSequenceClassification", "RoFormerModel"])
def test_there_and_back(tiny_config, random_arrays, architecture):
    arrays = random_arrays(tiny_config, architecture)
    bare = architecture == "RoFormerModel"
    back = from_tree(to_tree({**arrays, ROTARY_TABLE: np.zeros((32, 8), np.float32)}, bare=bare), bare=bare)
    assert back.keys() == arrays.keys()
    for name, array in arrays.items():
        assert back[name].tobytes() == array.tobytes()
        assert back[name].shape == array.shape


def test_names_and_layout_are_those_of_flax(tiny_config, random_arrays):
    arrays = random_arrays(tiny_config, "RoFormerForMaskedLM")
    tree = to_tree(arrays, bare=False)
    layer = tree["roformer"]["encoder"]["layer"]["1"]
    assert layer["intermediate"]["dense"]["kernel"].shape == (16, 24)
    assert layer["attention"]["output"]["LayerNorm"].keys() == {"scale", "bias"}
    assert tree["roformer"]["embeddings"]["word_embeddings"]["embedding"].shape == (40, 12)
    assert tree["cls"]["predictions"].keys() == {"transform", "bias"}
    bare = to_tree({name: array for name, array in arrays.items() if name.startswith(PREFIX)}, bare=True)
    assert bare.keys() == {"embeddings", "embeddings_project", "encoder"}


def test_the_summary_of_multiple_choice(tiny_config):
    assert summary_type_of(tiny_config) == "last"
    assert summary_type_of(tiny_config.replace(extra={"summary_type": "last_token"})) == "last_token"
    with pytest.raises(UnknownNameError, match="last, first, mean, last_token"):
        summary_type_of(tiny_config.replace(extra={"summary_type": "cls"}))
    with pytest.raises(UnsupportedModelError, match="projection or an activation"):
        summary_type_of(tiny_config.replace(extra={"summary_activation": "tanh"}))
