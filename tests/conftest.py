"""Fixtures that every test may ask for."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ORACLE_PYTHON = ROOT / ".venv-oracle" / "bin" / "python"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the project; tests that need it skip where it is missing."""
    folder = Path(os.environ.get("ROFORMER_EDGE_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data is not there: {folder}")
    return folder


@pytest.fixture(scope="session")
def oracle_python() -> Path:
    """The interpreter with transformers 4.57.6, made by ``scripts/make_env.sh oracle``."""
    if not ORACLE_PYTHON.exists():
        pytest.skip("the oracle environment is not there: run scripts/make_env.sh oracle")
    return ORACLE_PYTHON


@pytest.fixture(scope="session")
def read_jsonl() -> Callable[[Path], list[dict]]:
    """Read a JSON Lines file into a list."""

    def read(path: Path) -> list[dict]:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]

    return read
