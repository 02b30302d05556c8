from __future__ import annotations

import numpy as np
import pytest

from roformer_edge.checkpoint.names import PREFIX, ROTARY_TABLE
from roformer_edge.models.flax.parameter_tree import from_tree, to_tree


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
