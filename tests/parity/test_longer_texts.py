"""Any sequence length: the rotary table grows by its formula in every framework."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch_case_files import randomise
from torch_fixtures import run_script

from roformer_edge.config import RoFormerConfig
from roformer_edge.models.torch.heads import RoFormerModel

CONFIG = RoFormerConfig(
    vocab_size=60,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=48,
    max_position_embeddings=16,
    rotary_value=True,
)


@pytest.mark.oracle
@pytest.mark.slow
def test_three_frameworks_read_longer_texts_alike(frameworks_python: Path, tmp_path: Path):
    torch.manual_seed(5)
    model = randomise(RoFormerModel(CONFIG)).eval()
    model.save_pretrained(tmp_path)
    ids = torch.randint(0, CONFIG.vocab_size, (2, 50))
    model.extend_positions(50)
    with torch.no_grad():
        states = model(ids).last_hidden_state
        asked = CONFIG.replace(max_position_embeddings=50)
        with pytest.warns(UserWarning, match="continued by its formula"):
            again = RoFormerModel.from_pretrained(tmp_path, config=asked)
        assert torch.equal(again(ids).last_hidden_state, states)
    np.save(tmp_path / "ids.npy", ids.numpy())
    np.save(tmp_path / "states.npy", states.numpy())
    run_script(frameworks_python, "longer_check.py", tmp_path)
    report = json.loads((tmp_path / "longer.json").read_text())
    assert report.keys() == {"tensorflow", "flax"}
    assert max(report.values()) < 1e-5
