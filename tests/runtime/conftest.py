from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny_runtime import write_runnable


@pytest.fixture(scope="session")
def runnable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that answers; read only."""
    return write_runnable(tmp_path_factory.mktemp("runnable") / "intent")
