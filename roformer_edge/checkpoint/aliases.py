"""How the names of stored tensors become canonical: what wrappers and attributes put before them comes off.

A stored name may carry the steps of training wrappers, the attribute under which a program keeps its model, endings of
early conversions, or none of the prefix of a headed model.
"""

from __future__ import annotations

from collections.abc import Iterable

from roformer_edge.checkpoint.names import PREFIX, WORD_EMBEDDINGS

# What DataParallel, torch.compile, FSDP and checkpointing put into a path, wherever they wrap.
_WRAPPERS = frozenset(["module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"])
# Attributes that Lightning modules and PEFT keep a model under.
_OWNERS = ("model.", "base_model.")
# Modules of a bare RoFormerModel, whose checkpoints carry no prefix.
_BARE = ("embeddings.", "embeddings_project.", "encoder.", "pooler.")
# Names of early conversions from TensorFlow, and of the bias that the language-model head holds twice.
_RENAMED_ENDS = {
    "LayerNorm.gamma": "LayerNorm.weight",
    "LayerNorm.beta": "LayerNorm.bias",
    "cls.predictions.decoder.bias": "cls.predictions.bias",
}


def canonical_names(stored: Iterable[str]) -> dict[str, str]:
    """Map the names of all tensors of a checkpoint to their canonical form.

    Args:
        stored: The names as PyTorch would use them. They are looked at together: the attribute that a program keeps its
            model under can have any name, and is what stands before ``roformer.`` in the name of the word embeddings.

    Returns:
        Stored name -> canonical name, in the given order. Two stored names may have the same one.
    """
    unwrapped = {name: _unwrapped(name) for name in stored}
    owners = {name.removesuffix(WORD_EMBEDDINGS) for name in unwrapped.values() if name.endswith(f".{WORD_EMBEDDINGS}")}
    # of a teacher and a student nothing tells which is meant
    owner = owners.pop() if len(owners) == 1 and WORD_EMBEDDINGS not in unwrapped.values() else ""
    return {name: _canonical(path.removeprefix(owner)) for name, path in unwrapped.items()}


def _unwrapped(name: str) -> str:
    path = ".".join(step for step in name.split(".") if step not in _WRAPPERS)
    while path.startswith(_OWNERS):
        path = path.partition(".")[2]
    return path


def _canonical(name: str) -> str:
    if name.startswith(_BARE):
        name = PREFIX + name
    for end, replacement in _RENAMED_ENDS.items():
        if name.endswith(end):
            return name.removesuffix(end) + replacement
    return name
