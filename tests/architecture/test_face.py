"""The names of the package's face: each resolves, or says which extra to install."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import roformer_edge
from roformer_edge import errors
from roformer_edge._extras import available
from roformer_edge.errors import MissingDependencyError
from roformer_edge.records import Result
from roformer_edge.runtime.loading import PIPELINES

FRAMEWORKS = {"TFRoFormer": "tensorflow", "FlaxRoFormer": "flax", "RoFormer": "torch"}


NAMES = ("__version__", *roformer_edge._HOMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_resolves_or_names_its_extra(name):
    prefix = next((prefix for prefix in FRAMEWORKS if name.startswith(prefix)), "")
    if prefix in ("TFRoFormer", "FlaxRoFormer") and not available(FRAMEWORKS[prefix]):
        with pytest.raises(MissingDependencyError, match=rf"roformer-edge\[{FRAMEWORKS[prefix]}\]"):
            getattr(roformer_edge, name)
    else:
        assert getattr(roformer_edge, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'RoBerta'"):
        _ = roformer_edge.RoBerta


def test_all_twenty_models_of_the_original_are_named():
    models = [name for name in NAMES if "RoFormerModel" in name or "RoFormerFor" in name]
    assert len(models) == 20


def test_every_error_is_named() -> None:
    kinds = [
        one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.RoFormerEdgeError)
    ]
    assert all(getattr(roformer_edge, one.__name__) is one for one in kinds)


@pytest.mark.parametrize("task", PIPELINES)
def test_every_pipeline_and_what_it_answers_with_is_named(task):
    module, _, name = PIPELINES[task].partition(":")
    home = import_module(module)
    results = [
        one for one in vars(home).values() if isinstance(one, type) and issubclass(one, Result) and one is not Result
    ]
    assert all(getattr(roformer_edge, one.__name__) is one for one in [getattr(home, name), *results])
    assert results or task == "feature-extraction"


def declared() -> list[str]:
    """What a type checker reads as ``__all__``."""
    tree = ast.parse(Path(roformer_edge.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    lists = [
        node for node in ast.walk(tree) if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    assert len(lists) == 1
    return ast.literal_eval(lists[0].value)


def test_type_checkers_and_the_interpreter_know_the_same_names():
    assert sorted(declared()) == sorted(NAMES)


def test_import_star_binds_what_can_be_read_here():
    names: dict[str, object] = {}
    exec("from roformer_edge import *", names)
    absent = [name for name in NAMES if name.startswith(("TF", "Flax")) and not available(FRAMEWORKS[_prefix(name)])]
    assert names.keys() - {"__builtins__"} == set(NAMES) - set(absent)


def _prefix(name: str) -> str:
    return next(prefix for prefix in FRAMEWORKS if name.startswith(prefix))


def test_errors_are_an_attribute_of_a_fresh_package():
    program = "import roformer_edge; print(roformer_edge.errors.ConfigError.__name__)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "ConfigError\n"


SCRIPT = """import roformer_edge
roformer_edge.errors.ConfigError
roformer_edge.nothing
"""


def test_mypy_finds_a_name_that_is_not_there(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), str(script)]
    root = Path(roformer_edge.__file__).parents[1]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    assert [
        line.partition(": ")[2] for line in done.stdout.splitlines() if "error" in line and "Found" not in line
    ] == ['error: Module has no attribute "nothing"  [attr-defined]'], done.stdout + done.stderr
