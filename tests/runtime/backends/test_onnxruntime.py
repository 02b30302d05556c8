from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from roformer_edge.errors import BackendError
from roformer_edge.formats import get_format
from roformer_edge.runtime.backends import onnxruntime as backend
from roformer_edge.runtime.backends.onnxruntime import OnnxRuntimeSession, available_providers, engine
from roformer_edge.runtime.session import OPTIMIZATIONS, SessionOptions
from roformer_edge.tasks import get_task
from tests.tiny_runtime import graph

IDS = np.array([[1, 40, 50, 2], [1, 60, 2, 0]])
MASK = np.array([[1, 1, 1, 1], [1, 1, 1, 0]])
TYPES = np.zeros_like(IDS)
OPTION = "optimization.disable_specified_optimizers"
FEEDS = {"input_ids": IDS, "attention_mask": MASK, "token_type_ids": TYPES}


@pytest.fixture(scope="module")
def expected() -> np.ndarray:
    """The engine used directly."""
    return ort.InferenceSession(graph()).run(None, FEEDS)[0]


@pytest.mark.parametrize("form", ["path", "str", "bytes"])
def test_a_graph_is_loaded_from_a_path_or_bytes(tmp_path: Path, form: str, expected: np.ndarray) -> None:
    path = tmp_path / "模型.onnx"
    path.write_bytes(graph())
    session = OnnxRuntimeSession({"path": path, "str": str(path), "bytes": path.read_bytes()}[form])
    np.testing.assert_array_equal(session.run(FEEDS)["logits"], expected)
    assert list(session.signatures) == ["default"]
    assert session.signatures["default"].inputs == get_task("text-classification").inputs
    assert [(spec.name, spec.dtype) for spec in session.signatures["default"].outputs] == [("logits", "float32")]
    assert session.report.used == "CPUExecutionProvider"
    assert session.report.fallbacks == ()


@pytest.mark.parametrize(
    "options",
    [SessionOptions(threads=1, arena=False), SessionOptions(threads=2, spinning=False)]
    + [SessionOptions(optimization=level) for level in OPTIMIZATIONS],
)
def test_options_do_not_change_answers(options: SessionOptions, expected: np.ndarray) -> None:
    np.testing.assert_allclose(OnnxRuntimeSession(graph(), options).run(FEEDS)["logits"], expected, rtol=1e-5)


def test_options_reach_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict = {}

    class Spy(ort.InferenceSession):
        def __init__(self, model: object, options: ort.SessionOptions, **more: object) -> None:
            seen.update(options=options, **more)
            super().__init__(model, options, **more)

    monkeypatch.setattr(backend.ort, "InferenceSession", Spy)
    OnnxRuntimeSession(graph(), SessionOptions(threads=2, arena=False, optimization="basic"), {OPTION: "A;B"})
    native = seen["options"]
    assert native.intra_op_num_threads == 2
    assert native.inter_op_num_threads == 1
    assert native.enable_cpu_mem_arena is False
    assert native.graph_optimization_level == ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    assert native.get_session_config_entry("session.intra_op.allow_spinning") == "1"
    assert native.get_session_config_entry("session.force_spinning_stop") == "1"
    assert native.get_session_config_entry(OPTION) == "A;B"
    assert seen["providers"] == ["CPUExecutionProvider"]


