"""What a fresh process has loaded: the promise that no training framework is needed to answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.tiny_runtime import write_runnable

FRAMEWORKS = [
    "torch",
    "jinja2",
    "tensorflow",
    "jax",
    "flax",
    "transformers",
    "onnx",
    "jieba",
    "rjieba",
    "safetensors",
    "optimum",
    "ray",
    "pyarrow",
]
ENGINE = ["numpy", "onnxruntime"]
ROOT = Path(__file__).resolve().parents[2]


def loaded_by(program: str, *arguments: str) -> set[str]:
    """Top-level modules in a fresh process after ``program``."""
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys, json; print(json.dumps(sorted(sys.modules)))", *arguments],
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONWARNINGS": "error"},
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Something to load."""
    return write_runnable(tmp_path_factory.mktemp("isolation") / "intent")


def test_the_probe_sees_a_framework_where_there_is_one() -> None:
    assert "numpy" in loaded_by("import numpy")


def test_importing_the_package_loads_the_standard_library_only() -> None:
    before = loaded_by("")
    added = loaded_by("import roformer_edge; dir(roformer_edge); roformer_edge.__version__") - before
    assert added - {"roformer_edge"} <= sys.stdlib_module_names


@pytest.mark.parametrize("name", ["RoFormerConfig", "RoFormerTokenizer", "RoFormerTokenizerFast", "RoFormerEdgeError"])
def test_config_and_tokenizers_need_the_standard_library_only(name: str) -> None:
    added = loaded_by(f"import roformer_edge; roformer_edge.{name}") - loaded_by("")
    assert added - {"roformer_edge"} <= sys.stdlib_module_names


def test_reading_a_bundle_needs_the_standard_library_only(bundle: Path) -> None:
    program = "import sys; from roformer_edge.bundle.reader import open_bundle; open_bundle(sys.argv[1]).verify()"
    added = loaded_by(program, str(bundle)) - loaded_by("")
    assert added - {"roformer_edge"} <= sys.stdlib_module_names


@pytest.mark.parametrize("self_test", [False, True])
def test_a_first_answer_loads_the_engine_and_no_framework(bundle: Path, self_test: bool) -> None:
    program = (
        "import sys, roformer_edge\n"
        f"classify = roformer_edge.load(sys.argv[1], self_test={self_test})\n"
        "answers = [classify('今天天气'), *classify(['把灯打开', '几点'], top_k=2), *classify(iter(['好']))]\n"
        "assert len(answers) == 4"
    )
    loaded = loaded_by(program, str(bundle))
    assert set(ENGINE) <= loaded
    assert not set(FRAMEWORKS) & loaded
    # what a Pool needs takes long to import
    assert not {"multiprocessing", "concurrent"} & loaded


def test_a_first_answer_needs_no_framework_to_be_installed(bundle: Path) -> None:
    """Blocked, not only unused: whoever tried to import one and went on without it would be found too."""
    program = (
        "import sys\n"
        "class Blocked:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        assert name.partition('.')[0] not in {FRAMEWORKS}, name\n"
        "sys.meta_path.insert(0, Blocked())\n"
        "import roformer_edge\n"
        "roformer_edge.load(sys.argv[1])('今天天气')"
    )
    assert set(ENGINE) <= loaded_by(program, str(bundle))


def test_the_lazy_names_that_can_be_read_are_listed() -> None:
    import roformer_edge

    lacking = {"TF": "tensorflow", "Flax": "flax"}
    absent = tuple(prefix for prefix, package in lacking.items() if find_spec(package) is None)
    assert {name for name in roformer_edge.__all__ if not name.startswith(absent or "-")} <= set(dir(roformer_edge))
    assert not [name for name in dir(roformer_edge) if name.startswith(absent or "-")]


def test_help_needs_no_framework() -> None:
    program = (
        "import sys, pydoc\n"
        f"frameworks = {FRAMEWORKS}\n"
        "class Without:\n"
        "    def __init__(self, finder): self.finder = finder\n"
        "    def __getattr__(self, name): return getattr(self.finder, name)\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        return None if name.partition('.')[0] in frameworks else self.finder.find_spec(name, path, target)\n"
        "sys.meta_path[:] = map(Without, sys.meta_path)\n"
        "import roformer_edge\n"
        "text = pydoc.render_doc(roformer_edge, renderer=pydoc.plaintext)\n"
        "assert 'load(' in text and 'class RoFormerConfig' in text, text"
    )
    assert not set(FRAMEWORKS) & loaded_by(program)


def test_the_checkpoint_floor_loads_no_framework_and_no_reader() -> None:
    program = (
        "import importlib, pkgutil, roformer_edge.checkpoint as wing\n"
        "for module in pkgutil.iter_modules(wing.__path__): importlib.import_module(f'{wing.__name__}.{module.name}')"
    )
    loaded = loaded_by(program)
    assert "numpy" in loaded
    assert not {*FRAMEWORKS, "ml_dtypes", "h5py", "keras", "onnxruntime"} & loaded
