"""Optional packages: imported where they are, and named with their extra where they are not."""

from __future__ import annotations

import importlib.util
import re

import pytest

from roformer_edge._extras import EXTRA_OF, available, require
from roformer_edge.errors import MissingDependencyError
from tests.conftest import ROOT


def test_what_is_there_is_imported() -> None:
    assert require("json", "to read") is __import__("json")
    assert require("onnx.helper", "to write").__name__ == "onnx.helper"
    assert available("onnx")
    assert not available("surely_not_installed")


@pytest.mark.parametrize("package", EXTRA_OF)
def test_what_is_not_there_is_named_with_its_extra(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not available(package)
    message = rf"{package} is needed to test it; install it with: pip install 'roformer-edge\[{EXTRA_OF[package]}\]'"
    with pytest.raises(MissingDependencyError, match=message) as caught:
        require(f"{package}.inner.module", "to test it")
    assert (caught.value.package, caught.value.extra) == (package, EXTRA_OF[package])


def test_every_extra_installs_what_it_is_named_for() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("[project.optional-dependencies]")[1]
    extras = dict(re.findall(r"^([a-z-]+) = \[(.*)\]", text.split("\n[")[0], re.MULTILINE))
    # h5py comes with keras
    brings = {"h5py": "keras"}
    for package, extra in EXTRA_OF.items():
        assert brings.get(package, package).replace("_", "-") in extras[extra].replace("_", "-"), package
