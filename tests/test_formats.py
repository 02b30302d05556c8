"""The one list of formats, and a format more that is registered by its row alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from roformer_edge.bundle.manifest import version_tuple
from roformer_edge.bundle.reader import open_bundle
from roformer_edge.deploy.journey import DeployOptions, deploy_checkpoint
from roformer_edge.errors import BackendError, UnknownNameError
from roformer_edge.export.to_onnx import Exported, export_onnx
from roformer_edge.formats import FORMATS, Format, get_format, resolve
from roformer_edge.runtime.backends.onnxruntime import OnnxRuntimeSession
from roformer_edge.runtime.loading import load
from roformer_edge.runtime.session import SessionOptions
from roformer_edge.validate.openers import open_predictor
from tests.tiny_checkpoint import write_checkpoint

MAGIC = b"reversed"


def export_reversed(*asked: Any, **options: Any) -> Exported:
    """An ONNX model from its end to its beginning: no other engine could make anything of it."""
    made = export_onnx(*asked, **options)
    return Exported(**{**vars(made), "model": MAGIC + made.model[::-1]})


class ReversedSession(OnnxRuntimeSession):
    """Runs such a model."""

    def __init__(self, model: Path | bytes, options: SessionOptions, session: Mapping[str, str]) -> None:
        assert session == {"mirror": "on"}
        data = model if isinstance(model, bytes) else model.read_bytes()
        assert data.startswith(MAGIC)
        super().__init__(data[len(MAGIC) :][::-1], options, get_format("onnx").session)


def reversed_engine() -> tuple[str, str]:
    return "mirror", "2.5"


REVERSED = Format(
    name="reversed",
    file_name="model.xnno",
    exporter=f"{__name__}:export_reversed",
    backend=f"{__name__}:ReversedSession",
    engine=f"{__name__}:reversed_engine",
    minimum_runtime={"mirror": "2.0"},
    session={"mirror": "on"},
)


@pytest.mark.parametrize("name", FORMATS)
def test_every_address_leads_somewhere(name: str) -> None:
    row = get_format(name)
    assert row.name == name
    assert callable(resolve(row.exporter))
    assert {"run", "close"} <= set(dir(resolve(row.backend)))
    package, version = resolve(row.engine)()
    assert version_tuple(version) >= version_tuple(row.minimum_runtime[package])


def test_an_unknown_format_lists_those_there_are() -> None:
    with pytest.raises(UnknownNameError, match="unknown format 'gguf'; choose one of: onnx"):
        get_format("gguf")
    with pytest.raises(UnknownNameError, match="unknown format 'gguf'; choose one of: onnx"):
        DeployOptions(format="gguf")


def test_a_format_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = write_checkpoint(tmp_path / "checkpoint")
    usual = deploy_checkpoint(checkpoint, tmp_path / "onnx", DeployOptions(recipe="fp32")).bundle
    monkeypatch.setitem(FORMATS, "reversed", REVERSED)
    made = deploy_checkpoint(checkpoint, tmp_path / "mirror", DeployOptions(recipe="fp32", format="reversed"))
    assert made.manifest.format == "reversed"
    assert made.manifest.minimum_runtime == {"mirror": "2.0"}
    assert (made.bundle / "model.xnno").read_bytes().startswith(MAGIC)
    with open_bundle(made.bundle) as opened:
        assert opened.manifest.session == {"mirror": "on"}
    texts = ["今天天气", "把灯打开"]
    with load(usual) as one, load(made.bundle, self_test=True) as other:
        assert type(other.model.session) is ReversedSession
        np.testing.assert_array_equal(one.logits(texts), other.logits(texts))
    assert open_predictor(made.bundle).facts.engine == "mirror 2.5"
    monkeypatch.setattr(f"{__name__}.reversed_engine", lambda: ("mirror", "1.9"))
    with pytest.raises(BackendError, match=r"needs mirror 2\.0, found 1\.9; upgrade mirror"):
        load(made.bundle)
