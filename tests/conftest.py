"""Fixtures that every test may ask for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from roformer_edge.checkpoint.names import shapes_of
from roformer_edge.checkpoint.safetensors import write_safetensors
from roformer_edge.config import RoFormerConfig

ROOT = Path(__file__).resolve().parent.parent
ORACLE_PYTHON = ROOT / ".venv-oracle" / "bin" / "python"
FRAMEWORKS_PYTHON = ROOT / ".venv-frameworks" / "bin" / "python"
RAY_PYTHON = ROOT / ".venv-ray" / "bin" / "python"
OLD_TFLITE_PYTHON = ROOT / ".venv-tflite" / "bin" / "python"

Arrays = dict[str, np.ndarray]


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
def frameworks_python() -> Path:
    """The interpreter with TensorFlow and Flax, made by ``scripts/make_env.sh frameworks``."""
    if not FRAMEWORKS_PYTHON.exists():
        pytest.skip(
            "the environment with TensorFlow and Flax is not there: run scripts/make_env.sh frameworks with Python "
            "3.11 or 3.12"
        )
    return FRAMEWORKS_PYTHON


@pytest.fixture(scope="session")
def old_tflite_python() -> Path:
    """The interpreter with tflite-runtime 2.14, made by ``scripts/make_env.sh tflite``."""
    if not OLD_TFLITE_PYTHON.exists():
        pytest.skip("the environment with tflite-runtime 2.14 is not there: run scripts/make_env.sh tflite")
    return OLD_TFLITE_PYTHON


@pytest.fixture(scope="session")
def ray_python() -> Path:
    """The interpreter with Ray and pyarrow, made by ``scripts/make_env.sh ray``."""
    if not RAY_PYTHON.exists():
        pytest.skip("the environment with Ray is not there: run scripts/make_env.sh ray")
    return RAY_PYTHON


@pytest.fixture
def start_with_ray(ray_python: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start ``python WORDS`` where Ray is, with its own place for Ray's files; sockets need a short one."""
    place = tempfile.mkdtemp(prefix="ray-", dir="/tmp")
    variables = {"PYTHONPATH": str(ROOT), "RAY_TMPDIR": place, "RAY_worker_niceness": "0", "OMP_NUM_THREADS": "1"}

    def start(*words: object) -> subprocess.Popen[str]:
        command, pipe = [str(ray_python), *map(str, words)], subprocess.PIPE
        return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env={**os.environ, **variables})

    yield start
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="session")
def read_jsonl() -> Callable[[Path], list[dict]]:
    """Read a JSON Lines file into a list."""

    def read(path: Path) -> list[dict]:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]

    return read


@pytest.fixture
def tiny_config() -> RoFormerConfig:
    return RoFormerConfig(
        vocab_size=40,
        embedding_size=12,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=32,
        id2label={0: "off", 1: "on", 2: "dim"},
    )


@pytest.fixture
def random_arrays() -> Callable[[RoFormerConfig, str], Arrays]:
    """Random weights of every tensor that a model class needs."""

    def make(config: RoFormerConfig, architecture: str = "RoFormerForSequenceClassification") -> Arrays:
        generator = np.random.default_rng(7)
        shapes = shapes_of(config, architecture)
        return {name: generator.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}

    return make


@pytest.fixture
def checkpoint_directory(
    tmp_path: Path, tiny_config: RoFormerConfig, random_arrays: Callable[..., Arrays]
) -> Callable[..., Path]:
    """Write a checkpoint directory; ``edit`` changes its arrays first."""

    def make(
        edit: Callable[[Arrays], object] = lambda arrays: None,
        architecture: str = "RoFormerForSequenceClassification",
        config: RoFormerConfig = tiny_config,
    ) -> Path:
        arrays = random_arrays(config, architecture)
        edit(arrays)
        config.save_pretrained(tmp_path)
        write_safetensors(tmp_path / "model.safetensors", arrays)
        return tmp_path

    return make
