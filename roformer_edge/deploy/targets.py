"""Where bundles go, by name: what suits a kind of device, and why. None of the delegates was tried on hardware here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from roformer_edge.deploy.options import DeployOptions
from roformer_edge.errors import OptionError, UnknownNameError
from roformer_edge.quantize.recipe import FLOAT, HALF, ROWS, SCHEMES, STATIC, get_recipe


@dataclass(frozen=True, kw_only=True)
class Target:
    """A kind of device.

    Attributes:
        name: The row's name.
        format: Of the model file.
        recipe: What is taken unless another one is asked for.
        schemes: Those that it can compute; a recipe that holds others is refused.
        lengths: Numbers of tokens, unless others are asked for; empty where any number will do, which is then what a
            bundle is made for.
        runtime: What the bundle is to run on, unless something else is asked for.
        reason: Why it is so, in one sentence.
    """

    name: str
    format: str
    recipe: str
    schemes: tuple[str, ...] = tuple(SCHEMES)
    lengths: tuple[int, ...] = ()
    runtime: str
    reason: str


_LITERT, _TFLITE = "litert-2", "tflite-2.14"
_INTEGERS = (STATIC, ROWS, FLOAT)
_ROWS = (
    Target(
        name="cpu",
        format="tflite",
        recipe="int8-dynamic",
        runtime=_LITERT,
        reason="XNNPACK multiplies 8-bit integers with a range for every token, at any length, and fastest",
    ),
    Target(
        name="server",
        format="onnx",
        recipe="int8-dynamic",
        runtime="onnxruntime-1.18",
        reason="onnxruntime takes many texts at once, and is where servers have it already",
    ),
    Target(
        name="android-gpu",
        format="tflite",
        recipe="fp16",
        schemes=(HALF, FLOAT),
        lengths=(32, 128),
        runtime=_LITERT,
        reason="graphics processors compute in 16-bit floating point and compile a model for one length",
    ),
    Target(
        name="android-npu",
        format="tflite",
        recipe="int8-static",
        schemes=_INTEGERS,
        lengths=(32, 128),
        runtime=_LITERT,
        reason="neural processors multiply integers whose ranges were fixed beforehand, at one length",
    ),
    Target(
        name="edgetpu",
        format="tflite",
        recipe="int8-static",
        schemes=_INTEGERS,
        lengths=(64,),
        runtime=_LITERT,
        reason="the Edge TPU takes integer products only, and one graph of one length",
    ),
    Target(
        name="ios-coreml",
        format="tflite",
        recipe="fp16",
        schemes=(HALF, FLOAT),
        lengths=(32, 128),
        runtime=_LITERT,
        reason="Core ML computes in 16-bit floating point and compiles a model for one length",
    ),
    Target(
        name="old-android",
        format="tflite",
        recipe="int8-dynamic",
        lengths=(32, 128),
        runtime=_TFLITE,
        reason="runtimes of 2023 know no scale for every channel, and prepare a model anew for every other length",
    ),
)

TARGETS: dict[str, Target] = {row.name: row for row in _ROWS}


def options_for(name: str, **asked: Any) -> DeployOptions:
    """Choose options for a target.

    Args:
        name: A key of ``TARGETS``.
        asked: Fields of :class:`~roformer_edge.deploy.options.DeployOptions` that were chosen.

    Raises:
        UnknownNameError: No such target.
        OptionError: Something that was chosen is not what the target can compute.
    """
    if name not in TARGETS:
        raise UnknownNameError("target", name, TARGETS)
    target = TARGETS[name]
    if asked.get("format", target.format) != target.format:
        raise _unfit(target, "format", asked["format"], f"{target.format} or left out")
    recipe = asked.get("recipe", target.recipe)
    foreign = {rule.scheme for rule in get_recipe(recipe).rules} - set(target.schemes)
    if foreign:
        allowed = (
            f"a recipe with no other schemes than {', '.join(target.schemes)}, and not {', '.join(sorted(foreign))}"
        )
        raise _unfit(target, "recipe", recipe, allowed)
    if target.lengths and asked.get("lengths") == ():
        raise _unfit(target, "lengths", (), "one or several numbers of tokens")
    chosen = {"format": target.format, "recipe": recipe, "lengths": target.lengths, "runtime": target.runtime}
    return DeployOptions(**{**chosen, **asked})


def _unfit(target: Target, option: str, value: object, allowed: str) -> OptionError:
    return OptionError(option, value, f"{allowed} for the target {target.name} ({target.reason})")
