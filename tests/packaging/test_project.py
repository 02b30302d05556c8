"""Files around the package: version and changelog, addresses, the workflow of CI, hooks."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from roformer_edge._version import __version__
from scripts.check_release import problems
from tests.conftest import ROOT

PROJECT = (ROOT / "pyproject.toml").read_text("utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_changelog_begins_with_the_version() -> None:
    headings = re.findall(r"^## (.+)$", CHANGELOG, re.MULTILINE)
    version = rf"{re.escape(__version__)} \((unreleased|\d{{4}}-\d\d-\d\d)\)"
    assert re.fullmatch(version, headings[0])
    assert "unreleased" not in " ".join(headings[1:])


def test_pythons_are_the_same_everywhere() -> None:
    classifiers = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', PROJECT)
    (lowest,) = re.findall(r'^requires-python = ">=(.+)"$', PROJECT, re.MULTILINE)
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8"))
    job = workflow["jobs"]["check"]
    assert job["strategy"]["matrix"]["python"] == classifiers
    assert classifiers[0] == lowest
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    assert f"Python {classifiers[0]} to {classifiers[-1]}" in (ROOT / "README.md").read_text("utf-8")


def test_hooks_have_the_versions_of_the_checks() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
    (ruff,) = re.findall(r"^ruff==(.+)$", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE)
    assert hooks[0]["rev"] == f"v{ruff}"


def test_every_address_is_of_one_place() -> None:
    addresses = dict(re.findall(r'^(\w+) = "(https://[^"]+)"', PROJECT, re.MULTILINE))
    assert addresses.keys() == {"Homepage", "Repository", "Documentation", "Changelog", "Issues"}
    assert all(address.startswith(addresses["Homepage"]) for address in addresses.values())


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A repository of which a release may be made, but for its wheel."""
    (tmp_path / "roformer_edge").mkdir()
    shutil.copy(ROOT / "roformer_edge" / "_version.py", tmp_path / "roformer_edge")
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n## {__version__} (2026-12-01)\n", "utf-8")
    (tmp_path / "pyproject.toml").write_text(
        '[project.urls]\nRepository = "https://code.test/roformer-edge"\n', "utf-8"
    )
    return tmp_path


def test_what_keeps_a_release_from_being_made_is_said(release: Path) -> None:
    assert [*problems(release)] == [f"dist/roformer_edge-{__version__}-py3-none-any.whl is not there; run make wheels"]
    (release / "CHANGELOG.md").write_text(f"## {__version__} (unreleased)\n", "utf-8")
    assert "CHANGELOG.md begins with" in next(problems(release))


def test_an_address_that_nobody_owns_keeps_a_release_back(release: Path) -> None:
    (release / "pyproject.toml").write_text('Repository = "https://roformer-edge.example/repository"\n', "utf-8")
    assert "put the public address" in next(problems(release))


def test_the_repository_as_it_is_may_not_be_released_by_mistake() -> None:
    command = [sys.executable, ROOT / "scripts" / "check_release.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode != 0) == (
        ".example" in PROJECT or "(unreleased)" in CHANGELOG or not (ROOT / "dist").exists()
    )


def test_floors_are_read_from_the_declaration() -> None:
    script = (ROOT / "scripts" / "floors.sh").read_text("utf-8")
    (program,) = re.findall(r"floors\.txt\" <<'PYTHON'\n(.*?)^PYTHON$", script, re.MULTILINE | re.DOTALL)
    command = [sys.executable, "-c", program, "export", "tflite", "validate", "ray"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = {line.partition("==")[0] for line in done.stdout.split()}
    base = {"numpy", "onnxruntime", "onnx", "safetensors", "ml_dtypes", "ai-edge-litert", "jinja2"}
    assert found == {*base, "ray[data]", "pyarrow"}
