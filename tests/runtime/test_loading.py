from __future__ import annotations

import copy
import inspect
import json
import os
import pickle
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto

import roformer_edge
from roformer_edge.bundle.pack import pack_directory
from roformer_edge.bundle.self_test_vectors import SelfTest
from roformer_edge.errors import (
    BackendError,
    BundleError,
    BundleFormatError,
    BundleIntegrityError,
    OptionError,
    SelfTestError,
    TextTooLongError,
    UnknownNameError,
    VocabularyError,
)
from roformer_edge.runtime.backends import onnxruntime as backend
from roformer_edge.runtime.fake import FakeSession
from roformer_edge.runtime.loading import PIPELINES, load
from roformer_edge.runtime.pipelines.text_classification import TextClassifier
from roformer_edge.runtime.self_test import record_self_test, run_self_test
from roformer_edge.signatures import Signature, TensorSpec
from roformer_edge.tasks import TASKS, get_task
from roformer_edge.tokenizer import WORDS_PATH
from roformer_edge.tokenizer.unicode_tables import UNICODE_PATH
from tests.tiny_bundle import listed, read_manifest, relist, rewrite_manifest
from tests.tiny_runtime import LABELS, SELF_TEST_TEXTS, config, fixed_signatures, graph, write_runnable


@pytest.fixture
def own(runnable: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(runnable, tmp_path / "intent"))


def replace_file(bundle: Path, name: str, data: bytes) -> None:
    """Put another file into a bundle and list it honestly."""
    (bundle / name).write_bytes(data)
    values = read_manifest(bundle)
    values["files"] = [
        listed(name, data, entry["role"]) if entry["path"] == name else entry for entry in values["files"]
    ]
    rewrite_manifest(bundle, values)


def test_a_bundle_answers(runnable: Path) -> None:
    with roformer_edge.load(runnable) as classify:
        assert isinstance(classify, TextClassifier)
        answer = classify("今天天气")
        assert answer.label in LABELS
        assert classify.max_length == 64
        assert classify.provider == "CPUExecutionProvider"


@pytest.mark.parametrize("files_in_memory", [True, False])
def test_an_archive_gives_the_same_answers(
    runnable: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files_in_memory: bool
) -> None:
    if not files_in_memory:
        monkeypatch.delattr(os, "memfd_create", raising=False)
    archive = pack_directory(runnable, tmp_path / "intent.rfe")
    texts = ["今天天气", "把灯打开", "现在几点？"]
    with load(runnable) as one, load(str(archive), self_test=True) as other:
        np.testing.assert_array_equal(one.logits(texts), other.logits(texts))


def test_a_loaded_bundle_does_not_need_its_files(own: Path) -> None:
    classify = load(own, threads=1)
    before = classify.logits(["今天天气"])
    if (own / "words.bin").exists():
        shutil.rmtree(own)
    np.testing.assert_array_equal(classify.logits(["今天天气"]), before)


@pytest.mark.parametrize(
    "options", [{"threads": 1}, {"threads": 2, "spinning": False}, {"arena": False}, {"optimization": "basic"}]
)
def test_options_do_not_change_answers(runnable: Path, options: dict) -> None:
    with load(runnable) as plain, load(runnable, **options) as other:
        np.testing.assert_allclose(other.logits(["今天天气"]), plain.logits(["今天天气"]), rtol=1e-5)


