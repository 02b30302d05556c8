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
    from roformer_edge.deploy.journey import DeployOptions, deploy_checkpoint
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
    """The model classes of one framework; Flax never had a causal one."""
    return [prefix + head for head in _HEADS if prefix + head != "FlaxRoFormerForCausalLM"]


# name -> the module that it is loaded from
_HOMES = {
    "DeployOptions": "roformer_edge.deploy.journey",
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
# module -> the package that it needs
_NEEDS = {
    "roformer_edge.models.torch.heads": "torch",
    "roformer_edge.models.keras.heads": "tensorflow",
    "roformer_edge.models.flax.heads": "flax",
}

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


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    home = _HOMES[name]
    if home in _NEEDS:
        from roformer_edge._extras import require

        require(_NEEDS[home], f"for {name}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    # help() and inspect read every name that is listed, so what lacks its framework is not
    from roformer_edge._extras import available

    missing = [home for home, package in _NEEDS.items() if not available(package)]
    return sorted({*globals(), *(name for name in __all__ if _HOMES.get(name) not in missing)})
