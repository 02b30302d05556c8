"""Canonical names against the parameter trees of Flax: other names for the leaves, and matrices ``[in, out]``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roformer_edge.checkpoint.names import PREFIX, ROTARY_TABLE

Tree = dict[str, Any]


def to_tree(arrays: Mapping[str, NDArray[np.float32]], *, bare: bool) -> Tree:
    """Make the nested dictionaries of a Flax model.

    Args:
        arrays: Canonical arrays; the rotary table is no parameter there and is left out.
        bare: Whether it is the encoder alone, which has no level ``roformer``.
    """
    tree: Tree = {}
    for name in arrays:
        if name == ROTARY_TABLE:
            continue
        *path, leaf = (name.removeprefix(PREFIX) if bare else name).split(".")
        array = arrays[name]
        if leaf == "weight":
            leaf = "scale" if path[-1] == "LayerNorm" else "embedding" if path[-1].endswith("_embeddings") else "kernel"
        branch = tree
        for step in path:
            branch = branch.setdefault(step, {})
        branch[leaf] = array.T if leaf == "kernel" else array
    return tree


def from_tree(tree: Mapping[str, Any], *, bare: bool) -> dict[str, NDArray[np.float32]]:
    """Make canonical arrays of a tree: the inverse of :func:`to_tree`."""
    arrays: dict[str, NDArray[np.float32]] = {}
    for path, leaf in _leaves(tree, ()):
        *modules, kind = path
        array = np.asarray(leaf, dtype=np.float32)
        name = ".".join((*modules, "bias" if kind == "bias" else "weight"))
        arrays[PREFIX + name if bare else name] = np.ascontiguousarray(array.T) if kind == "kernel" else array
    return arrays


def _leaves(tree: Mapping[str, Any], path: tuple[str, ...]) -> list[tuple[tuple[str, ...], Any]]:
    found: list[tuple[tuple[str, ...], Any]] = []
    for name, value in tree.items():
        found += _leaves(value, (*path, name)) if isinstance(value, Mapping) else [((*path, name), value)]
    return found
