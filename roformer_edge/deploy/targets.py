"""Where bundles go, by name: what suits a kind of device, and why. None of the delegates was tried on hardware here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from roformer_edge.errors import OptionError, UnknownNameError
from roformer_edge.formats import FORMATS
from roformer_edge.quantize.recipe import (
    ATTENTION,
    AUTO,
    DYNAMIC,
    FLOAT,
    HALF,
    INT4,
    INT4_ROWS,
    ROWS,
    STATIC,
    get_recipe,
)


@dataclass(frozen=True, kw_only=True)
class Target:
    """A kind of device.

    Attributes:
        name: The row's name.
        runtime: What the bundle is to run on, one of a format's runtimes.
        recipe: What is taken unless another one is asked for.
        schemes: Those that it can compute; a recipe that holds others is refused.
        lengths: Numbers of tokens, unless others are asked for; empty where any number will do.
        one_length: Whether it takes a model of one length only.
        reason: Why it is so, in half a sentence.
    """

    name: str
    runtime: str
    recipe: str
    schemes: tuple[str, ...]
    lengths: tuple[int, ...] = ()
    one_length: bool = False
    reason: str

    @property
    def format(self) -> str:
        """The format that has the runtime."""
        return next(row.name for row in FORMATS.values() if self.runtime in row.runtimes)

    def __str__(self) -> str:
        lengths = f"{' and '.join(map(str, self.lengths))} tokens" if self.lengths else "any number of tokens"
        return f"{self.name}: {self.format}, {self.recipe}, {lengths}, {self.runtime}, because {self.reason}"


_LITERT, _TFLITE = "litert-2", "tflite-2.14"
_FLOATS = (HALF, FLOAT)
_INTEGERS = (STATIC, ROWS, FLOAT)
_ROWS = (
    Target(
        name="cpu",
        runtime=_LITERT,
        recipe="int8-dynamic",
        schemes=(DYNAMIC, INT4, INT4_ROWS, *_INTEGERS, HALF),
        reason="XNNPACK multiplies 8-bit integers with a range for every token, at any length, and fastest",
    ),
    Target(
        name="server",
        runtime="onnxruntime-1.18",
        recipe="int8-dynamic",
        schemes=(DYNAMIC, ATTENTION, *_INTEGERS, HALF),
        reason="onnxruntime computes several texts at once where a recipe allows it, and is what servers have",
    ),
    Target(
        name="android-gpu",
        runtime=_LITERT,
        recipe="fp16",
        schemes=_FLOATS,
        lengths=(32, 128),
        reason="graphics processors compute in 16-bit floating point and compile a model for one length",
    ),
    Target(
        name="android-npu",
        runtime=_LITERT,
        recipe="int8-static",
        schemes=_INTEGERS,
        lengths=(32, 128),
        reason="neural processors multiply integers whose ranges were fixed beforehand, at one length",
    ),
    Target(
        name="edgetpu",
        runtime=_LITERT,
        recipe="int8-static",
        schemes=_INTEGERS,
        lengths=(64,),
        one_length=True,
        reason="the Edge TPU takes integer products only, in one graph of one length (edgetpu_compiler -a)",
    ),
    Target(
        name="ios-coreml",
        runtime=_LITERT,
        recipe="fp16",
        schemes=_FLOATS,
        lengths=(32, 128),
        reason="Core ML computes in 16-bit floating point and compiles a model for one length",
    ),
    Target(
        name="old-android",
        runtime=_TFLITE,
        recipe="int8-dynamic",
        schemes=(DYNAMIC, ROWS, *_FLOATS),
        lengths=(32, 128),
        reason="runtimes of 2023 know no scale for every channel, and prepare a model anew for every other length",
    ),
)

TARGETS: dict[str, Target] = {row.name: row for row in _ROWS}


def get_target(name: str) -> Target:
    """Return the row of ``TARGETS`` with this name.

    Raises:
        UnknownNameError: No such target.
    """
    if name not in TARGETS:
        raise UnknownNameError("target", name, TARGETS)
    return TARGETS[name]


def choices_for(target: Target, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Put what was asked for and what suits a target together.

    Args:
        target: The kind of device.
        asked: What was chosen, by the names of ``DeployOptions``.

    Returns:
        A value for each of ``format``, ``runtime``, ``recipe`` and ``lengths``; ``schemes`` where the recipe is to be
        searched for.

    Raises:
        OptionError: Something that was chosen is not what the target can compute.
    """
    names = ("format", "runtime", "recipe", "lengths")
    chosen = {name: asked.get(name, getattr(target, name)) for name in names}
    for name in ("format", "runtime"):
        if chosen[name] != getattr(target, name):
            raise _unfit(target, name, chosen[name], f"{getattr(target, name)} or left out")
    if chosen["recipe"] == AUTO:
        chosen["schemes"] = target.schemes
    elif foreign := {rule.scheme for rule in get_recipe(chosen["recipe"]).rules} - set(target.schemes):
        allowed = (
            f"a recipe with no other schemes than {', '.join(target.schemes)}, and not {', '.join(sorted(foreign))}"
        )
        raise _unfit(target, "recipe", chosen["recipe"], allowed)
    if target.lengths and not chosen["lengths"]:
        raise _unfit(target, "lengths", chosen["lengths"], "one or several numbers of tokens")
    if target.one_length and len(chosen["lengths"]) != 1:
        raise _unfit(target, "lengths", chosen["lengths"], "one number of tokens")
    return chosen


def _unfit(target: Target, option: str, value: object, allowed: str) -> OptionError:
    return OptionError(option, value, f"{allowed} for the target {target.name}: {target.reason}")
