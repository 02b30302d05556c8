"""RoFormer on edge devices: quantised ONNX bundles, a runtime without a training framework, reports of what was lost.

The names below are loaded when they are first used: importing this package loads the standard library only.
"""

from __future__ import annotations

import os

from roformer_edge._version import __version__

# onnxruntime 1.29 and newer writes down what it does, and sends it away, unless it is told before it is imported. Here,
# and not beside its import, because exporters, benchmarks and the processes they start import it too.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# the module typing takes as long to import as all of the tokenizer
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from roformer_edge import errors as errors
    from roformer_edge.config import RoFormerConfig
    from roformer_edge.deploy.journey import deploy_checkpoint
    from roformer_edge.deploy.options import DeployOptions
    from roformer_edge.errors import RoformerEdgeError
    from roformer_edge.models.flax.heads import (
        FlaxRoFormerForMaskedLM,
        FlaxRoFormerForMultipleChoice,
        FlaxRoFormerForQuestionAnswering,
        FlaxRoFormerForSequenceClassification,
        FlaxRoFormerForTokenClassification,
        FlaxRoFormerModel,
    )
    from roformer_edge.models.keras.heads import (
        TFRoFormerForCausalLM,
        TFRoFormerForMaskedLM,
        TFRoFormerForMultipleChoice,
        TFRoFormerForQuestionAnswering,
        TFRoFormerForSequenceClassification,
        TFRoFormerForTokenClassification,
        TFRoFormerModel,
    )
    from roformer_edge.models.torch.heads import (
        RoFormerForCausalLM,
        RoFormerForMaskedLM,
        RoFormerForMultipleChoice,
        RoFormerForQuestionAnswering,
        RoFormerForSequenceClassification,
        RoFormerForTokenClassification,
        RoFormerModel,
    )
    from roformer_edge.runtime.loading import load
    from roformer_edge.tokenizer import RoFormerTokenizer, RoFormerTokenizerFast

    __all__ = [
        "DeployOptions",
        "FlaxRoFormerForMaskedLM",
        "FlaxRoFormerForMultipleChoice",
        "FlaxRoFormerForQuestionAnswering",
        "FlaxRoFormerForSequenceClassification",
        "FlaxRoFormerForTokenClassification",
        "FlaxRoFormerModel",
        "RoFormerConfig",
        "RoFormerForCausalLM",
        "RoFormerForMaskedLM",
        "RoFormerForMultipleChoice",
        "RoFormerForQuestionAnswering",
        "RoFormerForSequenceClassification",
        "RoFormerForTokenClassification",
        "RoFormerModel",
        "RoFormerTokenizer",
        "RoFormerTokenizerFast",
        "RoformerEdgeError",
        "TFRoFormerForCausalLM",
        "TFRoFormerForMaskedLM",
        "TFRoFormerForMultipleChoice",
        "TFRoFormerForQuestionAnswering",
        "TFRoFormerForSequenceClassification",
        "TFRoFormerForTokenClassification",
        "TFRoFormerModel",
        "__version__",
        "deploy_checkpoint",
        "load",
    ]

_HEADS = (
    "Model",
    "ForCausalLM",
    "ForMaskedLM",
    "ForSequenceClassification",
    "ForMultipleChoice",
    "ForTokenClassification",
    "ForQuestionAnswering",
)


def _names_of(prefix: str) -> list[str]:
    """List the model classes of one framework; Flax never had a causal one."""
    return [prefix + head for head in _HEADS if prefix + head != "FlaxRoFormerForCausalLM"]


# name -> the module that it is loaded from
_HOMES = {
    "DeployOptions": "roformer_edge.deploy.options",
    "RoFormerConfig": "roformer_edge.config",
    "RoFormerTokenizer": "roformer_edge.tokenizer",
    "RoFormerTokenizerFast": "roformer_edge.tokenizer",
    "RoformerEdgeError": "roformer_edge.errors",
    "deploy_checkpoint": "roformer_edge.deploy.journey",
    "load": "roformer_edge.runtime.loading",
    **dict.fromkeys(_names_of("RoFormer"), "roformer_edge.models.torch.heads"),
    **dict.fromkeys(_names_of("TFRoFormer"), "roformer_edge.models.keras.heads"),
    **dict.fromkeys(_names_of("FlaxRoFormer"), "roformer_edge.models.flax.heads"),
}
# modules that are read as attributes of the package
_MODULES = ("errors",)
# module -> the package that it needs
_NEEDS = {
    "roformer_edge.models.torch.heads": "torch",
    "roformer_edge.models.keras.heads": "tensorflow",
    "roformer_edge.models.flax.heads": "flax",
}

if not TYPE_CHECKING:  # type checkers take the imports above; to them an unknown name is an error

    def __getattr__(name: str) -> Any:
        from importlib import import_module

        if name in _MODULES:
            return import_module(f"roformer_edge.{name}")
        if name == "__all__":
            return _readable()
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home = _HOMES[name]
        if home in _NEEDS:
            from roformer_edge._extras import require

            require(_NEEDS[home], f"for {name}")
        value = getattr(import_module(home), name)
        globals()[name] = value
        return value

    def _readable() -> list[str]:
        """List the names whose framework is installed: ``import *`` and ``help()`` read every name that is listed."""
        from roformer_edge._extras import available

        absent = {home for home, package in _NEEDS.items() if not available(package)}
        return sorted(["__version__", *(name for name, home in _HOMES.items() if home not in absent)])

    def __dir__() -> list[str]:
        return sorted({*globals(), *_readable()})
