"""The one list of formats: what the model file is called, who writes it, who runs it, and what running it needs.

Adding a format is one row of ``FORMATS``, one builder and one backend. Rows name them by address, so that a format
costs nothing where it is not used; tables and addresses are looked up when they are needed, and not before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from roformer_edge.errors import UnknownNameError


class Format(NamedTuple):
    """What is particular to one format. Addresses are written ``module:attribute``; :func:`resolve` imports them.

    Attributes:
        name: The name as in a manifest's ``format``.
        file_name: The model file in new bundles.
        builder: The address of the function that makes the model out of weights; see ``export.artifact.Builder``.
        backend: The address of the class that implements ``runtime.session.Session``. It is made of a path or bytes,
            ``SessionOptions``, and the bundle's session options.
        engine: The address of the function that gives the package of the installed engine and its version, such as
            ``("onnxruntime", "1.32.0")``.
        schemes: The address of the function that lists the schemes which the format can say to one of ``runtimes``.
        runtimes: What a bundle can be made to run on -> package -> the lowest version that does. The first is taken
            where nobody chooses.
        newer: Scheme of a recipe -> package -> the lowest version that computes it, where that is newer than what a
            runtime names.
        tools: Packages that a builder needs besides the engine; their versions are recorded in the bundle.
        rounds_outputs: Schemes of products whose results are rounded to integers too, as their inputs are.
        presets: Whether integer types are chosen for the processor that a bundle is for.
        label_file: Whether readers of the format look for the labels in a file of their own.
        session: Options of the engine that the answers of new bundles depend on, as text; a bundle keeps them.
    """

    name: str
    file_name: str
    builder: str
    backend: str
    engine: str
    schemes: str
    runtimes: Mapping[str, Mapping[str, str]]
    newer: Mapping[str, Mapping[str, str]] = MappingProxyType({})
    tools: tuple[str, ...] = ()
    rounds_outputs: tuple[str, ...] = ()
    presets: bool = False
    label_file: bool = False
    session: Mapping[str, str] = MappingProxyType({})

    def minimum_runtime(self, runtime: str | None = None, schemes: Iterable[str] = ()) -> Mapping[str, str]:
        """Return the lowest versions that run a bundle.

        Args:
            runtime: What it was made for; by default the first of ``runtimes``.
            schemes: How its parts are stored and computed.

        Raises:
            UnknownNameError: The format has no such runtime.
        """
        runtime = next(iter(self.runtimes)) if runtime is None else runtime
        if runtime not in self.runtimes:
            raise UnknownNameError(f"runtime of the format {self.name}", runtime, self.runtimes)
        lowest = dict(self.runtimes[runtime])
        for scheme in schemes:
            for package, version in self.newer.get(scheme, {}).items():
                lowest[package] = max(lowest.get(package, version), version, key=version_tuple)
        return lowest


_ROWS = (
    Format(
        name="onnx",
        file_name="model.onnx",
        builder="roformer_edge.export.onnx.emitter:build_graph",
        backend="roformer_edge.runtime.backends.onnxruntime:OnnxRuntimeSession",
        engine="roformer_edge.runtime.backends.onnxruntime:engine",
        schemes="roformer_edge.export.onnx.linear:schemes_of",
        # the oldest version that scripts/check_minimum_runtime.sh passed with; 1.17 does not know the session option
        runtimes={"onnxruntime-1.18": {"onnxruntime": "1.18"}},
        # the oldest that answers right of 4-bit rows as bytes, which products can share; older ones refuse them
        newer={scheme: {"onnxruntime": "1.22"} for scheme in ("int4-dynamic", "int4-rows")},
        tools=("onnx",),
        presets=True,
        # the engine's own rewriting puts Add and LayerNormalization together into an operator that is several times
        # slower on processors than the two, and rounds otherwise
        session={"optimization.disable_specified_optimizers": "SkipLayerNormFusion"},
    ),
    Format(
        name="tflite",
        file_name="model.tflite",
        builder="roformer_edge.export.tflite.model:build_model",
        backend="roformer_edge.runtime.backends.litert:LiteRTSession",
        engine="roformer_edge.runtime.backends.litert:engine",
        schemes="roformer_edge.export.tflite.linear:schemes_of",
        # the oldest versions with which every recipe answers right and another length costs no more than its own run;
        # tflite-runtime ended with 2.14
        runtimes={
            "litert-2": {"ai-edge-litert": "1.4"},
            "tflite-2.14": {"tflite-runtime": "2.14", "ai-edge-litert": "1.4", "tensorflow": "2.19"},
        },
        rounds_outputs=("int8-static",),
        label_file=True,
    ),
)

FORMATS: dict[str, Format] = {row.name: row for row in _ROWS}
# what is made where none is asked for
DEFAULT_FORMAT: Literal["onnx"] = "onnx"
# for type checkers; a test compares it with the table
FormatName = Literal["onnx", "tflite"]


def get_format(name: str) -> Format:
    """Return the row of ``FORMATS`` with this name.

    Raises:
        UnknownNameError: No such format; the message lists the formats there are.
    """
    if name not in FORMATS:
        raise UnknownNameError("format", name, FORMATS)
    return FORMATS[name]


def resolve(address: str) -> Any:
    """Import what an address ``module:attribute`` names."""
    module, _, attribute = address.partition(":")
    return getattr(import_module(module), attribute)


def version_tuple(value: str) -> tuple[int, ...]:
    """Turn ``"1.20.0"`` into ``(1, 20, 0)``; what follows the last number, such as ``rc1``, is left out."""
    return tuple(int(part) for part in re.match(r"[\d.]*", value)[0].split(".") if part)  # type: ignore[index]
