"""Which integers suit which processor: a table, and a guess at the row for this machine."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

from roformer_edge.errors import UnknownNameError
from roformer_edge.quantize.affine import Grid

# flags of /proc/cpuinfo; either brings the dot product of unsigned with signed bytes that adds up in 32 bits
_VNNI_FLAGS = frozenset({"avx512_vnni", "avx_vnni"})
_ARM_MACHINES = ("aarch64", "arm")
_CPUINFO = Path("/proc/cpuinfo")


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

# right on every processor: x86 of any age, and ARM, where it is merely not the fastest
SAFE_PRESET = "x86"

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


def detect_preset(machine: str | None = None, cpuinfo: Path = _CPUINFO) -> str:
    """Name the preset for this machine, or ``SAFE_PRESET`` where it cannot be told.

    Args:
        machine: The machine's name as ``platform.machine()`` gives it, which is asked where None.
        cpuinfo: The file in which Linux lists the processor's flags. Other systems have none; an x86 machine then
            counts as one without VNNI.
    """
    machine = (platform.machine() if machine is None else machine).lower()
    if machine.startswith(_ARM_MACHINES):
        return "arm"
    return "x86-vnni" if _VNNI_FLAGS & _flags(cpuinfo) else SAFE_PRESET


def _flags(cpuinfo: Path) -> frozenset[str]:
    """Read the flags that all processors listed in the file have; none where it cannot be read."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    sets = [frozenset(line.partition(":")[2].split()) for line in lines if line.partition(":")[0].strip() == "flags"]
    return frozenset.intersection(*sets) if sets else frozenset()
