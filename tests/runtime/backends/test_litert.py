"""The LiteRT backend: what it refuses before the engine sees it, its delegates, and calls from several threads."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="the engine is not installed: pip install 'roformer-edge[tflite]'")

from ai_edge_litert import interpreter as real

from roformer_edge.errors import BackendError, MissingDependencyError, OptionError, UnknownNameError
from roformer_edge.runtime.backends import litert as backend
from roformer_edge.runtime.backends.litert import LiteRTSession, engine, one_line
from roformer_edge.runtime.delegates import DELEGATES
from roformer_edge.runtime.session import SessionOptions
from tests.tflite_export import build_tiny


@pytest.fixture(scope="module")
def model() -> bytes:
    return build_tiny().to_bytes()


@pytest.fixture(scope="module")
def fixed() -> bytes:
    return build_tiny(lengths=(4, 8)).to_bytes()


@pytest.fixture
def path(model: bytes, tmp_path: Path) -> Path:
    (tmp_path / "model.tflite").write_bytes(model)
    return tmp_path / "model.tflite"


def feeds(length: int = 6, rows: int = 1, dtype: str = "int64") -> dict[str, np.ndarray]:
    ids = np.random.default_rng(length).integers(0, 40, (rows, length)).astype(dtype)
    return {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}


def test_a_path_and_bytes_answer_alike_and_any_length_will_do(model: bytes, path: Path) -> None:
    one, other = LiteRTSession(model), LiteRTSession(path)
    for length in (1, 2, 31, 3, 32):
        found = one.run(feeds(length))["logits"]
        assert found.shape == (1, 3)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, other.run(feeds(length))["logits"])


@pytest.mark.parametrize("part", [b"input_ids\0", b"logits\0", b"layer.0", b"default\0"])
def test_names_that_are_no_text_are_one_error_or_do_not_matter(model: bytes, part: bytes) -> None:
    wanted, errors = LiteRTSession(model).run(feeds())["logits"], []
    places = [place for place in range(len(model)) if model.startswith(part, place)][:6]
    assert places
    for place in places:
        damaged = bytearray(model)
        damaged[place] ^= 0x80
        try:
            session = LiteRTSession(bytes(damaged))
            found = session.run(feeds())["logits"]
        except BackendError as error:
            errors.append(str(error))
        else:
            np.testing.assert_array_equal(found, wanted)
            assert session.report.partitions in (None, 1)
    assert bool(errors) is (part != b"layer.0")
    assert not any("\n" in error for error in errors)


def test_a_model_that_is_cut_short_is_one_error(model: bytes) -> None:
    for length in range(0, len(model), len(model) // 40):
        with pytest.raises(BackendError) as caught:
            LiteRTSession(model[:length])
        assert "\n" not in str(caught.value)


def test_signatures_are_told_in_the_order_of_the_file(model: bytes, fixed: bytes) -> None:
    (signature,) = LiteRTSession(model).signatures.values()
    assert [spec.name for spec in signature.inputs] == ["input_ids", "attention_mask", "token_type_ids"]
    assert {(spec.dtype, spec.axes) for spec in signature.inputs} == {("int32", ("1", "sequence"))}
    assert [(spec.name, spec.dtype, spec.axes) for spec in signature.outputs] == [("logits", "float32", ("1", "3"))]
    session = LiteRTSession(fixed)
    assert {name: one.length for name, one in session.signatures.items()} == {"default": 8, "length_4": 4}
    given = feeds(4)
    padded = {name: np.pad(array, ((0, 0), (0, 4))) for name, array in given.items()}
    np.testing.assert_allclose(
        session.run(given, "length_4")["logits"], session.run(padded)["logits"], rtol=1e-4, atol=1e-5
    )


def test_missing_mask_and_types_are_filled_in(model: bytes) -> None:
    session = LiteRTSession(model)
    whole = session.run(feeds())["logits"]
    np.testing.assert_array_equal(session.run({"input_ids": feeds()["input_ids"], "more": np.ones(3)})["logits"], whole)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (feeds(rows=2), r"takes input_ids of shape \[1, sequence\], and was given \[2, 6\]"),
        ({"attention_mask": np.ones((1, 7), np.int64)}, r"takes attention_mask of shape \[1, sequence = 6\]"),
        ({"input_ids": np.ones(6, np.int64)}, r"was given \[6\]"),
        (feeds(0), r"nothing to compute in feeds of input_ids \[1, 0\]"),
        ({"input_ids": np.ones((1, 6), np.float32)}, "takes input_ids as int32, and was given float32"),
        ({"input_ids": np.full((1, 6), 2**32 + 5)}, "given numbers from 4294967301 to 4294967301"),
        ({"input_ids": np.full((1, 6), 40)}, r"could not run the model on input_ids \[1, 6\]"),
        ({"input_ids": np.full((1, 6), -1)}, "could not run the model"),
        (feeds(33), "could not run the model"),
    ],
    ids=["rows", "lengths", "axes", "nothing", "floats", "too wide", "beyond the table", "negative", "too long"],
)
def test_what_does_not_fit_is_one_sentence_and_the_session_goes_on(model: bytes, changes: dict, reason: str) -> None:
    session = LiteRTSession(model)
    before = session.run(feeds())["logits"]
    for _ in range(2):  # messages of one interpreter add up
        with pytest.raises(BackendError, match=reason) as caught:
            session.run({**feeds(), **changes})
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 600
    np.testing.assert_array_equal(session.run(feeds())["logits"], before)


def test_a_length_that_is_not_the_signatures_is_refused(fixed: bytes) -> None:
    session = LiteRTSession(fixed)
    with pytest.raises(BackendError, match=r"takes input_ids of shape \[1, 8\], and was given \[1, 4\]"):
        session.run(feeds(4))
    with pytest.raises(BackendError, match="no signature 'length_5'; it has: default, length_4"):
        session.run(feeds(5), "length_5")


@pytest.mark.parametrize(
    "damage", [lambda b: b[: len(b) // 3], lambda b: b"", lambda b: b"TFL3" * 40, lambda b: b[::-1]]
)
def test_what_is_no_model_is_refused(model: bytes, tmp_path: Path, damage) -> None:
    place = tmp_path / "broken.tflite"
    place.write_bytes(damage(model))
    with pytest.raises(BackendError, match=r"^ai-edge-litert [0-9.]+ cannot load the model"):
        LiteRTSession(place)


def test_a_session_option_of_a_bundle_is_refused(model: bytes) -> None:
    with pytest.raises(BackendError, match="sets the session option 'delegate', and LiteRT has none"):
        LiteRTSession(model, None, {"delegate": "libevil.so"})


@pytest.mark.skipif(sys.platform != "linux", reason="Linux only")
def test_pages_of_the_file_are_let_go_of_after_the_first_run_and_after_many_tokens(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go: list[int] = []
    monkeypatch.setattr(backend, "let_go_of_pages", lambda mappings: let_go.append(len(mappings)))
    monkeypatch.setattr(backend, "_TOKENS_OF_PAGES", 20)
    session, counts = LiteRTSession(path), []
    for length in (6, 6, 6, 8, 6):
        session.run(feeds(length))
        counts.append(len(let_go))
    assert counts == [1, 1, 1, 2, 2]
    assert all(let_go)  # the mappings were found


def test_a_closed_session_says_so(model: bytes) -> None:
    session = LiteRTSession(model)
    session.close()
    with pytest.raises(BackendError, match="the session is closed"):
        session.run(feeds())
    session.close()


@pytest.mark.parametrize("threads", [1, 2, None])
def test_calls_from_several_threads_at_once_do_not_mix(model: bytes, threads: int | None) -> None:
    session = LiteRTSession(model, SessionOptions(threads=threads))
    wanted = {length: session.run(feeds(length))["logits"] for length in range(1, 17)}
    wrong: list[int] = []

    def ask(start: int) -> None:
        for turn in range(40):
            length = (start + 5 * turn) % 16 + 1
            if not np.array_equal(session.run(feeds(length))["logits"], wanted[length]):
                wrong.append(length)

    callers = [threading.Thread(target=ask, args=(start,)) for start in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert wrong == []


def test_the_report_tells_engine_threads_and_partitions(model: bytes) -> None:
    session = LiteRTSession(model, SessionOptions(threads=2))
    session.run(feeds())
    report = session.report
    assert (report.engine, report.version) == engine()
    assert (report.used, report.on_processor, report.asked, report.fallbacks) == ("cpu", True, (), ())
    assert (report.threads, report.partitions) == (2, 1)
    assert LiteRTSession(model).report.threads == backend.usable_cores() >= 1


def test_kernels_without_xnnpack_are_another_choice(model: bytes) -> None:
    one, other = (LiteRTSession(model, SessionOptions(delegates=(name,))) for name in ("xnnpack", "builtin"))
    np.testing.assert_allclose(one.run(feeds())["logits"], other.run(feeds())["logits"], rtol=1e-3, atol=1e-4)
    assert (one.report.used, one.report.partitions) == ("xnnpack", 1)
    assert (other.report.used, other.report.partitions) == ("builtin", 0)
    assert one.report.on_processor
    assert other.report.on_processor


def test_choices_that_the_engine_does_not_offer_are_reported(model: bytes) -> None:
    session = LiteRTSession(model, SessionOptions(arena=False, optimization="basic"))
    assert session.report.fallbacks == (
        "arena=False: LiteRT has no such choice",
        "optimization='basic': LiteRT has no such choice",
    )


class FakeInterpreter:
    """The real one, which notes how it was made; a delegate that is told to refuse does."""

    made: ClassVar[list[dict]] = []

    def __init__(self, **options: object) -> None:
        type(self).made.append(options)
        for delegate in options.pop("experimental_delegates", ()):
            if delegate.options.get("refuse"):
                raise ValueError("Failed to apply delegate")
        self._real = real.Interpreter(**options)

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeInterpreter]:
    """An engine whose only delegate libraries are those of the fixture."""
    FakeInterpreter.made = []
    present = ("libedgetpu.so.1", "libtensorflowlite_gpu_delegate.so", "/opt/mine.so")

    def find(library: str) -> None:
        if library not in present:
            raise OSError(f"{library}: cannot open shared object file")

    def load(library: str, options: dict) -> SimpleNamespace:
        return SimpleNamespace(library=library, options=options)

    monkeypatch.setattr(backend.ctypes, "CDLL", find)
    types = real.OpResolverType
    module = SimpleNamespace(Interpreter=FakeInterpreter, load_delegate=load, OpResolverType=types)
    monkeypatch.setattr(backend, "_module", lambda: module)
    return FakeInterpreter


def test_the_first_delegate_that_can_be_had_computes_and_the_others_are_told_of(fixed: bytes, fake) -> None:
    asked = ("npu", "nnapi", ("/opt/mine.so", {"refuse": "yes"}), ("gpu", {"precision": "16"}), "cpu")
    session = LiteRTSession(fixed, SessionOptions(delegates=asked, threads=1))
    report = session.report
    assert (report.used, report.on_processor) == ("gpu", False)
    assert report.asked == ("npu", "nnapi", "/opt/mine.so", "gpu", "cpu")
    npu, nnapi, mine = report.fallbacks
    assert npu.startswith("npu: libQnnTFLiteDelegate.so: cannot open shared object file; libvx_delegate.so: ")
    assert nnapi == "nnapi: LiteRT has no such delegate that Python can load"
    assert mine.startswith("/opt/mine.so: ai-edge-litert ")
    assert mine.endswith("cannot load the model: Failed to apply delegate")
    assert session.run(feeds(8))["logits"].shape == (1, 3)


def test_a_delegate_that_wants_fixed_lengths_is_not_given_a_model_of_any(model: bytes, fixed: bytes, fake) -> None:
    session = LiteRTSession(model, SessionOptions(delegates=("edgetpu", "cpu")))
    assert session.report.used == "cpu"
    assert session.report.fallbacks == (
        "edgetpu: it needs to know the number of tokens; deploy for fixed ones (DeployOptions(lengths=))",
    )
    assert LiteRTSession(fixed, SessionOptions(delegates=("edgetpu", "cpu"))).report.used == "edgetpu"


def test_nothing_left_is_an_error_that_gives_every_reason(fixed: bytes, fake) -> None:
    with pytest.raises(
        BackendError, match=r"nothing of what is asked for: qnn: libQnn.*; coreml: LiteRT has no.*'cpu' at"
    ):
        LiteRTSession(fixed, SessionOptions(delegates=("qnn", "coreml")))


def test_a_name_that_is_neither_in_the_table_nor_a_library_is_refused(model: bytes) -> None:
    with pytest.raises(
        UnknownNameError, match="unknown delegate of LiteRT 'tpu'; choose one of: cpu, xnnpack, builtin"
    ):
        LiteRTSession(model, SessionOptions(delegates=("tpu", "cpu")))
    with pytest.raises(OptionError, match="delegate must be names"):
        SessionOptions(delegates=())


def test_a_library_that_is_not_there_is_told_of_by_the_real_engine(model: bytes) -> None:
    session = LiteRTSession(model, SessionOptions(delegates=("./nowhere.so", "cpu")))
    (reason,) = session.report.fallbacks
    assert reason.startswith("./nowhere.so: ")
    assert session.report.used == "cpu"
    with pytest.raises(BackendError, match=r"can use nothing of what is asked for: \./nowhere\.so: "):
        LiteRTSession(model, SessionOptions(delegates=("./nowhere.so",)))


def test_an_engine_that_is_slow_to_resize_gets_no_delegate_for_any_length(
    model: bytes, fixed: bytes, fake, monkeypatch
) -> None:
    monkeypatch.setattr(backend, "engine", lambda: ("tflite-runtime", "2.14.0"))
    resolver = "experimental_op_resolver_type"
    LiteRTSession(model)
    assert fake.made[-1][resolver] == real.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    LiteRTSession(fixed)
    assert resolver not in fake.made[-1]
    session = LiteRTSession(model, SessionOptions(delegates=("xnnpack", "cpu")))
    assert session.report.used == "cpu"
    assert session.report.fallbacks[0].startswith("xnnpack: this engine packs all weights again for every length")


def test_the_first_engine_that_is_installed_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    present: set[str] = set()
    monkeypatch.setattr(backend.importlib.util, "find_spec", lambda name: name in present or None)
    with pytest.raises(
        MissingDependencyError, match=r"ai-edge-litert is needed to run a TFLite model; .*roformer-edge\[tflite\]"
    ):
        engine()
    modules = {
        "tensorflow": SimpleNamespace(__version__="2.19.1"),
        "tflite_runtime": SimpleNamespace(__version__="2.14.0"),
        "ai_edge_litert": SimpleNamespace(),
    }
    monkeypatch.setattr(backend.importlib, "import_module", modules.__getitem__)
    for package, found in (
        ("tensorflow", ("tensorflow", "2.19.1")),
        ("tflite_runtime", ("tflite-runtime", "2.14.0")),
        ("ai_edge_litert", ("ai-edge-litert", "unknown")),
    ):
        present.add(package)
        assert engine() == found


def test_messages_keep_their_end() -> None:
    assert one_line(ValueError("a\n b")) == "a b"
    assert one_line(ValueError("x" * 500 + "the reason"), 40).endswith("the reason")
    assert len(one_line(ValueError("x" * 500), 40)) == 40


def test_every_delegate_is_described() -> None:
    for name, row in DELEGATES.items():
        assert row.name == name
        assert row.description
        assert row.providers or row.libraries or name in ("xnnpack", "builtin")
