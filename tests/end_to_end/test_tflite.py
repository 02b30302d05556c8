"""A TFLite bundle answers what the ONNX bundle of the same checkpoint answers: every task, real inputs."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="the engine is not installed: pip install 'roformer-edge[tflite]'")

from roformer_edge.cli.main import main
from roformer_edge.demo.embedded import embedded_checkpoint, embedded_evaluation
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.errors import BackendError, BundleError, OptionError, TextTooLongError, UnknownNameError
from roformer_edge.runtime.backends import litert as backend
from roformer_edge.runtime.loading import load
from roformer_edge.tasks import TASKS
from tests.runtime.tiny_tasks import bundle_of

INPUTS = 500


def deploy(source: Path, out: Path, task: str | None = None, **options: object) -> Path:
    """Make a bundle, in TFLite and without loss unless something else is said."""
    asked = {"format": "tflite", "recipe": "fp32", **options}
    return deploy_checkpoint(source, out, DeployOptions(task=task, **asked)).bundle


def texts(shared: Path, most: int) -> list[str]:
    with (shared / "classification" / "crosswoz_intent" / "dev.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line)["text"][:most] for line in islice(lines, INPUTS)]


# task -> inputs that a model of 40 positions takes, out of real texts
ASKED: dict[str, Callable[[str], Any]] = {
    "feature-extraction": lambda text: text,
    "fill-mask": lambda text: f"{text[:5]}[MASK]{text[5:]}",
    "text-generation": lambda text: text[:9],
    "text-classification": lambda text: (text[:10], text[10:]),
    "token-classification": lambda text: text,
    "question-answering": lambda text: (text[:6], text),
    "multiple-choice": lambda text: {"context": text[:9], "choices": [text[9:15], text[15:] or "无", text[:4]]},
}


@pytest.mark.parametrize("task", TASKS)
def test_real_inputs_have_equal_answers(shared_data: Path, tmp_path: Path, task: str) -> None:
    onnx = bundle_of(task, tmp_path, "fp32")
    tflite = deploy(tmp_path / "checkpoint", tmp_path / "tflite", task)
    fixed = deploy(tmp_path / "checkpoint", tmp_path / "fixed", task, lengths=(12, 40))
    asked = [ASKED[task](text) for text in texts(shared_data, 22)]
    options = {"max_new_tokens": 3} if task == "text-generation" else {}
    with (
        load(onnx, threads=1) as one,
        load(tflite, threads=1, self_test=True) as other,
        load(fixed, threads=1) as third,
    ):
        wanted = one(asked, batch_size=8, **options)
        assert len(wanted) == INPUTS
        assert other.backend_report().engine == "ai-edge-litert"
        for found in (other(asked, batch_size=8, **options), third(asked, batch_size=1, **options)):
            if task == "feature-extraction":
                far = max(float(np.abs(a - b).max()) for a, b in zip(wanted, found, strict=True))
                assert far < 1e-4
            else:
                assert _tokens(found) == _tokens(wanted)


def _tokens(answers: Any) -> Any:
    """What is answered, without scores."""
    if isinstance(answers, (list, tuple)):
        return [_tokens(answer) for answer in answers]
    kept = ("label", "token", "text", "new_text", "start", "end", "answer", "choice", "index", "entity")
    return {name: value for name, value in vars(answers).items() if name in kept}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The embedded checkpoint in both formats, and for runtimes of 2023."""
    folder = tmp_path_factory.mktemp("demo")
    with embedded_checkpoint() as checkpoint:
        return {
            "onnx": deploy(checkpoint, folder / "onnx", format="onnx"),
            "fp32": deploy(checkpoint, folder / "fp32"),
            "int8": deploy(checkpoint, folder / "int8", recipe="int8-dynamic"),
            "old": deploy(checkpoint, folder / "old", recipe="int8-dynamic", runtime="tflite-2.14"),
            "fixed": deploy(checkpoint, folder / "fixed", recipe="int8-dynamic", lengths=(8, 16, 32)),
        }


@pytest.fixture(scope="module")
def sentences() -> list[str]:
    with embedded_evaluation() as path:
        return [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()]