def test_options_reach_the_session(runnable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    class Spy(backend.OnnxRuntimeSession):
        def __init__(self, model: object, options: object, session: object) -> None:
            seen.append((model, options, session))
            super().__init__(model, options, session)

    monkeypatch.setattr(backend, "OnnxRuntimeSession", Spy)
    load(runnable, threads=2, delegate=["NpuExecutionProvider", "CPUExecutionProvider"], arena=False, spinning=False)
    ((model, options, session),) = seen
    assert model == runnable / "model.onnx"
    assert (options.threads, options.arena, options.spinning) == (2, False, False)
    assert options.delegates == ("NpuExecutionProvider", "CPUExecutionProvider")
    assert session == {"optimization.disable_specified_optimizers": "SkipLayerNormFusion"}


def test_fallbacks_are_visible(runnable: Path) -> None:
    with load(runnable, delegate=["NpuExecutionProvider", "CPUExecutionProvider"]) as classify:
        assert classify.provider == "CPUExecutionProvider"
        assert classify.fallbacks == ("NpuExecutionProvider: not in this build of onnxruntime",)
    with pytest.raises(BackendError, match=r"has none of NpuExecutionProvider; it has: .*CPUExecutionProvider"):
        load(runnable, delegate=["NpuExecutionProvider"])


def test_a_delegate_may_be_named_alone(runnable: Path) -> None:
    with load(runnable, delegate="CPUExecutionProvider") as classify:
        assert classify.provider == "CPUExecutionProvider"


@pytest.mark.parametrize("delegate", [[], [1], [["CPUExecutionProvider", {}]], [("CPUExecutionProvider",)], [("a", 1)]])
def test_what_is_no_delegate_is_refused_before_the_engine_sees_it(runnable: Path, delegate: list) -> None:
    with pytest.raises(OptionError, match="delegate must be names, each alone or in a tuple with a dict"):
        load(runnable, delegate=delegate)


@pytest.mark.parametrize("threads", [0, 1025, 1.0, True])
def test_a_number_of_threads_that_no_machine_has_is_refused(runnable: Path, threads: int) -> None:
    with pytest.raises(OptionError, match="threads must be a whole number from 1 to 1024"):
        load(runnable, threads=threads)


@pytest.mark.parametrize("name", ["model.onnx", "vocab.txt", "words.bin", "unicode.bin", "config.json"])
def test_every_file_that_is_used_is_verified_first(own: Path, name: str) -> None:
    data = bytearray((own / name).read_bytes())
    data[len(data) // 3] ^= 4
    (own / name).write_bytes(data)
    with pytest.raises(BundleIntegrityError, match=name):
        load(own)
    archive = own.parent / "x.rfe"
    shutil.make_archive(str(archive.with_suffix("")), "zip", own)
    with pytest.raises(BundleIntegrityError, match=name):
        load(archive.with_suffix(".zip"))


def test_a_file_that_changes_while_it_is_loaded(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Meanwhile(backend.OnnxRuntimeSession):
        def __init__(self, model: Path, *others: object) -> None:
            super().__init__(model, *others)
            model.write_bytes(model.read_bytes()[::-1])

    monkeypatch.setattr(backend, "OnnxRuntimeSession", Meanwhile)
    with pytest.raises(BundleIntegrityError, match=r"model\.onnx in .* was changed while it was being loaded"):
        load(own)


def test_verify_is_one_of_three(own: Path) -> None:
    with pytest.raises(OptionError, match="verify must be True, False or 'changed', found 'no'"):
        load(own, verify="no")  # type: ignore[call-overload]


def test_verify_false_leaves_digests_alone(own: Path) -> None:
    readable = own / "vocab.txt"
    readable.write_bytes(readable.read_bytes().replace("天气".encode(), "气天".encode()))
    load(own, verify=False).close()
    with pytest.raises(BundleIntegrityError, match=r"vocab\.txt"):
        load(own)


def test_the_self_test_passes_where_it_was_made_and_finds_a_wrong_engine(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with load(own, self_test=True) as classify:
        vectors = SelfTest.from_json((own / "selftest.json").read_bytes())
        assert [case.text for case in vectors.cases] == list(SELF_TEST_TEXTS)
        assert run_self_test(classify.model, vectors) <= 1e-6

    class Zeros(backend.OnnxRuntimeSession):
        def run(self, *asked: object) -> dict:
            return {name: np.zeros_like(values) for name, values in super().run(*asked).items()}

    monkeypatch.setattr(backend, "OnnxRuntimeSession", Zeros)
    with pytest.raises(SelfTestError, match=r"differ from those recorded by .* is allowed"):
        load(own, self_test=True)
    load(own).close()


def test_the_self_test_finds_another_tokenizer(own: Path) -> None:
    vocabulary = (own / "vocab.txt").read_text(encoding="utf-8").split("\n")
    first, second = vocabulary.index("天气"), vocabulary.index("打开")
    vocabulary[first], vocabulary[second] = vocabulary[second], vocabulary[first]
    replace_file(own, "vocab.txt", "\n".join(vocabulary).encode())
    with pytest.raises(SelfTestError, match="text 1 gives other token ids"):
        load(own, self_test=True)


def test_the_self_test_finds_outputs_of_another_shape(own: Path) -> None:
    vectors = json.loads((own / "selftest.json").read_bytes())
    vectors["cases"][1]["outputs"]["logits"].pop()
    replace_file(own, "selftest.json", json.dumps(vectors).encode())
    with pytest.raises(SelfTestError, match="text 1 should give 3 values of 'logits'"):
        load(own, self_test=True)


def test_a_self_test_that_is_not_there_is_asked_for_in_vain(tmp_path: Path) -> None:
    bundle = write_runnable(tmp_path / "x", measured=None)
    with pytest.raises(BundleFormatError, match="no file with the role 'selftest'"):
        load(bundle, self_test=True)


def test_tolerances_follow_the_arithmetic(runnable: Path) -> None:
    with load(runnable) as classify:
        exact = record_self_test(classify.model, SELF_TEST_TEXTS, quantized=False)
        rough = record_self_test(classify.model, [*SELF_TEST_TEXTS, ("今天", "天气")], quantized=True)
        with pytest.raises(BundleFormatError, match="at least one text"):
            record_self_test(classify.model, [], quantized=True)
        assert run_self_test(classify.model, rough) <= 1e-6
    largest = max(abs(value) for case in exact.cases for value in case.outputs["logits"])
    assert exact.tolerance == pytest.approx(max(1e-3 * largest, 1e-3), rel=0.01)
    spread = np.std([value for case in rough.cases for value in case.outputs["logits"]])
    assert rough.tolerance == pytest.approx(0.25 * spread, rel=0.01)
    assert rough.cases[3].pair == "天气"


def test_a_task_or_format_that_this_version_does_not_run(own: Path) -> None:
    rewrite_manifest(own, {**read_manifest(own), "task": "image-generation"})
    with pytest.raises(UnknownNameError, match="unknown task 'image-generation'; choose one of: feature-extraction"):
        load(own)
    rewrite_manifest(own, {**read_manifest(own), "task": "text-classification", "format": "gguf"})
    with pytest.raises(UnknownNameError, match="unknown format 'gguf'; choose one of: onnx"):
        load(own)


def test_every_task_has_a_pipeline() -> None:
    assert set(PIPELINES) == set(TASKS)


@pytest.mark.parametrize(
    ("needed", "doubt"),
    [
        ({"onnxruntime": "99.1"}, "is older than 99.1, which the bundle was made for"),
        ({"abacus": "1"}, "is none of the engines that the bundle was made for"),
    ],
)
def test_an_engine_that_the_bundle_was_not_made_for_has_to_give_the_recorded_answers(
    own: Path, needed: dict, doubt: str
) -> None:
    rewrite_manifest(own, {**read_manifest(own), "minimum_runtime": needed})
    with load(own) as classify:
        report = classify.backend_report()
    assert report.self_test is not None
    assert report.self_test < 1e-3
    (note,) = report.notes
    assert note.startswith("onnxruntime ")
    assert note.endswith(doubt)
    with load(own, self_test=False) as classify:
        assert classify.backend_report().self_test is None
        assert classify.backend_report().notes == (note,)
    record = json.loads((own / "selftest.json").read_text(encoding="utf-8"))
    record["cases"][0]["outputs"]["logits"][0] += 1
    (own / "selftest.json").write_text(json.dumps(record), encoding="utf-8")
    relist(own)
    package, version = next(iter(needed.items()))
    with pytest.raises(SelfTestError, match=rf"differ from those recorded.*{doubt}: install {package} {version}"):
        load(own)
    with load(own, self_test=False) as classify:
        classify("今天")


def test_a_usual_engine_is_not_tested_unless_asked(own: Path) -> None:
    with load(own) as classify:
        report = classify.backend_report()
    assert (report.engine, report.used, report.notes, report.self_test) == (
        "onnxruntime",
        "CPUExecutionProvider",
        (),
        None,
    )
    with load(own, self_test=True) as classify:
        assert classify.backend_report().self_test is not None


def test_an_engine_that_refuses_what_was_not_made_for_it_is_told_with_what_to_install(own: Path, monkeypatch) -> None:
    rewrite_manifest(own, {**read_manifest(own), "minimum_runtime": {"onnxruntime": "99.1"}})
    (own / "model.onnx").write_bytes(b"not a graph")
    relist(own)
    with pytest.raises(
        BackendError, match=r"cannot load the graph.*older than 99\.1.*: install onnxruntime 99\.1 or newer"
    ):
        load(own)


def signatures_with(inputs: tuple[TensorSpec, ...]) -> dict[str, Signature]:
    """Make the default signature of a manifest, with other inputs."""
    return {"default": Signature(inputs=inputs, outputs=TASKS["text-classification"].outputs)}


def test_a_graph_that_differs_from_the_manifest_is_refused(tmp_path: Path, own: Path) -> None:
    narrow = write_runnable(tmp_path / "narrow", model=graph(dtype=TensorProto.INT32))
    with pytest.raises(
        BundleFormatError, match=r"signature 'default' the inputs 'input_ids int64\[.*has 'input_ids int32\["
    ):
        load(narrow)
    inputs = tuple(
        TensorSpec(name=name, dtype="int32", axes=("batch", "sequence"))
        for name in ("input_ids", "attention_mask", "token_type_ids")
    )
    described = write_runnable(
        tmp_path / "described", model=graph(dtype=TensorProto.INT32), signatures=signatures_with(inputs)
    )
    with load(described) as classify, load(own) as wide:
        np.testing.assert_array_equal(classify.logits(["今天天气"]), wide.logits(["今天天气"]))


def test_a_graph_without_types_answers(tmp_path: Path) -> None:
    """An exporter may leave an input out; the pipeline gives it anyway."""
    names = ("input_ids", "attention_mask")
    inputs = tuple(TensorSpec(name=name, dtype="int64", axes=("batch", "sequence")) for name in names)
    with load(
        write_runnable(tmp_path / "x", model=graph(inputs=names), signatures=signatures_with(inputs))
    ) as classify:
        assert classify("今天天气").label in LABELS


@pytest.mark.parametrize("rows", [None, 1])
def test_a_graph_of_one_length_answers_as_one_of_any_length(runnable: Path, tmp_path: Path, rows: int | None) -> None:
    texts = ["今天天气", "把灯打开", "现在几点？"]
    fixed = fixed_signatures(TASKS["text-classification"].signature, 64, rows=rows)
    bundle = write_runnable(tmp_path / "x", model=graph(length=64, rows=rows), signatures=fixed)
    with load(runnable) as one, load(bundle) as other:
        assert other.model.lengths == (64,)
        assert other.model.most_rows == rows
        np.testing.assert_allclose(one.logits(texts), other.logits(texts), atol=1e-5)
        with pytest.raises(TextTooLongError, match="takes 64 at most"):
            other("好" * 63)


def test_sizes_that_the_graph_does_not_have_are_refused(tmp_path: Path) -> None:
    signature = TASKS["text-classification"].signature
    for name, model, signatures in (
        ("listed", graph(), fixed_signatures(signature, 64)),
        ("unlisted", graph(length=64), {"default": signature}),
        ("other", graph(length=32), fixed_signatures(signature, 64)),
    ):
        with pytest.raises(BundleFormatError, match="the inputs 'input_ids int64"):
            load(write_runnable(tmp_path / name, model=model, signatures=signatures))
    with pytest.raises(BundleFormatError, match="lists the signatures 'default', 'length 16', and the model has 'def"):
        load(write_runnable(tmp_path / "more", model=graph(), signatures=fixed_signatures(signature, 64, 16)))
    for number, axes in enumerate((("batch", "4", "labels"), ("batch", "5"))):
        outputs = (TensorSpec(name="logits", dtype="float32", axes=axes),)
        other = {"default": replace(signature, outputs=outputs)}
        with pytest.raises(BundleFormatError, match="the outputs 'logits float32"):
            load(write_runnable(tmp_path / str(number), model=graph(), signatures=other))


def test_a_session_option_that_is_not_known_is_refused(own: Path) -> None:
    rewrite_manifest(own, {**read_manifest(own), "session": {"session.load\nmodel": "1"}})
    with pytest.raises(BackendError, match=r"sets the session option 'session\.load\\nmodel'"):
        load(own)


def without_capital_omega(data: bytes) -> bytes:
    """Unicode tables in which a capital omega is lower-cased to an "x"."""
    items = np.frombuffer(data[8:], np.uint32).copy()
    ends = 18 + np.concatenate([[0], np.cumsum(items[:18])]).astype(int)
    keys, stops, texts = (items[ends[place] : ends[place + 1]] for place in (1, 2, 3))
    texts[stops[np.searchsorted(keys, ord("Ω"))] - 1] = ord("x")
    return data[:8] + items.tobytes()


def test_the_unicode_tables_are_those_of_the_bundle(own: Path) -> None:
    """They decide what a character becomes, whatever tables the package that opens the bundle has."""
    with load(own) as classify:
        before = classify.model.tokenizer.encode_text("今天Ω").tokens
    replace_file(own, "unicode.bin", without_capital_omega((own / "unicode.bin").read_bytes()))
    with load(own) as classify:
        assert classify.model.tokenizer.encode_text("今天Ω").tokens == ["[CLS]", "今天", "x", "[SEP]"] != before
    with load(pack_directory(own, own.parent / "other.rfe")) as classify:
        assert classify.model.tokenizer.encode_text("今天Ω").tokens == ["[CLS]", "今天", "x", "[SEP]"]


def test_a_bundle_without_unicode_tables_says_so(own: Path) -> None:
    values = read_manifest(own)
    rewrite_manifest(own, {**values, "files": [entry for entry in values["files"] if entry["role"] != "unicode"]})
    with pytest.raises(BundleFormatError, match="has no file with the role 'unicode', which is needed here"):
        load(own)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff", r"config\.json in .* is not valid JSON"),
        (b"[]", r"config\.json in .* must hold a JSON object"),
        (b'{"hidden_size": 7}', "hidden_size 7 is not a multiple"),
        (b'{"model_type": "bert"}', "model_type is 'bert'"),
        (b'{"norm_type": "batch_norm"}', "unknown norm_type 'batch_norm'"),
        (b'{"num_labels": 3}', "has other labels than the manifest"),
    ],
)
def test_a_config_that_does_not_fit(own: Path, content: bytes, message: str) -> None:
    replace_file(own, "config.json", content)
    with pytest.raises(BundleFormatError, match=message) as caught:
        load(own)
    assert "\n" not in str(caught.value)


def test_a_vocabulary_larger_than_the_model_is_refused(own: Path) -> None:
    replace_file(own, "config.json", config(vocab_size=50).to_json().encode())
    with pytest.raises(VocabularyError, match=r"has ids up to \d+ and the model 50 embeddings"):
        load(own)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("vocab.txt", b""),
        ("vocab.txt", b"\xff\xfe"),
        ("words.bin", b""),
        ("words.bin", b"\xff\xfe"),
        ("words.bin", b"not a dictionary" * 10),
        ("words.bin", Path(WORDS_PATH).read_bytes()[:100_000]),
        ("unicode.bin", b""),
        ("unicode.bin", b"rfunicd1" + bytes(71)),
        ("unicode.bin", b"rfunicd1" + bytes(72)),
        ("unicode.bin", Path(UNICODE_PATH).read_bytes()[:-4]),
        ("unicode.bin", Path(UNICODE_PATH).read_bytes().replace(b"\x61\0\0\0", b"\xff\xff\xff\x7f")),
    ],
)
def test_a_broken_vocabulary_or_dictionary_is_one_line(own: Path, name: str, content: bytes) -> None:
    replace_file(own, name, content)
    with pytest.raises(VocabularyError) as caught:
        load(own)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not a graph"])
