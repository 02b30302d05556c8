"""From torch to TensorFlow to Flax to torch: what a model is saved as, byte for byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from torch_cases import cases, flax_cases, v2_cases

from roformer_edge.checkpoint.safetensors import open_safetensors
from roformer_edge.models.torch import heads

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:RoFormerForCausalLM sees the future"),
]
CASES = cases() | v2_cases()
FILES = ("model.safetensors", "config.json")


@pytest.mark.parametrize("name", CASES)
def test_every_byte_stays(flax_report: dict[str, Any], compared: dict[str, Path], name: str, tmp_path: Path):
    """One chain: TensorFlow loaded what torch had saved, Flax what TensorFlow had, and torch now what Flax had."""
    folder, model_class = compared[name], getattr(heads, CASES[name]["architecture"])
    first = model_class.from_pretrained(folder)
    first.save_pretrained(tmp_path / "first")
    chain = [folder / "tf"]
    if name in flax_cases(CASES):  # Flax has no causal models
        chain.append(folder / "flax")
    last = model_class.from_pretrained(chain[-1])
    last.save_pretrained(tmp_path / "last")
    for file in FILES:
        contents = [(place / file).read_bytes() for place in (tmp_path / "first", *chain, tmp_path / "last")]
        assert contents == contents[:1] * len(contents)
    # and what was saved is what was loaded, from the file that the original wrote
    original, saved = (open_safetensors(place / "model.safetensors") for place in (folder, tmp_path / "last"))
    assert set(saved.names()) == set(original.names())
    for key in original.names():
        assert saved.read(key).tobytes() == original.read(key).tobytes(), key
    assert len(first.state_dict()) == len(last.state_dict())