def test_all_sentences_of_the_demo_have_the_same_label_in_every_bundle(demo, sentences) -> None:
    logits = {}
    for name, bundle in demo.items():
        with load(bundle, threads=1) as classify:
            logits[name] = classify.logits(sentences)
    spread = logits["onnx"].std()
    assert np.abs(logits["fp32"] - logits["onnx"]).max() < 1e-4
    for name in ("int8", "old", "fixed"):
        assert (logits[name].argmax(1) == logits["onnx"].argmax(1)).all()
        assert np.abs(logits[name] - logits["onnx"]).max() < 0.15 * spread
    # the same arithmetic, whatever the operators
    assert np.abs(logits["old"] - logits["int8"]).max() < 0.02 * spread
    assert np.abs(logits["fixed"] - logits["int8"]).max() < 0.02 * spread


def test_a_text_longer_than_the_longest_length_is_refused_or_cut(demo) -> None:
    with load(demo["fixed"]) as classify:
        assert classify.max_length == 32
        assert classify.model.lengths == (8, 16, 32)
        with pytest.raises(TextTooLongError, match="tokens, special tokens included, and the model takes 32 at most"):
            classify("今天" * 40)
        assert classify("今天" * 40, truncation=True).label


def test_an_engine_that_refuses_the_bundle_is_told_of_in_a_sentence(demo, monkeypatch) -> None:
    monkeypatch.setattr(backend, "engine", lambda: ("tflite-runtime", "2.14.0"))
    message = "Didn't find op for builtin opcode 'EMBEDDING_LOOKUP' version '4'."

    class Old:
        def __init__(self, **options: object) -> None:
            raise ValueError(message)

    real = backend._module()
    monkeypatch.setattr(
        backend, "_module", lambda: type("Module", (), {"Interpreter": Old, "OpResolverType": real.OpResolverType})
    )
    with pytest.raises(
        BackendError,
        match=r"tflite-runtime 2\.14\.0 cannot load the model: Didn't find op .*; tflite-runtime 2\.14\.0 is none of "
        r"the engines that the bundle was made for: install ai-edge-litert 1\.4 or newer, or deploy for this "
        r"engine \(DeployOptions\(runtime='tflite-2\.14'\)\)",
    ):
        load(demo["int8"])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"lengths": (16, 8)}, OptionError, "lengths must be ascending whole numbers of at least 3"),
        ({"lengths": (2,)}, OptionError, "lengths must be ascending whole numbers of at least 3"),
        ({"lengths": (16, 100000)}, OptionError, "at most [0-9]+, the model's number of positions"),
        (
            {"runtime": "tflite-1"},
            UnknownNameError,
            "unknown runtime of the format tflite 'tflite-1'; choose one of: litert-2",
        ),
        ({"index_dtype": "int64"}, UnknownNameError, "unknown index dtype of TFLite 'int64'; choose one of: int32"),
        ({"recipe": "int8-dynamic", "preset": "arm"}, OptionError, "preset must be left out: tflite computes alike"),
    ],
)
def test_what_cannot_be_had_is_one_clear_error(tmp_path: Path, options: dict, error: type, message: str) -> None:
    with embedded_checkpoint() as checkpoint, pytest.raises(error, match=message):
        deploy(checkpoint, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_the_command_line_makes_and_answers_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "bundle"
    with embedded_checkpoint() as checkpoint:
        code = main(
            ["deploy", str(checkpoint), "--format", "tflite", "--lengths", "16,32", "--out", str(out), "--json"]
        )
    assert code == 0
    assert json.loads(capsys.readouterr().out)["format"] == "tflite"
    assert main(["run", str(out), "把客厅的灯打开", "--delegate", "npu,cpu"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["label"]
    assert "note: not used: npu: " in captured.err


def test_one_file_is_a_model_and_a_bundle(tmp_path: Path) -> None:
    with embedded_checkpoint() as checkpoint:
        file = deploy(checkpoint, tmp_path / "intent.tflite", recipe="int8-dynamic")
        assert file == tmp_path / "intent.tflite"
        with pytest.raises(BundleError, match="exists already"):
            deploy(checkpoint, file)
        with pytest.raises(BundleError, match="the bundle is one of onnx"):
            deploy(checkpoint, tmp_path / "other.tflite", format="onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["intent.tflite"]
    with zipfile.ZipFile(file) as archive:
        assert {"manifest.json", "vocab.txt", "labels.txt"} <= set(archive.namelist())
        labels = archive.read("labels.txt").decode().splitlines()
    with load(file, self_test=True) as classify:
        assert classify("把客厅的灯打开").label in labels
    # an engine that knows nothing of bundles
    ids = np.array([[2, 7, 3]], np.int32)
    feeds = {"input_ids": ids, "attention_mask": ids**0, "token_type_ids": 0 * ids}
    alone = backend.LiteRTSession(file)
    assert alone.run(feeds)["logits"].shape == (1, len(labels))
