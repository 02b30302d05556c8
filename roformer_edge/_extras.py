"""Imports of optional packages, with the pip line to run where one is missing."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

from roformer_edge.errors import MissingDependencyError

# distribution or module -> the extra that installs it
EXTRA_OF = {
    "torch": "torch",
    "tensorflow": "tensorflow",
    "h5py": "tensorflow",
    "flax": "flax",
    "jax": "flax",
    "onnx": "export",
    "ai_edge_litert": "tflite",
    "safetensors": "export",
    "ml_dtypes": "export",
    "rjieba": "rjieba",
    "jinja2": "validate",
    "huggingface_hub": "hub",
    "ray": "ray",
    "pyarrow": "ray",
    "roformer_edge_demo": "demo",
}


def require(module: str, purpose: str) -> ModuleType:
    """Import ``module``, or say which extra installs it.

    Args:
        module: An absolute module name, such as ``"torch"`` or ``"onnx.helper"``.
        purpose: What it is needed for, as the end of a sentence: ``"to read pytorch_model.bin"``.

    Raises:
        MissingDependencyError: The package is not installed.
    """
    package = module.partition(".")[0]
    if importlib.util.find_spec(package) is None:
        raise MissingDependencyError(package, EXTRA_OF[package], purpose)
    return importlib.import_module(module)


def available(package: str) -> bool:
    """Tell whether ``package`` can be imported, without importing it."""
    return importlib.util.find_spec(package) is not None
