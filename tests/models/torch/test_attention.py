from __future__ import annotations

import torch

from roformer_edge.checkpoint.rotary_table import rotary_table
from roformer_edge.models.torch.attention import additive_mask, rotate


def test_golden_rotation():
    states = (torch.arange(2 * 12 * 16 * 64, dtype=torch.float32) / 100).reshape(2, 12, 16, 64)
    sines, cosines = torch.from_numpy(rotary_table(16, 64)).chunk(2, dim=-1)
    found = rotate(states, (sines, cosines))[0, 0, 1, :8]
    expected = torch.tensor([-0.2012, 0.8897, 0.0263, 0.9401, 0.2074, 0.9463, 0.3481, 0.9343])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


def test_additive_masks():
    lowest = torch.finfo(torch.float32).min
    assert additive_mask(torch.tensor([[1, 0]]), torch.float32).tolist() == [[[[0.0, lowest]]]]
    assert additive_mask(torch.ones(2, 3, 5), torch.float32).shape == (2, 1, 3, 5)