def test_a_broken_model_is_one_line(own: Path, content: bytes) -> None:
    replace_file(own, "model.onnx", content)
    with pytest.raises(BackendError, match="cannot load the graph") as caught:
        load(own)
    assert "\n" not in str(caught.value)


def test_errors_of_the_engine_and_of_the_tokenizer_do_not_hide_each_other(own: Path) -> None:
    replace_file(own, "model.onnx", b"not a graph")
    replace_file(own, "words.bin", b"")
    with pytest.raises((BackendError, VocabularyError)):
        load(own)


def test_a_failure_leaves_no_thread_behind(own: Path) -> None:
    """A process that ends on this error must not be torn down under native code."""
    replace_file(own, "vocab.txt", b"")
    before = threading.active_count()
    with pytest.raises(VocabularyError):
        load(own)
    assert threading.active_count() == before


def test_pairs_and_truncation_with_the_real_tokenizer(runnable: Path) -> None:
    with load(runnable) as classify:
        long = "今天天气好，" * 40
        assert classify(long, truncation=True).label in LABELS
        encoding = classify.model.encode((long, "几点"), truncation=True)
        assert len(encoding.ids) == 64
        assert sum(encoding.type_ids) == len(classify.model.tokenizer.encode_text("几点").ids) - 1
        with pytest.raises(roformer_edge.RoFormerEdgeError, match="takes 64 at most"):
            classify(long)


