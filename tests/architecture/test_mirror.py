"""Tests lie where the modules lie: each module has a test file at its own path, or a row here that says why not."""

from __future__ import annotations

import ast
from pathlib import Path

import roformer_edge

PACKAGE = Path(roformer_edge.__file__).parent
TESTS = Path(__file__).parents[1]

# module -> why there is nothing of its own to test
WITHOUT_TESTS = {
    "_version.py": "one constant, which tests/cli/test_main.py compares with what the command says",
    "deploy/defaults.py": "constants, which tests/cli/test_options.py and tests/deploy/test_journey.py see at work",
    "cli/answering.py": "tests/cli/test_run.py asks every task through it",
    "cli/sensitivity.py": "tests/cli/test_every_option.py walks its options",
    "deploy/inputs.py": "tests/deploy/test_journey.py and its neighbours see each of its functions",
    "deploy/sensitivity.py": "tests/deploy/test_search.py has the model with one terrible part",
    "export/trial.py": "tests/deploy/test_search.py tries real artifacts of both formats",
    "runtime/backends/litert_compiled.py": "tests/runtime/test_weight_cache.py starts every task with it",
    "validate/scoring.py": "tests/deploy/test_search.py finds drops and errors that the report states too",
    "export/artifact.py": "protocols, and options that are checked where they have an effect",
    "validate/messages.py": "the table of translations, which tests/validate/test_language.py compares with the pages",
    "validate/render/annotations.py": "tests/validate/render/test_machines.py has all three forms for machines",
    "validate/render/answers.py": "tests/validate/render/test_machines.py has all three forms for machines",
    "validate/render/junit.py": "tests/validate/render/test_machines.py has all three forms for machines",
}


def modules() -> list[str]:
    """Modules by their paths in the package; ``__init__`` and ``__main__`` only gather what stands in others."""
    paths = (path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
    return sorted(path for path in paths if not path.rpartition("/")[2].startswith("__"))


def mirrored(module: str) -> Path:
    """Where the tests of a module lie; the underscore of a module of the package's own is left out."""
    folder, _, name = module.rpartition("/")
    return TESTS / folder / f"test_{name.removeprefix('_')}"


def has_tests(path: Path) -> bool:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(isinstance(node, ast.FunctionDef) and node.name.startswith("test_") for node in ast.walk(tree))


def test_every_module_has_its_test_file_or_a_reason() -> None:
    bare = [module for module in modules() if not mirrored(module).is_file() and module not in WITHOUT_TESTS]
    assert not bare, f"write {', '.join(str(mirrored(module).relative_to(TESTS.parent)) for module in bare)}"


def test_a_mirrored_file_holds_tests() -> None:
    empty = [
        str(mirrored(module)) for module in modules() if mirrored(module).is_file() and not has_tests(mirrored(module))
    ]
    assert not empty


def test_reasons_are_of_modules_that_are_there_and_still_bare() -> None:
    assert WITHOUT_TESTS.keys() <= set(modules())
    assert not [module for module in WITHOUT_TESTS if mirrored(module).is_file()]
