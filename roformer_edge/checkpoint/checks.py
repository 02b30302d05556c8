"""Whether the stored tensors are those that an architecture needs: all there, in their shapes, none too many."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from roformer_edge.checkpoint.leftovers import WITHOUT_EFFECT, matching, some
from roformer_edge.checkpoint.names import (
    POOLER,
    PREFIX,
    PROJECTION,
    ROTARY_TABLE,
    Shapes,
    architectures_with,
    pooler_shapes,
    shapes_of,
)
from roformer_edge.checkpoint.rotary_table import fit_rotary_table, rotary_table
from roformer_edge.checkpoint.tensors import StoredTensors
from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import CheckpointError, UnknownNameError, advice, shown

# A stored rotary table may carry the rounding of bfloat16, the coarsest type a checkpoint is kept in.
_TABLE_TOLERANCE = 2.0**-8

_NEW_HEAD = (
    ", or start a new head: from_pretrained(..., new_head=True), or ignore_mismatched_sizes=True for these alone"
)

# What is asked of a head. "stored": all of it is there. "may_miss": all of it, or nothing. "may_differ": the same, and
# tensors of another shape are left out. "may_be_new": the same, and a tensor of another shape leaves all of it out.
HEADS = ("stored", "may_miss", "may_differ", "may_be_new")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is asked of a checkpoint.

    Attributes:
        where: Names the checkpoint in messages.
        architecture: The model class.
        config: The architecture's numbers.
        shapes: Canonical name -> shape of what a model is made of: the tensors of its class, the rotary table, and a
            pooler where one is stored.
    """

    where: Path
    architecture: str
    config: RoFormerConfig
    shapes: Shapes

    @property
    def has_head(self) -> bool:
        """Whether a head stands on the encoder."""
        return any(not name.startswith(PREFIX) for name in self.shapes)

    @property
    def has_pooler(self) -> bool:
        """Whether a pooler is stored."""
        return f"{POOLER}.weight" in self.shapes


def list_wanted(where: Path, config: RoFormerConfig, architecture: str, stored: Shapes, *, head: str) -> Wanted:
    """List what a model is made of.

    Args:
        where: Names the checkpoint in messages.
        config: The architecture.
        architecture: The model class.
        stored: Canonical name -> shape of every stored tensor.
        head: One of ``HEADS``.

    Raises:
        CheckpointError: The config asks for more layers than there are weights.
        UnknownNameError: There is no such demand on a head.
    """
    if head not in HEADS:
        raise UnknownNameError("demand on a head", head, HEADS)
    # each layer has several, so a typing error in the config ends here and not in a list of a billion names
    if config.num_hidden_layers > len(stored):
        raise CheckpointError(
            f"{where} holds {len(stored)} weights, and its config asks for {config.num_hidden_layers} layers "
            "(num_hidden_layers)"
        )
    expected = shapes_of(config, architecture)
    of_head = [name for name in expected if not name.startswith(PREFIX)]
    misshapen = [name for name in of_head if name in stored and stored[name] != expected[name]]
    left_out = misshapen if head == "may_differ" else []
    if (head != "stored" and not any(name in stored for name in of_head)) or (head == "may_be_new" and misshapen):
        left_out = of_head
    expected = {name: shape for name, shape in expected.items() if name not in left_out}
    expected[ROTARY_TABLE] = (config.max_position_embeddings, config.head_size)
    pooler = pooler_shapes(config)
    expected |= pooler if all(stored.get(name) == shape for name, shape in pooler.items()) else {}
    return Wanted(where=where, architecture=architecture, config=config, shapes=expected)


def check_tensors(wanted: Wanted, stored: Shapes) -> None:
    """Check that every tensor that is wanted is stored in its shape, and nothing else inside the encoder.

    Args:
        wanted: What is asked for.
        stored: Canonical name -> shape of every stored tensor.

    Raises:
        CheckpointError: Something is missing, unexpected or of another shape; the message lists it.
    """
    where, config, expected = wanted.where, wanted.config, wanted.shapes
    # a bias that is not there is one of zeros where the encoder has none
    optional = {ROTARY_TABLE, *([] if config.use_bias else [f"{PROJECTION}.bias"])}
    missing = [name for name in expected if name not in stored and name not in optional]
    misshapen = [
        f"{name} is {shown(list(stored[name]))}, expected {list(shape)}"
        for name, shape in expected.items()
        if stored.get(name, shape) != shape and name != ROTARY_TABLE
    ]
    headless = bool(missing) and not any(name.startswith(PREFIX) for name in missing)
    # other heads are harmless; a part of the encoder without a place means that config and weights are of two models,
    # and beside an encoder that lacks parts, every name may tell what the file holds instead
    strange = "" if missing and not headless else PREFIX
    known = {*expected, *matching(stored, [*WITHOUT_EFFECT, f"{POOLER}.*"])}
    unexpected = [name for name in stored if name.startswith(strange) and name not in known]
    if headless and not unexpected and not misshapen:
        others = architectures_with(set(stored), config)
        beside = [name for name in stored if not name.startswith(PREFIX) and name not in known]
        found = f"beside the encoder it holds {some(beside)}" if beside else "it is a bare encoder"
        if others:
            found = f"its head is that of {' or '.join(others)}"
        raise CheckpointError(
            f"{where} has no head for {wanted.architecture}: {some(missing)} missing ({found})"
            + "; fine-tune it for the task first"
            + advice(python=" (from_pretrained(..., new_head=True) starts that)", command="")
        )
    if missing or unexpected or misshapen:
        of_the_head = misshapen and not any(name.startswith(PREFIX) for name in (*missing, *unexpected, *misshapen))
        parts = (("missing", missing), ("unexpected", unexpected), ("of another shape", misshapen))
        raise CheckpointError(
            f"the weights in {where} do not fit its config as {wanted.architecture}: "
            + "; ".join(f"{len(names)} {what}: {some(names)}" for what, names in parts if names)
            + "; check that config.json and the weights belong together"
            + (advice(python=_NEW_HEAD, command="") if of_the_head else "")
        )


def check_rotary_table(wanted: Wanted, tensors: StoredTensors, *, asked: bool) -> list[str]:
    """Check that a stored rotary table is the one of RoFormer, of whatever length.

    Args:
        wanted: What is asked for.
        tensors: What is stored.
        asked: Whether the number of positions was asked for, beside the config.

    Returns:
        A sentence where the config has another number of positions.

    Raises:
        CheckpointError: It is the table of another position embedding, or of another head size.
    """
    shape, where = wanted.shapes[ROTARY_TABLE], wanted.where
    found = tensors.shapes.get(ROTARY_TABLE)
    if found is None:
        return []
    if len(found) != 2 or found[1] != shape[1]:
        raise CheckpointError(
            f"{where}: the rotary table is {shown(list(found))}, expected {list(shape)} "
            "(max_position_embeddings, head size)"
        )
    table = fit_rotary_table(tensors.read(ROTARY_TABLE), shape[0])
    if not np.allclose(table, rotary_table(*shape), rtol=0, atol=_TABLE_TOLERANCE):
        raise CheckpointError(
            f"{where}: {ROTARY_TABLE} is not the sinusoidal table of RoFormer; "
            "this checkpoint needs another position embedding and cannot be run"
        )
    if asked or found == shape:
        return []
    done = "cut" if found[0] > shape[0] else "continued by its formula"
    return [
        f"config.json has {shape[0]} positions (max_position_embeddings), and the stored rotary table {found[0]}: it "
        f"is {done}"
    ]
