"""The one list of formats, and a format more that is registered by its row alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from roformer_edge.demo.embedded import embedded_checkpoint
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.errors import OptionError, UnknownNameError
from roformer_edge.formats import FORMATS, get_format, resolve, version_tuple
from roformer_edge.quantize.recipe import SCHEMES
from roformer_edge.runtime.loading import load
from roformer_edge.validate.openers import open_predictor
from tests.numpy_format import NUMPY, NumpySession


@pytest.fixture(scope="module")
def checkpoint() -> Iterator[Path]:
    with embedded_checkpoint() as folder:
        yield folder


TEXTS = ["把客厅的灯打开", "现在几点", "明天会下雨吗？", "关灯"]


@pytest.mark.parametrize("name", FORMATS)
def test_every_address_leads_somewhere(name: str) -> None:
    row = get_format(name)
    assert row.name == name
    assert callable(resolve(row.builder))
    assert {"run", "close"} <= set(dir(resolve(row.backend)))
    package, version = resolve(row.engine)()
    assert version_tuple(version) >= version_tuple(row.minimum_runtime()[package])


def test_versions_compare_as_numbers() -> None:
    assert version_tuple("1.20.0") > version_tuple("1.9")
    assert version_tuple("1.32.0rc1") == (1, 32, 0)
    assert version_tuple("1.20") < version_tuple("1.20.1+cpu")


@pytest.mark.parametrize("name", FORMATS)
def test_schemes_that_need_a_newer_engine_raise_the_minimum(name: str) -> None:
    row = get_format(name)
    assert set(row.newer) <= set(SCHEMES)
    for runtime in row.runtimes:
        usual = row.minimum_runtime(runtime)
        assert row.minimum_runtime(runtime, SCHEMES.keys() - row.newer.keys()) == usual
        for scheme, versions in row.newer.items():
            raised = row.minimum_runtime(runtime, [scheme])
            assert raised == {**usual, **versions}
            assert all(version_tuple(raised[package]) > version_tuple(usual[package]) for package in versions)


def test_an_unknown_format_lists_those_there_are() -> None:
    with pytest.raises(UnknownNameError, match="unknown format 'gguf'; choose one of: onnx"):
        get_format("gguf")
    with pytest.raises(UnknownNameError, match="unknown format 'gguf'; choose one of: onnx"):
        DeployOptions(format="gguf")


@pytest.mark.parametrize("recipe", ["fp32", "int8-embeddings"])
def test_a_format_is_a_row(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: str) -> None:
    options = DeployOptions(recipe=recipe)
    usual = deploy_checkpoint(checkpoint, tmp_path / "onnx", options).bundle
    monkeypatch.setitem(FORMATS, "numpy", NUMPY)
    made = deploy_checkpoint(checkpoint, tmp_path / "numpy", dataclasses.replace(options, format="numpy"))
    assert made.manifest.format == "numpy"
    assert made.manifest.minimum_runtime == {"numpy": "1.24"}
    assert made.manifest.parity.checked
    with load(usual) as one, load(made.bundle, self_test=True) as other:
        assert type(other.model.session) is NumpySession
        np.testing.assert_allclose(one.logits(TEXTS), other.logits(TEXTS), atol=2e-5)
        assert [answer.label for answer in one(TEXTS)] == [answer.label for answer in other(TEXTS)]
    assert open_predictor(made.bundle).facts.engine == f"numpy {np.__version__}"
    monkeypatch.setattr("tests.numpy_format.numpy_engine", lambda: ("numpy", "1.19"))
    with load(made.bundle) as classify:
        assert classify.backend_report().notes == ("numpy 1.19 is older than 1.24, which the bundle was made for",)
        assert classify.backend_report().self_test is not None


def test_a_format_refuses_a_scheme_that_it_cannot_say(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FORMATS, "numpy", NUMPY)
    with pytest.raises(OptionError, match=r"must be one without the scheme 'int8-dynamic', which numpy does not have"):
        deploy_checkpoint(checkpoint, tmp_path / "numpy", DeployOptions(format="numpy", recipe="int8-dynamic"))
    assert not (tmp_path / "numpy").exists()
