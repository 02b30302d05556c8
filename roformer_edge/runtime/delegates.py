"""What can compute a model beside an engine's own kernels: one table for all engines.

A wish is a name of the table, a name as the engine knows it (``"CUDAExecutionProvider"``), or the path of a delegate
library for LiteRT; each alone or with options. Wishes are tried in their order, and whoever is not used is told of with
the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

# alone, or with options that the engine hands on
Wish: TypeAlias = str | tuple[str, Mapping[str, str]]

CPU = "cpu"
XNNPACK = "xnnpack"
BUILTIN = "builtin"
# those that compute on the processor
PROCESSOR = (CPU, XNNPACK, BUILTIN)
_LIBRARY_ENDINGS = (".so", ".dylib", ".dll")


class Delegate(NamedTuple):
    """A row of the table.

    Attributes:
        name: The name to ask for it by.
        description: What it is.
        providers: Its names in ONNX Runtime, of which a build has one or none.
        libraries: Files that LiteRT loads it from, if it is none of LiteRT's own parts.
        fixed_lengths: Whether it wants to know the number of tokens beforehand.
    """

    name: str
    description: str
    providers: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    fixed_lengths: bool = False


_NPU_PROVIDERS = (
    "QNNExecutionProvider",
    "VitisAIExecutionProvider",
    "RknpuExecutionProvider",
    "VSINPUExecutionProvider",
    "CANNExecutionProvider",
)
_QNN_LIBRARY = "libQnnTFLiteDelegate.so"
_ROWS = (
    Delegate(name=CPU, description="the processor, as the engine computes best", providers=("CPUExecutionProvider",)),
    Delegate(name=XNNPACK, description="the processor, by XNNPACK", providers=("XnnpackExecutionProvider",)),
    Delegate(
        name=BUILTIN, description="the processor, by the engine's own kernels", providers=("CPUExecutionProvider",)
    ),
    Delegate(
        name="gpu",
        description="the graphics processor",
        providers=(
            "CUDAExecutionProvider",
            "MIGraphXExecutionProvider",
            "DmlExecutionProvider",
            "WebGpuExecutionProvider",
        ),
        libraries=("libtensorflowlite_gpu_delegate.so",),
        fixed_lengths=True,
    ),
    Delegate(
        name="npu",
        description="a processor for neural networks, whoever makes it",
        providers=_NPU_PROVIDERS,
        libraries=(_QNN_LIBRARY, "libvx_delegate.so", "libethosu_delegate.so"),
        fixed_lengths=True,
    ),
    Delegate(
        name="nnapi",
        description="Android's interface to such processors, deprecated from Android 15 on",
        providers=("NnapiExecutionProvider",),
        fixed_lengths=True,
    ),
    Delegate(name="coreml", description="Apple's Core ML", providers=("CoreMLExecutionProvider",), fixed_lengths=True),
    Delegate(
        name="qnn",
        description="Qualcomm's Hexagon processor",
        providers=("QNNExecutionProvider",),
        libraries=(_QNN_LIBRARY,),
        fixed_lengths=True,
    ),
    Delegate(
        name="hexagon",
        description="the same, by its name",
        providers=("QNNExecutionProvider",),
        libraries=(_QNN_LIBRARY,),
        fixed_lengths=True,
    ),
    Delegate(
        name="edgetpu",
        description="Coral's Edge TPU",
        libraries=("libedgetpu.so.1", "libedgetpu.1.dylib", "edgetpu.dll"),
        fixed_lengths=True,
    ),
    Delegate(name="cuda", description="a graphics processor of NVIDIA", providers=("CUDAExecutionProvider",)),
    Delegate(name="openvino", description="Intel's OpenVINO", providers=("OpenVINOExecutionProvider",)),
)

DELEGATES: dict[str, Delegate] = {row.name: row for row in _ROWS}


def name_of(wish: Wish) -> str:
    """Return the name or path that a wish asks for."""
    return wish if isinstance(wish, str) else wish[0]


def options_of(wish: Wish) -> dict[str, str]:
    """Return the options of a wish."""
    return {} if isinstance(wish, str) else dict(wish[1])


def is_library(name: str) -> bool:
    """Tell whether a wish is for a library of one's own."""
    return "/" in name or "\\" in name or name.endswith(_LIBRARY_ENDINGS)
