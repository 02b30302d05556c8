from __future__ import annotations

import numpy as np
import pytest

from roformer_edge.checkpoint.loading import load_architecture
from roformer_edge.checkpoint.names import DECODER_WEIGHT, ROTARY_TABLE, WORD_EMBEDDINGS
from roformer_edge.checkpoint.safetensors import open_safetensors
from roformer_edge.checkpoint.saving import save_checkpoint


@pytest.mark.parametrize("architecture", ["RoFormerModel", "RoFormerForMaskedLM"])
def test_what_is_saved_is_loaded(tmp_path, tiny_config, random_arrays, architecture):
    arrays = random_arrays(tiny_config, architecture)
    assert save_checkpoint(tmp_path / "new" / "folder", tiny_config, architecture, arrays) == tmp_path / "new/folder"
    checkpoint = load_architecture(tmp_path / "new" / "folder", architecture)
    assert checkpoint.config.extra["architectures"] == [architecture]
    assert checkpoint.arrays.keys() == {*arrays, ROTARY_TABLE}
    assert all(np.array_equal(checkpoint.arrays[name], array) for name, array in arrays.items())


def test_names_in_the_file(tmp_path, tiny_config, random_arrays):
    arrays = random_arrays(tiny_config, "RoFormerForMaskedLM")
    arrays[DECODER_WEIGHT] = arrays[WORD_EMBEDDINGS]
    save_checkpoint(tmp_path, tiny_config, "RoFormerForMaskedLM", arrays)
    assert set(open_safetensors(tmp_path / "model.safetensors").names()) == {*arrays, ROTARY_TABLE} - {DECODER_WEIGHT}
    save_checkpoint(tmp_path, tiny_config.replace(tie_word_embeddings=False), "RoFormerForMaskedLM", arrays)
    assert DECODER_WEIGHT in open_safetensors(tmp_path / "model.safetensors").names()
    bare = random_arrays(tiny_config, "RoFormerModel")
    save_checkpoint(tmp_path, tiny_config, "RoFormerModel", bare)
    names = open_safetensors(tmp_path / "model.safetensors").names()
    assert set(names) == {name.removeprefix("roformer.") for name in (*bare, ROTARY_TABLE)}
