"""Weights that the engine maps where they lie in the model file."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import load_external_data_for_model

from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.errors import BackendError
from roformer_edge.runtime.backends import onnxruntime as backend
from roformer_edge.runtime.backends import weights_in_place
from roformer_edge.runtime.backends.onnxruntime import OnnxRuntimeSession
from roformer_edge.runtime.backends.weights_in_place import without_weights
from roformer_edge.runtime.loading import load
from roformer_edge.runtime.session import SessionOptions
from tests.tiny_checkpoint import write_checkpoint

ROWS = 4096
TABLE = np.random.default_rng(3).normal(size=(ROWS, 8)).astype(np.float32)
OTHER = np.random.default_rng(4).integers(-100, 100, (ROWS, 32)).astype(np.int8)
SMALL = np.arange(8, dtype=np.float32)
FEEDS = {"ids": np.array([[5, 0, ROWS - 1]])}

needs_mapping = pytest.mark.skipif(sys.platform == "win32", reason="nothing is mapped on Windows")
needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="what is mapped is read from /proc")


def model(spaces: int = 0, **more: object) -> bytes:
    """Rows of two tables, one of them of bytes; the spaces in a description move everything behind them."""
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["rows"]),
        helper.make_node("Gather", ["other", "ids"], ["bytes"]),
        helper.make_node("Cast", ["bytes"], ["others"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["rows", "small"], ["sum"]),
        helper.make_node("Concat", ["sum", "others"], ["y"], axis=-1),
    ]
    tensors = [numpy_helper.from_array(array, name) for name, array in (("small", SMALL), ("table", TABLE))]
    tensors.append(numpy_helper.from_array(OTHER, "other"))
    tensors[0].doc_string = " " * spaces
    inputs = [helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", "tokens"])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", "tokens", 40])]
    whole = helper.make_graph(nodes, "tables", inputs, outputs, tensors, **more)
    return helper.make_model(whole, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def aligned(folder: Path) -> Path:
    """A file in which the numbers of the table lie where such numbers may."""
    for spaces in range(1, 5):
        content = model(spaces)
        if content.index(TABLE.tobytes()) % 4 == 0:
            (folder / "model.onnx").write_bytes(content)
            return folder / "model.onnx"
    raise AssertionError("none of four neighbours is a multiple of four")


def places(content: bytes) -> dict[str, dict[str, str]]:
    """Where the tensors of a model say that they lie, by name."""
    tensors = onnx.load_model_from_string(content).graph.initializer
    return {
        tensor.name: {entry.key: entry.value for entry in tensor.external_data}
        for tensor in tensors
        if tensor.data_location == TensorProto.EXTERNAL
    }


def test_the_copy_and_the_file_are_the_model(tmp_path):
    path = aligned(tmp_path)
    content, copy = path.read_bytes(), without_weights(path)
    assert len(copy) < 2_000
    assert places(copy) == {
        name: {
            "location": "model.onnx",
            "offset": str(content.index(array.tobytes())),
            "length": str(array.nbytes),
        }
        for name, array in (("table", TABLE), ("other", OTHER))
    }
    again = onnx.load_model_from_string(copy)
    load_external_data_for_model(again, str(tmp_path))
    for tensor in again.graph.initializer:
        tensor.ClearField("external_data")
        tensor.ClearField("data_location")
    assert again.SerializeToString(deterministic=True) == content


def test_numbers_that_lie_across_stay_in_the_model(tmp_path):
    for spaces in range(1, 5):
        (tmp_path / "model.onnx").write_bytes(model(spaces))
        place = model(spaces).index(TABLE.tobytes())
        assert sorted(places(without_weights(tmp_path / "model.onnx"))) == ["other", "table"][: 1 + (place % 4 == 0)]


def test_what_is_no_plain_tensor_of_the_main_graph_stays(tmp_path):
    whole = onnx.load_model_from_string(aligned(tmp_path).read_bytes())
    plain = places(without_weights(tmp_path / "model.onnx"))
    listed = helper.make_tensor("listed", TensorProto.FLOAT, [ROWS, 8], TABLE.reshape(-1).tolist())
    both = numpy_helper.from_array(TABLE, "both")
    both.float_data.append(1.0)
    odd = numpy_helper.from_array(TABLE.astype(np.complex64), "odd")
    inner = helper.make_graph([], "inner", [], [], [numpy_helper.from_array(OTHER, "inner")])
    whole.graph.initializer.extend([listed, both, odd])
    whole.graph.node.append(helper.make_node("If", ["c"], ["z"], then_branch=inner))
    whole.graph.node.append(helper.make_node("Constant", [], ["k"], value=numpy_helper.from_array(OTHER, "k")))
    (tmp_path / "model.onnx").write_bytes(whole.SerializeToString())
    assert places(without_weights(tmp_path / "model.onnx")).keys() <= plain.keys()


def test_what_has_no_large_weight_and_what_is_no_model(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(helper.make_model(helper.make_graph([], "g", [], [])).SerializeToString())
    assert without_weights(path) is None
    path.write_bytes(model()[:-5])
    with pytest.raises(BackendError, match="damaged, or no ONNX model"):
        without_weights(path)
    with pytest.raises(BackendError, match="cannot read"):
        without_weights(tmp_path / "nowhere")


def test_of_two_weights_of_one_name_the_engine_decides(tmp_path):
    whole = onnx.load_model_from_string(aligned(tmp_path).read_bytes())
    whole.graph.initializer.append(numpy_helper.from_array(-TABLE, "table"))
    (tmp_path / "model.onnx").write_bytes(whole.SerializeToString())
    assert without_weights(tmp_path / "model.onnx") is None


@needs_proc
def test_the_engine_maps_them_and_answers_alike(tmp_path):
    path = aligned(tmp_path)
    expected = ort.InferenceSession(path.read_bytes()).run(None, FEEDS)[0]
    session = OnnxRuntimeSession(path)
    assert str(path) in Path("/proc/self/maps").read_text("utf-8")
    np.testing.assert_array_equal(session._session.run(None, FEEDS)[0], expected)
    session.close()
    assert str(path) not in Path("/proc/self/maps").read_text("utf-8")


@pytest.mark.parametrize("case", ["old engine", "windows", "bytes", "small", "no mappings"])
def test_where_nothing_is_mapped_the_file_is_read(tmp_path, monkeypatch, case):
    path = aligned(tmp_path)
    if case == "old engine":
        monkeypatch.setattr(backend, "_LOOKS_BESIDE", (99,))
    elif case == "windows":
        monkeypatch.setattr(sys, "platform", "win32")
    elif case == "small":
        monkeypatch.setattr(weights_in_place, "_LEAST_BYTES", 1 << 30)
    elif case == "no mappings":
        # as a file system says that has none
        monkeypatch.setattr(
            backend, "without_weights", lambda place: without_weights(place).replace(b"offset", b"offsex")
        )
    session = OnnxRuntimeSession(path.read_bytes() if case == "bytes" else path)
    assert session._mapped is None
    expected = ort.InferenceSession(path.read_bytes()).run(None, FEEDS)[0]
    np.testing.assert_array_equal(session._session.run(None, FEEDS)[0], expected)


@needs_mapping
@pytest.mark.parametrize("name", ["模型 1", "a" * 200, "%41&b=..;", "link"])
def test_folders_of_any_name(tmp_path, name):
    (tmp_path / "real").mkdir()
    path = aligned(tmp_path / "real")
    if name == "link":
        (tmp_path / name).symlink_to("real")
    else:
        path.parent.rename(tmp_path / name)
    session = OnnxRuntimeSession(tmp_path / name / path.name)
    assert session._mapped is not None
    assert session._session.run(None, FEEDS)[0].shape == (1, 3, 40)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are text")
def test_folders_that_the_engine_cannot_be_told_of_are_read_from(tmp_path):
    strange = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe"))
    deep = tmp_path.joinpath(*["d" * 250] * 5)
    for folder in (strange, deep):
        folder.mkdir(parents=True)
        path = aligned(folder)
        assert backend._open_mapped(path, ort.SessionOptions()) is None
        assert OnnxRuntimeSession(path)._session.run(None, FEEDS)[0].shape == (1, 3, 40)


@needs_mapping
def test_a_file_that_is_written_to_is_noticed_and_one_that_is_replaced_does_no_harm(tmp_path):
    path = aligned(tmp_path)
    session = OnnxRuntimeSession(path)
    expected = session._session.run(None, FEEDS)[0]
    (tmp_path / "new").write_bytes(bytes(10))
    (tmp_path / "new").replace(path)
    session._mapped.check_unchanged()
    np.testing.assert_array_equal(session._session.run(None, FEEDS)[0], expected)

    path = aligned(tmp_path)
    other = OnnxRuntimeSession(path)
    with path.open("r+b") as stream:
        stream.seek(path.read_bytes().index(TABLE.tobytes()))
        stream.write(b"\x01\x02\x03\x04")
    for _ in range(2):
        with pytest.raises(BackendError, match="was written to after it was loaded"):
            other.run(FEEDS)


@needs_mapping
def test_a_file_that_is_written_to_during_a_run_is_noticed(tmp_path):
    path = aligned(tmp_path)
    session = OnnxRuntimeSession(path)
    inner = session._session

    class Slow:
        def run(self, *given: object) -> object:
            with path.open("r+b") as stream:
                stream.write(stream.read(1))
                stream.write(b"\0")
            return inner.run(*given)

    session.run(FEEDS)
    session._session = Slow()
    with pytest.raises(BackendError, match="was written to"):
        session.run(FEEDS)


@needs_mapping
@pytest.mark.parametrize(
    "recipe", ["fp32", "fp16", "int8-embeddings", "int8-dynamic", "int8-attention", "int8-static", "int4"]
)
def test_every_recipe_answers_as_it_does_when_it_is_read(tmp_path, monkeypatch, recipe):
    """Tiny models have no weight that is large enough, so that here all are."""
    calibration = tmp_path / "texts.txt"
    calibration.write_text("今天天气好\n把客厅的灯打开\n", encoding="utf-8")
    needs_texts = recipe == "int8-static"
    options = DeployOptions(task="text-classification", recipe=recipe, calibration=calibration if needs_texts else None)
    bundle = deploy_checkpoint(write_checkpoint(tmp_path / "checkpoint"), tmp_path / "out", options).bundle
    texts = ["今天天气好", "把客厅的灯打开，好吗？", ""]
    answers = []
    for least in (1 << 30, 64):
        monkeypatch.setattr(weights_in_place, "_LEAST_BYTES", least)
        with load(bundle, threads=1) as classify:
            assert (classify.model.session._mapped is not None) == (least == 64)
            answers.append(classify(texts, top_k=3))
    assert answers[0] == answers[1]


@needs_mapping
def test_closing_beside_a_run_leaves_no_file_open(tmp_path):
    session = OnnxRuntimeSession(aligned(tmp_path))
    mapped = session._mapped
    session.close()
    mapped.check_unchanged()  # as a run does that began before
    closing = mapped.close
    del mapped
    assert not closing.alive
    with pytest.raises(BackendError, match="closed"):
        session.run(FEEDS)


def test_options_of_the_session_hold_for_mapped_models(tmp_path):
    session = OnnxRuntimeSession(aligned(tmp_path), SessionOptions(threads=1, optimization="none", arena=False))
    assert session.report.threads == 1
