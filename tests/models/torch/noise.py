from __future__ import annotations

import torch
from torch import nn

TOLERANCE = 1e-5


def noisy(model: nn.Module, seed: int = 0) -> nn.Module:
    """Move the weights of a model away from the zeros and ones that training starts with."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.data += 0.2 * torch.randn(parameter.shape, generator=generator)
    return model.eval()
