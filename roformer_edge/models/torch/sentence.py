"""RoFormer in PyTorch: one vector of a text, as the modules of sentence-transformers and poolers make it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from roformer_edge.config import RoFormerConfig
from roformer_edge.models.torch.encoder import ACTIVATIONS, RoFormerModel
from roformer_edge.models.torch.outputs import TorchSentenceOutput
from roformer_edge.sentence import LAYER_NORM_EPSILON, SentenceHead, Step


class RoFormerSentenceModel(nn.Module):
    """The encoder and the steps from its states to a vector, in evaluation mode.

    Args:
        encoder: The encoder.
        head: The steps.
        arrays: Canonical name -> array of the steps' weights.
    """

    def __init__(self, encoder: RoFormerModel, head: SentenceHead, arrays: Mapping[str, object]) -> None:
        super().__init__()
        self.roformer = encoder
        self.steps = nn.ModuleList(_STEPS[step.kind](step, arrays) for step in head.steps)

    @classmethod
    def from_arrays(
        cls, config: RoFormerConfig, arrays: Mapping[str, object], head: SentenceHead
    ) -> RoFormerSentenceModel:
        """Make a model with the given canonical weights."""
        return cls(RoFormerModel.from_arrays(config, arrays), head, arrays).eval()

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        output_hidden_states: bool | None = None,
    ) -> TorchSentenceOutput:
        """Make vectors ``[B, width]`` of texts ``[B, S]``, padded on the right."""
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        encoded = self.roformer(
            input_ids, mask, token_type_ids, output_hidden_states=output_hidden_states, return_dict=True
        )
        x = encoded.last_hidden_state
        for step in self.steps:
            x = step(x, mask)
        return TorchSentenceOutput(sentence_embedding=x, hidden_states=encoded.hidden_states)


class _Pooling(nn.Module):
    """From states ``[B, S, H]`` to one, or to several beside each other: ``[B, n H]``."""

    def __init__(self, step: Step, arrays: Mapping[str, object]) -> None:
        super().__init__()
        self.poolings = step.poolings

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        return torch.cat([_POOLINGS[name](states, mask[..., None].to(states.dtype)) for name in self.poolings], dim=-1)


class _Dense(nn.Module):
    """A linear layer and its activation function."""

    def __init__(self, step: Step, arrays: Mapping[str, object]) -> None:
        super().__init__()
        self.weight, self.bias = (_parameter(arrays.get(f"{step.module}.{name}")) for name in ("weight", "bias"))
        self.activation = ACTIVATIONS[step.activation]

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        activated: Tensor = self.activation(F.linear(x, self.weight, self.bias))  # type: ignore[arg-type]
        return activated


class _LayerNorm(nn.Module):
    """A layer norm with torch's own epsilon."""

    def __init__(self, step: Step, arrays: Mapping[str, object]) -> None:
        super().__init__()
        self.weight, self.bias = (_parameter(arrays.get(f"{step.module}.{name}")) for name in ("weight", "bias"))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], self.weight, self.bias, LAYER_NORM_EPSILON)


class _Normalize(nn.Module):
    """Division by the length."""

    def __init__(self, step: Step, arrays: Mapping[str, object]) -> None:
        super().__init__()

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return F.normalize(x, dim=-1)


def _parameter(array: object) -> nn.Parameter | None:
    return None if array is None else nn.Parameter(torch.tensor(array))


def _mean(states: Tensor, weights: Tensor) -> Tensor:
    return (states * weights).sum(1) / weights.sum(1).clamp(min=1)


def _weighted_mean(states: Tensor, mask: Tensor) -> Tensor:
    places = torch.arange(1, states.shape[1] + 1, dtype=states.dtype, device=states.device)
    return _mean(states, mask * places[:, None])


def _mean_over_root(states: Tensor, mask: Tensor) -> Tensor:
    return (states * mask).sum(1) / mask.sum(1).clamp(min=1).sqrt()


def _largest(states: Tensor, mask: Tensor) -> Tensor:
    return states.masked_fill(mask == 0, torch.finfo(states.dtype).min).amax(1)


def _last_token(states: Tensor, mask: Tensor) -> Tensor:
    places = torch.arange(states.shape[1], device=states.device)
    last = (mask[..., 0] * places).argmax(1)
    return states[torch.arange(len(states), device=states.device), last]


# a key of sentence.POOLINGS -> states [B, S, H] and mask [B, S, 1] to one state
_POOLINGS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cls": lambda states, mask: states[:, 0],
    "max": _largest,
    "mean": _mean,
    "mean_sqrt_len_tokens": _mean_over_root,
    "weightedmean": _weighted_mean,
    "lasttoken": _last_token,
}
# a key of sentence.STEPS -> the module that does it
_STEPS: dict[str, Callable[[Step, Mapping[str, object]], nn.Module]] = {
    "pooling": _Pooling,
    "dense": _Dense,
    "layer_norm": _LayerNorm,
    "normalize": _Normalize,
}
