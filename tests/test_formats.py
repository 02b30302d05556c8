"""The one list of formats, and a third one that is registered by its row alone."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from roformer_edge.bundle.manifest import version_tuple
from roformer_edge.config import RoFormerConfig
from roformer_edge.deploy.journey import DeployOptions, deploy_checkpoint
from roformer_edge.errors import BackendError, UnknownNameError
from roformer_edge.export.network.weights import Weights
from roformer_edge.formats import FORMATS, Format, get_format, resolve
from roformer_edge.runtime.feeds import fit_feeds
from roformer_edge.runtime.loading import load
from roformer_edge.runtime.session import SessionOptions
from roformer_edge.tasks import get_task
from roformer_edge.validate.openers import open_predictor
from tests.numpy_format import NumpyModel
from tests.tiny_checkpoint import write_checkpoint


class NumpySession:
    """Runs the model file that ``tests.numpy_format`` writes."""

    provider = "numpy"
    fallbacks: tuple[str, ...] = ()

    def __init__(self, model: Path | bytes, options: SessionOptions, session: Mapping[str, str]) -> None:
        self.options, self.session = options, session
        file = np.load(io.BytesIO(model) if isinstance(model, bytes) else model)
        about = json.loads(str(file["about"]))
        arrays = {name: file[name] for name in file.files if name != "about"}
        self._task = get_task(about["task"])
        self._model = NumpyModel(Weights(config=RoFormerConfig.from_dict(about["config"]), arrays=arrays), self._task)
        self.signatures = {"default": self._task.signature}

    def run(self, feeds: Mapping[str, Any], signature: str = "default") -> dict[str, np.ndarray]:
        return self._model.run(fit_feeds(feeds, self.signatures, signature)).outputs

    def close(self) -> None:
        pass


def numpy_engine() -> tuple[str, str]:
    return "numpy", np.__version__


NUMPY = Format(
    name="numpy",
    file_name="model.npz",
    exporter="tests.numpy_format:build_numpy",
    backend=f"{__name__}:NumpySession",
    engine=f"{__name__}:numpy_engine",
    minimum_runtime={"numpy": "1.24"},
    session={"precision": "as it comes"},
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
    monkeypatch.setitem(FORMATS, "numpy", NUMPY)
    made = deploy_checkpoint(checkpoint, tmp_path / "numpy", DeployOptions(recipe="fp32", format="numpy"))
    assert (made.manifest.format, made.manifest.minimum_runtime) == ("numpy", {"numpy": "1.24"})
    assert (made.bundle / "model.npz").is_file()
    texts = ["今天天气", "把灯打开", "请把客厅的灯打开！"]
    with load(usual) as one, load(made.bundle, self_test=True, threads=1) as other:
        session = other.model.session
        assert type(session) is NumpySession
        assert session.options.threads == 1
        assert session.session == {"precision": "as it comes"}
        np.testing.assert_allclose(one.logits(texts), other.logits(texts), atol=1e-5)
    assert open_predictor(made.bundle).facts.engine == f"numpy {np.__version__}"
    monkeypatch.setattr(f"{__name__}.numpy_engine", lambda: ("numpy", "1.9"))
    with pytest.raises(BackendError, match=r"needs numpy 1\.24, found 1\.9; upgrade numpy"):
        load(made.bundle)
