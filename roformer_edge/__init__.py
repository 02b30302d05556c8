"""RoFormer on edge devices: quantised ONNX bundles, a runtime without a training framework, reports of what was lost.

The names below are loaded when they are first used: importing this package loads the standard library only.
"""

from __future__ import annotations

from roformer_edge._version import __version__

# the module typing takes as long to import as all of the tokenizer
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from roformer_edge.config import RoFormerConfig
    from roformer_edge.deploy import DeployOptions, deploy_checkpoint
    from roformer_edge.errors import RoformerEdgeError
    from roformer_edge.models.torch_roformer import RoFormerForSequenceClassification, RoFormerModel
    from roformer_edge.runtime.loading import load
    from roformer_edge.tokenizer import RoFormerTokenizer, RoFormerTokenizerFast

# name -> the module that it is loaded from
_HOMES = {
    "DeployOptions": "roformer_edge.deploy",
    "RoFormerConfig": "roformer_edge.config",
    "RoFormerForSequenceClassification": "roformer_edge.models.torch_roformer",
    "RoFormerModel": "roformer_edge.models.torch_roformer",
    "RoFormerTokenizer": "roformer_edge.tokenizer",
    "RoFormerTokenizerFast": "roformer_edge.tokenizer",
    "RoformerEdgeError": "roformer_edge.errors",
    "deploy_checkpoint": "roformer_edge.deploy",
    "load": "roformer_edge.runtime.loading",
}

__all__ = [
    "DeployOptions",
    "RoFormerConfig",
    "RoFormerForSequenceClassification",
    "RoFormerModel",
    "RoFormerTokenizer",
    "RoFormerTokenizerFast",
    "RoformerEdgeError",
    "__version__",
    "deploy_checkpoint",
    "load",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