def test_layer_normalisation_is_not_fused_into_the_slow_operator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the bundle's session option is for: without it the engine rewrites this graph."""
    width = 16
    weights = {name: np.ones(width, np.float32) for name in ("scale", "shift")}
    model = helper.make_model(
        helper.make_graph(
            [
                helper.make_node("Add", ["a", "b"], ["sum"]),
                helper.make_node("LayerNormalization", ["sum", "scale", "shift"], ["y"], axis=-1),
            ],
            "norm",
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", "s", width]) for name in ("a", "b")],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", "s", width])],
            [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )

    def operators(entries: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> set[str]:
        made = backend._session_options

        def and_write(*asked: object) -> ort.SessionOptions:
            native = made(*asked)
            native.optimized_model_filepath = str(tmp_path / "optimized.onnx")
            return native

        monkeypatch.setattr(backend, "_session_options", and_write)
        OnnxRuntimeSession(model.SerializeToString(), None, entries)
        monkeypatch.undo()
        return {node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node}

    assert operators({}, monkeypatch) == {"SkipLayerNormalization"}
    assert operators(get_format("onnx").session, monkeypatch) == {"Add", "LayerNormalization"}


def test_a_session_option_that_a_bundle_may_not_set_is_refused() -> None:
    for name in ("ep.context_file_path", "session.load_model_format", OPTION.upper()):
        with pytest.raises(BackendError, match=f"sets the session option '{name}', which .*: upgrade roformer-edge"):
            OnnxRuntimeSession(graph(), None, {OPTION: "SkipLayerNormFusion", name: "1"})


def test_inputs_are_fitted_to_the_graph(expected: np.ndarray) -> None:
    narrow = OnnxRuntimeSession(graph(dtype=TensorProto.INT32))
    np.testing.assert_array_equal(narrow.run(FEEDS)["logits"], expected)
    assert {spec.dtype for spec in narrow.signatures["default"].inputs} == {"int32"}
    session = OnnxRuntimeSession(graph())
    small = {name: array.astype(np.uint8) for name, array in FEEDS.items()}
    np.testing.assert_array_equal(session.run({**small, "position_ids": IDS})["logits"], expected)
    without_types = {"input_ids": IDS, "attention_mask": MASK}
    np.testing.assert_array_equal(session.run(without_types)["logits"], expected)
    full = session.run({"input_ids": IDS[:1]})["logits"]
    np.testing.assert_allclose(full, expected[:1], rtol=1e-6)


def test_feeds_that_do_not_fit_are_named() -> None:
    session = OnnxRuntimeSession(graph())
    with pytest.raises(
        BackendError, match="takes input_ids, attention_mask, token_type_ids, and the feeds hold pixels"
    ):
        session.run({"pixels": IDS})
    with pytest.raises(BackendError, match="takes input_ids as int64, and was given float64"):
        session.run({"input_ids": IDS.astype(float)})


def test_engine_errors_are_one_line() -> None:
    session = OnnxRuntimeSession(graph())
    with pytest.raises(BackendError, match="could not run the graph") as caught:
        session.run({**FEEDS, "input_ids": np.full_like(IDS, 10**6)})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not a graph" * 100, graph()[:-500], graph()[500:]])
@pytest.mark.parametrize("as_file", [True, False])
def test_a_broken_model_is_one_line(tmp_path: Path, content: bytes, as_file: bool) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(BackendError, match="cannot load the graph") as caught:
        OnnxRuntimeSession(path if as_file else content)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_model_of_unknown_operators_is_refused() -> None:
    node = helper.make_node("Teleport", ["x"], ["y"], domain="nowhere")
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    other = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    model = helper.make_model(
        helper.make_graph([node], "g", [value], [other]),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("nowhere", 1)],
        ir_version=9,
    )
    with pytest.raises(BackendError, match="cannot load the graph"):
        OnnxRuntimeSession(model.SerializeToString())


def test_a_missing_provider_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ("NpuExecutionProvider", ("FpgaExecutionProvider", {"bits": "4"}), "CPUExecutionProvider")
    session = OnnxRuntimeSession(graph(), SessionOptions(delegates=asked))
    assert session.report.used == "CPUExecutionProvider"
    assert session.report.fallbacks == (
        "NpuExecutionProvider: not in this build of onnxruntime",
        "FpgaExecutionProvider: not in this build of onnxruntime",
    )


def test_no_provider_left_is_an_error_that_lists_those_there_are() -> None:
    with pytest.raises(BackendError, match=r"has none of NpuExecutionProvider; it has: .*CPUExecutionProvider"):
        OnnxRuntimeSession(graph(), SessionOptions(delegates=("NpuExecutionProvider",)))


def test_a_provider_that_does_not_start_is_recorded_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine goes on with the processor without a word; here that is said."""

    class Reluctant(ort.InferenceSession):
        def __init__(self, model: object, options: object, *, providers: list, **more: object) -> None:
            super().__init__(model, options, providers=["CPUExecutionProvider"], **more)

    monkeypatch.setattr(backend.ort, "get_available_providers", lambda: ["GpuProvider", "CPUExecutionProvider"])
    monkeypatch.setattr(backend.ort, "InferenceSession", Reluctant)
    session = OnnxRuntimeSession(graph(), SessionOptions(delegates=("GpuProvider", "CPUExecutionProvider")))
    assert session.report.used == "CPUExecutionProvider"
    assert session.report.fallbacks == ("GpuProvider: could not be started",)
    with pytest.raises(BackendError, match="GpuProvider could not be started"):
        OnnxRuntimeSession(graph(), SessionOptions(delegates=("GpuProvider",)))


def test_real_providers_are_listed() -> None:
    assert "CPUExecutionProvider" in available_providers()
    assert engine() == ("onnxruntime", ort.__version__)


def test_a_closed_session_says_so() -> None:
    session = OnnxRuntimeSession(graph())
    session.close()
    session.close()
    with pytest.raises(BackendError, match="is closed"):
        session.run(FEEDS)


def test_bytes_are_not_kept() -> None:
    session = OnnxRuntimeSession(graph())
    assert session._session._model_bytes is None


def test_many_threads_may_run_one_session(expected: np.ndarray) -> None:
    session = OnnxRuntimeSession(graph(), SessionOptions(threads=1))
    wrong: list[int] = []

    def work() -> None:
        for turn in range(50):
            if not np.array_equal(session.run(FEEDS)["logits"], expected):
                wrong.append(turn)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