def test_only_the_pipeline_of_the_task_is_imported(runnable: Path) -> None:
    code = (
        "import sys, roformer_edge\n"
        "import roformer_edge.runtime.loading\n"
        "name = 'roformer_edge.runtime.pipelines.'\n"
        "assert not [module for module in sys.modules if module.startswith(name)]\n"
        f"roformer_edge.load({str(runnable)!r})('今天')\n"
        "print(*[module.removeprefix(name) for module in sys.modules if module.startswith(name)])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["base", "text_classification"]


def test_what_is_pickled_is_the_bundle_as_it_was(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(own.parent)
    with load(own.name, threads=1) as classify:
        pickled = pickle.dumps(classify)
        expected = classify.logits(["今天天气"])
    monkeypatch.chdir("/")
    with pickle.loads(pickled) as again:
        np.testing.assert_array_equal(again.logits(["今天天气"]), expected)
    values = read_manifest(own)
    rewrite_manifest(own, {**values, "notes": ["another"]})
    with pytest.raises(BundleIntegrityError, match="it is another bundle, or was altered"):
        pickle.loads(pickled)


def test_what_is_pickled_has_every_option_of_load(runnable: Path) -> None:
    options = {name for name, one in inspect.signature(load).parameters.items() if one.kind is one.KEYWORD_ONLY}
    with load(runnable) as classify:
        again, _ = classify.__reduce__()
    assert again.keywords.keys() == options - {"task"}


def test_a_pipeline_without_a_bundle_says_so() -> None:
    classify = TextClassifier(
        FakeSession(lambda feeds: {}, {"default": get_task("text-classification").signature}), None, config()
    )
    assert repr(classify) == "TextClassifier(max_length=64)"
    for use in (pickle.dumps, copy.copy, lambda one: one.manifest, lambda one: one.bundle, lambda one: one.recipe):
        with pytest.raises(BundleError, match="this TextClassifier was made of a session, and belongs to no bundle"):
            use(classify)


def test_a_bundle_for_another_task_is_refused(runnable: Path) -> None:
    assert isinstance(load(runnable, task="text-classification"), TextClassifier)
    with pytest.raises(
        OptionError, match=r"task must be 'text-classification', which .* is for, or left out, found 'fi"
    ):
        load(runnable, task="fill-mask")
