"""A SavedModel answers what torch does, and converted by tf.lite what our own TFLite model does; or there is none."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from roformer_edge.checkpoint.loading import Checkpoint, load_checkpoint
from roformer_edge.checkpoint.safetensors import write_safetensors
from roformer_edge.cli.main import main
from roformer_edge.export.parity import Parity, Tensors, check_parity, probe_feeds
from roformer_edge.models.torch import heads
from roformer_edge.tasks import TASKS, Task, get_task
from tests.conftest import ROOT
from tests.onnx_export import reference_answers
from tests.runtime.tiny_tasks import TOKENIZER, config
from tests.tflite_export import float_model
from tests.tiny_checkpoint import crf_scores

# case, which begins with its task -> what its config says
CASES: dict[str, dict[str, object]] = {
    **{task: {"output_attentions": True, "return_dict": False} for task in TASKS},
    "token-classification, CRF": {},
    "text-classification, RoFormerV2": {"norm_type": "rms_norm", "use_bias": False, "embedding_size": 24},
    "question-answering, rotated values": {"rotary_value": True, "hidden_size": 30, "num_attention_heads": 3},
}


def task_of(case: str) -> Task:
    return get_task(case.partition(",")[0])


def write_checkpoint(folder: Path, case: str) -> Checkpoint:
    task = task_of(case)
    torch.manual_seed(17)
    shape = config(is_decoder=task.causal).replace(**CASES[case], id2label=dict(enumerate("甲乙丙")))
    model = getattr(heads, task.model_class)(shape)
    for name, parameter in model.named_parameters():
        torch.nn.init.normal_(parameter, mean=float("LayerNorm.weight" in name), std=0.3)
    model.save_pretrained(folder)
    TOKENIZER.save_pretrained(folder)
    if case.endswith("CRF"):
        with load_checkpoint(folder, task) as saved:
            arrays = {**saved.arrays, **crf_scores(3)}
        write_safetensors(folder / "model.safetensors", arrays)
    return open_case(folder, task)


def open_case(folder: Path, task: Task) -> Checkpoint:
    checkpoint = load_checkpoint(folder, task)
    return dataclasses.replace(checkpoint, config=checkpoint.config.replace(return_dict=True))  # for torch here


@dataclass(frozen=True)
class Served:
    """What the environment with TensorFlow made of the checkpoints in ``folder``."""

    folder: Path
    report: dict[str, Any]

    def parity(self, case: str, of: str, expected: list[dict[str, np.ndarray]]) -> Parity:
        """Hold the answers that are called ``of`` to others."""
        task = task_of(case)
        wanted: list[Tensors] = [{spec.name: answers[spec.name] for spec in task.outputs} for answers in expected]
        found = iter([dict(np.load(self.folder / case / of / f"{number}.npz")) for number in range(len(wanted))])
        checkpoint = load_checkpoint(self.folder / case / "checkpoint", task)
        return check_parity(lambda feeds: next(found), wanted, checkpoint.config, task)


@pytest.fixture(scope="module")
def served(frameworks_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Served:
    folder = tmp_path_factory.mktemp("saved")
    for case in CASES:
        checkpoint = write_checkpoint(folder / case / "checkpoint", case)
        (folder / case / "probes").mkdir()
        for number, feeds in enumerate(probe_feeds(checkpoint.config, task_of(case))):
            np.savez(folder / case / "probes" / f"{number}.npz", **feeds)
    # -P: beside the script lie modules that are called like the standard library's
    command = [frameworks_python, "-P", Path(__file__).with_name("saved_model_program.py"), folder]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return Served(folder, json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("case", CASES)
def test_it_answers_what_torch_does(served: Served, case: str) -> None:
    checkpoint = open_case(served.folder / case / "checkpoint", task_of(case))
    expected = reference_answers(checkpoint, task_of(case))
    assert served.parity(case, "saved", expected).absolute_difference < 1e-4


@pytest.mark.parametrize("case", CASES)
def test_tf_lite_makes_of_it_what_our_own_model_answers(served: Served, case: str) -> None:
    pytest.importorskip("ai_edge_litert", reason="the engine is not installed: pip install 'roformer-edge[tflite]'")
    task = task_of(case)
    checkpoint = load_checkpoint(served.folder / case / "checkpoint", task)
    ours = float_model(checkpoint, task).open()
    expected = [ours(feeds) for feeds in probe_feeds(checkpoint.config, task)]
    assert served.parity(case, "converted", expected).absolute_difference < 1e-4


@pytest.mark.parametrize("case", CASES)
def test_its_signature_is_the_tasks(served: Served, case: str) -> None:
    task, found = task_of(case), served.report[case]
    sizes = {"labels": 3, "vocabulary": len(TOKENIZER), "hidden": CASES[case].get("hidden_size", 32)}
    for side, specs in (("inputs", task.inputs), ("outputs", task.outputs)):
        kind = "int32" if side == "inputs" else "float32"
        shapes = {spec.name: tuple(sizes.get(axis) for axis in spec.axes) for spec in specs}
        assert found[side] == sorted(f"{name} {kind} {shape!s}" for name, shape in shapes.items())


def test_what_was_made_is_said(served: Served) -> None:
    done = served.report["fill-mask"]
    assert done["err"] == ""
    out = served.folder / "fill-mask" / "saved_model"
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    first, second = done["out"].splitlines()
    assert first == f"SavedModel: {out} (fill-mask, {size / 1e6:.1f} MB)"
    assert re.fullmatch(r"parity: \S+ absolute, \S+ relative at most, from the Keras model", second)
    made = json.loads(served.report["misuse"]["replaced"]["out"])
    files = (served.folder / "text-classification" / "saved_model").rglob("*")
    assert made["bytes"] == pytest.approx(sum(path.stat().st_size for path in files if path.is_file()), rel=0.01)
    assert (made["format"], made["task"], made["parity"]["checked"]) == ("saved-model", "text-classification", True)


def test_what_is_computed_after_the_graph_is_said(served: Served) -> None:
    note = "note: the SavedModel gives the scores of every token: the transitions of the CRF are not in it"
    assert note in served.report["token-classification, CRF"]["err"].splitlines()


def test_a_text_beyond_the_positions_is_refused(served: Served) -> None:
    assert served.report["too long"] == "InvalidArgumentError"


def test_nothing_is_replaced_unasked_or_left_half_written(served: Served) -> None:
    found = served.report["misuse"]
    assert found["first"] == 0
    assert (found["again"]["code"], found["replaced"]["code"], found["not ours"]["code"]) == (1, 0, 1)
    assert "exists already" in found["again"]["err"]
    assert "is not a SavedModel as this command writes it" in found["not ours"]["err"]
    assert found["kept"] == "mine"
    assert found["other numbers"].startswith("ParityError: the exported graph differs from the reference: tensor 'logi")
    assert found["full"].startswith("OutputError: cannot write ")
    assert found["full"].endswith("No space left on device; nothing was left behind")
    assert found["left"] == ["there", "wide"]


def test_wide_inputs_are_made_where_they_are_asked_for(served: Served) -> None:
    found = served.report["misuse"]
    names = ("attention_mask", "input_ids", "token_type_ids")
    assert found["int64"] == [f"{name} int64 (None, None)" for name in names]
    assert "unknown index dtype 'int8'; choose one of: int32, int64" in found["int8"]["err"]


@pytest.fixture
def refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Export where TensorFlow is not installed; return the one line that is printed."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "tensorflow" else find(name, *rest)
    )

    def run(checkpoint: Path, *options: str) -> str:
        arguments = ["export", str(checkpoint), "--format", "saved-model", "--out", str(tmp_path / "out"), *options]
        assert main(arguments) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert not (tmp_path / "out").exists()
        return line

    return run


def test_without_tensorflow_the_line_to_run_is_said(refused: Callable[..., str], tmp_path: Path) -> None:
    write_checkpoint(tmp_path, "text-classification")
    assert refused(tmp_path) == (
        "roformer-edge: error: tensorflow is needed to write a SavedModel; install it with: "
        "pip install 'roformer-edge[tensorflow]'"
    )


@pytest.mark.parametrize(
    ("option", "words"),
    {
        "--runtime": ["litert-2"],
        "--lengths": ["16,32"],
        "--prune-vocab": ["texts.jsonl"],
        "--fields": ["text=satz"],
        "--no-weights": [],
    }.items(),
)
def test_options_of_bundles_are_refused(
    refused: Callable[..., str], tmp_path: Path, option: str, words: list[str]
) -> None:
    write_checkpoint(tmp_path, "text-classification")
    line = refused(tmp_path, option, *words)
    assert f"{option} must be left out with the format saved-model" in line


def test_what_the_keras_models_do_not_compute_is_refused(refused: Callable[..., str], tmp_path: Path) -> None:
    write_checkpoint(tmp_path, "feature-extraction")
    line = refused(tmp_path, "--task", "feature-extraction", "--pooling", "mean")
    assert "makes one vector of them: export a bundle, or say --pooling tokens" in line
