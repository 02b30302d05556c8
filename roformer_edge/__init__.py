"""RoFormer on edge devices: quantised ONNX bundles, a runtime without a training framework, reports of what was lost.

The names below are loaded when they are first used: importing this package loads the standard library only.
"""

from __future__ import annotations

import os

from roformer_edge._version import __version__ as __version__

# onnxruntime 1.29 and newer writes down what it does, and sends it away, unless it is told before it is imported. Here,
# and not beside its import, because exporters, benchmarks and the processes they start import it too.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

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


# module -> the names that are loaded from it
_NAMES = {
    "roformer_edge.bundle.manifest": ("Manifest",),
    "roformer_edge.bundle.reader": ("Bundle", "open_bundle"),
    "roformer_edge.config": ("RoFormerConfig",),
    "roformer_edge.deploy.journey": ("deploy_checkpoint",),
    "roformer_edge.deploy.options": ("DeployOptions", "Deployment"),
    "roformer_edge.errors": (
        "BackendError",
        "BudgetExceededError",
        "BundleError",
        "BundleFormatError",
        "BundleIntegrityError",
        "CalibrationError",
        "CheckpointError",
        "ComparisonError",
        "ConfigError",
        "DatasetError",
        "ExportError",
        "MissingDependencyError",
        "OptionError",
        "OutputError",
        "ParityError",
        "PoolError",
        "RecipeError",
        "RoFormerEdgeError",
        "SelfTestError",
        "TextError",
        "TextTooLongError",
        "UnknownNameError",
        "UnsupportedModelError",
        "VocabularyError",
        "RoformerEdgeError",
    ),
    "roformer_edge.runtime.bench": ("BenchOptions", "BenchReport", "bench_bundle"),
    "roformer_edge.runtime.loading": ("load",),
    "roformer_edge.runtime.pipelines.base": ("Pipeline",),
    "roformer_edge.runtime.pipelines.feature_extraction": ("FeatureExtractor",),
    "roformer_edge.runtime.pipelines.fill_mask": ("FillMask", "Filled"),
    "roformer_edge.runtime.pipelines.multiple_choice": ("Choice", "MultipleChoice"),
    "roformer_edge.runtime.pipelines.question_answering": ("Answer", "QuestionAnswerer"),
    "roformer_edge.runtime.pipelines.text_classification": ("Classification", "TextClassifier"),
    "roformer_edge.runtime.pipelines.text_generation": ("Generated", "TextGenerator"),
    "roformer_edge.runtime.pipelines.token_classification": ("Entity", "TokenClassifier"),
    "roformer_edge.runtime.pool": ("Pool",),
    "roformer_edge.runtime.session": ("BackendReport",),
    "roformer_edge.tokenizer": ("RoFormerTokenizer", "RoFormerTokenizerFast"),
    "roformer_edge.validate.report": ("Report",),
    "roformer_edge.vectors": ("Hit", "search", "similarity"),
    "roformer_edge.models.torch.heads": _names_of("RoFormer"),
    "roformer_edge.models.keras.heads": _names_of("TFRoFormer"),
    "roformer_edge.models.flax.heads": _names_of("FlaxRoFormer"),
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names}
# modules that are read as attributes of the package
_MODULES = ("errors",)
# module -> the package that it needs
_NEEDS = {
    "roformer_edge.models.torch.heads": "torch",
    "roformer_edge.models.keras.heads": "tensorflow",
    "roformer_edge.models.flax.heads": "flax",
}


def __getattr__(name: str) -> object:
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
