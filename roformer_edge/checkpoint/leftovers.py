"""What of a checkpoint is not used: tensors without a place in the architecture, and why they may be left out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from roformer_edge.checkpoint.names import POOLER, head_names
from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import CheckpointError, UnsupportedModelError, advice, shown

# Patterns of canonical names -> why leaving the tensors out changes no answer.
WITHOUT_EFFECT = {
    "*.position_ids": "0, 1, 2 ..., a buffer that RoFormer does not read",
    "*.token_type_ids": "zeros, a buffer that stands in for absent token types",
    "*.num_batches_tracked": "a counter of training",
    "*.inv_freq": "the frequencies of the rotary table, which follow from the config",
    "*.masked_bias": "a constant of attention masks",
    "loss*": "of the training loss",
    "criterion*": "of the training loss",
}
# Heads of other models than RoFormer's, over the encoder's output: no answer of ours goes through them.
_OTHER_HEADS = ("cls.seq_relationship.*", f"{POOLER}.*")
# Parts that are added to the encoder's own weights or states.
_ADDED = ("*lora_*", "*adapter*", "*prompt_encoder*", "*prefix_encoder*", "*ia3_l*")
# What hooks compute a weight from in training: torch.nn.utils.prune, weight_norm, spectral_norm and parametrize.
_COMPUTED_FROM = ("*_orig", "*.weight_g", "*.parametrizations.*")
_NAMES_SHOWN = 3
_PATTERNS_SHOWN = 6


def account_for(
    names: Sequence[str],
    config: RoFormerConfig,
    *,
    bare: bool,
    needed: Collection[str],
    other_heads: Collection[str],
    where: Path,
) -> list[str]:
    """Check that tensors without a place in the architecture may be left out, and say so.

    Args:
        names: Their canonical names.
        config: The architecture.
        bare: Whether no head stands on the encoder that is asked for: what lies beside it then changes nothing.
        needed: Names of the tensors that have a place.
        other_heads: Names of tensors that are known to lie on the encoder's output.
        where: Names the checkpoint in messages.

    Returns:
        A sentence on what would matter to another task.

    Raises:
        CheckpointError: A tensor may change the answers, and has no place.
    """
    rest = [name for name in names if not matching([name], WITHOUT_EFFECT)]
    known = {*head_names(config), *other_heads, *matching(rest, _OTHER_HEADS)}
    unknown = [name for name in rest if name not in known]
    if unknown and not bare:
        patterns = sorted({shown(_pattern(name, needed)) for name in unknown})[:_PATTERNS_SHOWN]
        raise CheckpointError(
            f"{where} holds {count(unknown)} that RoFormer has no place for, and that may change its answers: "
            f"{some(unknown)}; where they do not, leave them out: "
            + advice(
                python=f"ignore_weights={patterns}",
                command=" ".join(f"--ignore-weights '{pattern}'" for pattern in patterns),
            )
        )
    return [f"{count(rest)} of other heads not used: {some(rest)}"] if rest else []


def refuse_unmerged(names: Collection[str], where: Path) -> None:
    """Refuse what training put in the place of weights, or beside those it belongs to.

    Args:
        names: Canonical names of all stored tensors.
        where: Names the checkpoint in messages.

    Raises:
        UnsupportedModelError: There are some.
    """
    added = matching(names, _ADDED)
    if added:
        raise UnsupportedModelError(
            f"{where} holds weights of an adapter that is not merged: {some(added)}; merge it first "
            "(merge_and_unload() of peft), and save the merged model"
        )
    parts = matching(names, _COMPUTED_FROM)
    if parts:
        raise UnsupportedModelError(
            f"{where} holds parts that weights are computed from, and not the weights: {some(parts)}; put the weights "
            "in their place first (torch.nn.utils: prune.remove, remove_weight_norm, remove_spectral_norm, "
            "parametrize.remove_parametrizations), and save the model again"
        )


def matching(names: Collection[str], patterns: Collection[str]) -> list[str]:
    """List the names that match one of some shell-style patterns."""
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]


def some(names: Sequence[str]) -> str:
    """List the first few of some names, and count the rest."""
    rest = len(names) - _NAMES_SHOWN
    return ", ".join(shown(name, 200) for name in names[:_NAMES_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def count(names: Sequence[str]) -> str:
    """Say how many tensors there are."""
    return f"{len(names)} tensor{'s' * (len(names) != 1)}"


def _pattern(name: str, needed: Collection[str]) -> str:
    """Make a pattern of the widest module around a tensor that takes no needed one along."""
    steps = name.split(".")
    modules = (".".join(steps[:length]) + ".*" for length in range(1, len(steps)))
    return next((module for module in modules if not matching(needed, [module])), name)
