"""Whether the integers that a bundle was made with suit the processor that it is loaded on."""

from __future__ import annotations

from typing import NamedTuple

from roformer_edge.bundle.reader import Bundle
from roformer_edge.errors import BundleFormatError, advice
from roformer_edge.formats import get_format
from roformer_edge.processors import detect_preset
from roformer_edge.records import parse_object
from roformer_edge.runtime.session import BackendReport

_EXACT = (
    "the weights are bounded for processors without VNNI, and this one has it: {other} makes them more exact, as quick"
)
_QUICK = "the integers are those for {preset}, and this processor is of another kind: {other} may make it quicker"
_SATURATES = (
    "the integers are those for {preset}, and this processor is not known to add their products in 32 bits, so that "
    "sums may saturate: {other} makes it exact here"
)
# (preset of the bundle, preset of this machine) -> what is worth saying
_REMARKS = {
    ("x86", "x86-vnni"): _EXACT,
    ("x86", "arm"): _QUICK,
    ("x86-vnni", "arm"): _QUICK,
    ("arm", "x86-vnni"): _QUICK,
}
# the same, where answers may be wrong
_DOUBTS = {("x86-vnni", "x86"): _SATURATES, ("arm", "x86"): _SATURATES}


class Suitability(NamedTuple):
    """What there is to say of a bundle's integers on this processor.

    Attributes:
        doubts: Why answers may be wrong.
        remarks: What would be better, where answers are right.
    """

    doubts: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def suitability_of(bundle: Bundle, report: BackendReport) -> Suitability:
    """Compare the preset that a bundle was made with to this machine's.

    The preset stands in the bundle's recipe. One that is missing or cannot be read tells nothing: no answer depends on
    the file.

    Args:
        bundle: What was loaded.
        report: What computes it; of anything but the processor there is nothing to say.

    Raises:
        BundleIntegrityError: The recipe is not the file that the manifest lists.
    """
    manifest = bundle.manifest
    depends = report.on_processor and get_format(manifest.format).presets
    if not depends or manifest.find("recipe") is None:
        return Suitability()
    try:
        preset = parse_object(bundle.read_bytes("recipe"), "the recipe", BundleFormatError).get("preset")
    except BundleFormatError:
        return Suitability()
    if not isinstance(preset, str):  # no part of the model has 8-bit integers
        return Suitability()
    machine = detect_preset()
    said = {
        "preset": preset,
        "other": advice(python=f"DeployOptions(preset={machine!r})", command=f"deploy --preset {machine}"),
    }
    if (preset, machine) in _DOUBTS:
        return Suitability(doubts=(_DOUBTS[preset, machine].format(**said),))
    if (preset, machine) in _REMARKS:
        return Suitability(remarks=(_REMARKS[preset, machine].format(**said),))
    return Suitability()
