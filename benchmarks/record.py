"""Writes what a benchmark found to ``benchmarks/results/<name>.json``, with what it was found on."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
from pathlib import Path
from typing import Any

from benchmarks.process import ROOT
from roformer_edge import __version__

RESULTS = ROOT / "benchmarks" / "results"
PACKAGES = ("numpy", "onnx", "onnxruntime", "torch", "transformers", "optimum", "optimum-onnx", "ai-edge-litert")


def write(name: str, settings: dict[str, Any], rows: list[dict[str, Any]], out: Path | None = None) -> Path:
    """Write one benchmark's result and return the file's path.

    Args:
        name: The file's name without its ending.
        settings: What a reader needs to know to run it again.
        rows: One object for each thing measured; all numbers carry their unit in their key.
        out: Another folder than ``RESULTS``.
    """
    path = (out or RESULTS) / f"{name}.json"
    content = {
        "name": name,
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "machine": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "architecture": platform.machine(),
            "system": platform.system(),
            "instructions": _instructions(),
        },
        "versions": {
            "python": platform.python_version(),
            "roformer-edge": __version__,
            **_installed(),
        },
        "settings": settings,
        "rows": rows,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return path


def _installed() -> dict[str, str]:
    found = {distribution.metadata["Name"]: distribution.version for distribution in importlib.metadata.distributions()}
    return {package: found[package] for package in PACKAGES if package in found}


def _cpuinfo(key: str) -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == key), "")


def processor() -> str:
    """Name this machine's processor."""
    return _cpuinfo("model name") or platform.processor() or "unknown"


def _instructions() -> list[str]:
    """Those of the processor's instruction sets that decide the speed of int8."""
    flags = _cpuinfo("flags").split() + _cpuinfo("Features").split()
    wanted = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "amx_int8", "asimddp", "i8mm")
    return [flag for flag in wanted if flag in flags]
