"""Which integers suit which processor: a table. ``processors.detect_preset`` names the row for this machine."""

from __future__ import annotations

from dataclasses import dataclass

from roformer_edge.errors import UnknownNameError
from roformer_edge.processors import detect_preset
from roformer_edge.quantize.affine import Grid


@dataclass(frozen=True, kw_only=True)
class Preset:
    """How to quantise the linear products for one kind of processor.

    Attributes:
        name: The row's name.
        activations: The grid of the inputs of statically quantised products.
        weights: The grid of the weights, which have a scale for every output channel.
        reason: Why it is so, in one sentence.
    """

    name: str
    activations: Grid
    weights: Grid
    reason: str


_UNSIGNED = Grid(dtype="uint8", symmetric=False)
_SIGNED = Grid(dtype="int8", symmetric=False)

PRESETS: dict[str, Preset] = {
    "x86": Preset(
        name="x86",
        activations=_UNSIGNED,
        weights=Grid(dtype="int8", symmetric=True, bounded_pairs=True),
        reason="without VNNI pairs of products are added in 16 bits and saturate, unless neighbours are bounded",
    ),
    "x86-vnni": Preset(
        name="x86-vnni",
        activations=_UNSIGNED,
        weights=Grid(dtype="int8", symmetric=True),
        reason="VNNI multiplies unsigned by signed bytes and adds in 32 bits",
    ),
    "arm": Preset(
        name="arm",
        activations=_SIGNED,
        weights=Grid(dtype="int8", symmetric=True),
        reason="NEON and its dot product instructions multiply signed by signed bytes and add in 32 bits",
    ),
}

# the preset for the machine that the bundle is made on
AUTO = "auto"


def get_preset(name: str) -> Preset:
    """Return the row of ``PRESETS`` with this name; ``"auto"`` names the one for this machine.

    Raises:
        UnknownNameError: No such preset; the message lists those there are.
    """
    if name == AUTO:
        name = detect_preset()
    if name not in PRESETS:
        raise UnknownNameError("preset", name, (*PRESETS, AUTO))
    return PRESETS[name]
