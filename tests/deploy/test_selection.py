"""``for_this_machine`` on a real model: what is recorded decides, and the bundle is an ordinary one."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Collection
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from roformer_edge import load
from roformer_edge.cli.main import main
from roformer_edge.deploy import selection
from roformer_edge.deploy.candidates import CHOSEN, EQUALLY_QUICK, as_choice, name_of
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import Deployment, DeployOptions
from roformer_edge.errors import BackendError, BudgetExceededError, OptionError
from roformer_edge.runtime.bench import time_in_turns
from roformer_edge.runtime.session import SessionOptions
from roformer_edge.validate.report import read_report
from tests.runtime.tiny_tasks import bundle_of, write_task
from tests.tiny_checkpoint import TEXTS, labelled, write_checkpoint

NAMES = [
    "onnx int8-dynamic x86",
    "onnx int8-dynamic x86-vnni",
    "tflite int8-dynamic",
    "onnx int8-attention x86",
    "onnx int8-attention x86-vnni",
    "onnx fp32",
    "tflite fp32",
]


class Stages:
    """Keeps the names of stages."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def stage(self, name: str) -> None:
        self.names.append(name)

    def step(self, done: int, total: int | None) -> None:
        assert total is None or done <= total


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("selection") / "checkpoint")


@pytest.fixture(autouse=True)
def vnni(monkeypatch) -> None:
    monkeypatch.setattr("roformer_edge.deploy.candidates.detect_preset", lambda: "x86-vnni")


def timed_as(monkeypatch, milliseconds: list[float]) -> None:
    """Let each candidate take so long at every length, whatever it takes."""

    def pretend(runs, rounds, **_):
        for run in runs:
            run()
        return np.tile(np.array(milliseconds) / 1000, (rounds, len(runs) // len(milliseconds)))

    monkeypatch.setattr(selection, "time_in_turns", pretend)


def chosen(made: Deployment) -> str:
    assert made.selection is not None
    assert [one.verdict for one in made.selection.tried].count(CHOSEN) == 1
    return made.selection.chosen.name


def test_the_report_shows_what_was_tried(checkpoint, tmp_path, monkeypatch) -> None:
    timed_as(monkeypatch, [9.0] * (len(NAMES) - 1) + [1.0])
    data = labelled(tmp_path / "data.jsonl", repeat=2)
    options = DeployOptions(for_this_machine=True, evaluation=data, max_drop=1000.0, report=tmp_path / "report")
    made = deploy_checkpoint(checkpoint, tmp_path / "out", options)
    report = read_report(tmp_path / "report" / "report.json")
    assert report.choice == as_choice(made.selection) == made.report.choice
    assert [row[:3] for row in report.choice.rows] == [
        (one.format, one.recipe, one.preset or "") for one in made.selection.tried
    ]
    assert [row[3] for row in report.choice.rows].count(CHOSEN) == 1
    assert report.choice.head[-report.choice.figures] == "MB"
    assert "int8-static" in [name for name, _ in report.choice.left_out]
    for name in ("report.html", "report.md"):
        page = (tmp_path / "report" / name).read_text("utf-8").replace("<wbr>", "")
        assert "Chosen by measurement" in page
        assert "9.00 times as long" in page
        assert "it needs texts to measure ranges on" in page


def test_what_was_recorded_decides_and_is_told_everywhere(checkpoint, tmp_path) -> None:
    stages = Stages()
    options = DeployOptions(for_this_machine=True, threads=1)
    made = deploy_checkpoint(checkpoint, tmp_path / "out", options, progress=stages)
    found = made.selection
    assert [one.name for one in found.tried] == NAMES
    assert (found.texts, found.lengths) == ("a mix that stands for texts, as many of 16 tokens", (16,))
    assert [one.within for one in found.tried] == [one.error <= found.tried[0].error for one in found.tried]
    quickest = min(one.latency for one in found.tried if one.within)
    assert found.chosen.within
    assert found.chosen.latency <= EQUALLY_QUICK * quickest
    assert [name for name in stages.names if name.startswith("candidate")] == [
        f"candidate {number}/{len(NAMES)}, {name}" for number, name in enumerate(NAMES, 1)
    ]
    told = made.to_dict()["selection"]
    assert told == json.loads((tmp_path / "out/recipe.json").read_text("utf-8"))["selection"]
    assert len(told["tried"]) == len(NAMES)
    card = (tmp_path / "out/README.md").read_text("utf-8")
    assert "## Chosen for one machine" in card
    assert card.count("int8-dynamic") >= 3
    assert "int8-static: it needs texts" in card
    with load(made.bundle) as classify:
        assert len(classify(list(TEXTS[:3]))) == 3


@pytest.mark.parametrize("number", range(len(NAMES)), ids=NAMES)
def test_the_bundle_is_made_again_by_its_recipe(checkpoint, tmp_path, monkeypatch, number) -> None:
    times = [9.0] * len(NAMES)
    times[number] = 1.0
    timed_as(monkeypatch, times)
    data = labelled(tmp_path / "data.jsonl", repeat=2)
    # with a budget that all keep
    options = DeployOptions(for_this_machine=True, evaluation=data, max_drop=1000.0)
    made = deploy_checkpoint(checkpoint, tmp_path / "one", options)
    assert chosen(made) == NAMES[number]
    assert made.manifest.measured.data == "data.jsonl, the half that nothing was chosen by"
    assert made.selection.examples + made.report.data.examples == 2 * len(TEXTS)
    again = DeployOptions(format=made.manifest.format, recipe=str(tmp_path / "one/recipe.json"))
    deploy_checkpoint(checkpoint, tmp_path / "two", again)
    model = f"model.{made.manifest.format}"
    assert (tmp_path / "one" / model).read_bytes() == (tmp_path / "two" / model).read_bytes()
    one, two = (json.loads((tmp_path / name / "recipe.json").read_text("utf-8")) for name in ("one", "two"))
    del one["selection"]
    assert one == two


def test_what_is_beyond_the_bound_is_not_chosen_though_it_is_the_quickest(checkpoint, tmp_path, monkeypatch) -> None:
    timed_as(monkeypatch, [2.0, 1.5, 1.0])
    honest = selection._errors
    factors = (2.0, 1.0, 99.0)
    monkeypatch.setattr(
        selection,
        "_errors",
        lambda *args: [(one, factor * error) for factor, (one, error) in zip(factors, honest(*args), strict=True)],
    )
    made = deploy_checkpoint(checkpoint, tmp_path / "out", DeployOptions(for_this_machine=True, recipe="int8-dynamic"))
    assert [one.name for one in made.selection.tried] == NAMES[:3]
    assert chosen(made) == NAMES[1]
    assert "more than" in made.selection.tried[2].verdict
    assert made.manifest.format == "onnx"
    assert json.loads((made.bundle / "recipe.json").read_text("utf-8"))["preset"] == "x86-vnni"


def test_where_no_candidate_keeps_the_budget_nothing_is_written(checkpoint, tmp_path, monkeypatch) -> None:
    timed_as(monkeypatch, [1.0] * 3)
    data = labelled(tmp_path / "data.jsonl", repeat=2)
    honest = selection._scored

    def lossy(*args):
        return selection.replace(honest(*args), drop=7.0, high=8.0)

    monkeypatch.setattr(selection, "_scored", lossy)
    options = DeployOptions(for_this_machine=True, recipe="int8-dynamic", evaluation=data, max_drop=1.0)
    with pytest.raises(BudgetExceededError, match=r"none of 3 candidates keeps the drop of accuracy within 1 points"):
        deploy_checkpoint(checkpoint, tmp_path / "out", options)
    assert not (tmp_path / "out").exists()


def test_a_candidate_that_cannot_be_run_is_left_out_unless_it_is_the_usual_one(
    checkpoint, tmp_path, monkeypatch
) -> None:
    honest = selection.opened_in_engine

    def failing(artifact, row, threads):
        if row.name in refused:
            raise BackendError("the engine refuses it")
        return honest(artifact, row, threads)

    monkeypatch.setattr(selection, "opened_in_engine", failing)
    refused = ["tflite"]
    made = deploy_checkpoint(checkpoint, tmp_path / "out", DeployOptions(for_this_machine=True))
    assert [one.format for one in made.selection.tried] == ["onnx"] * 5
    left = {one.name: one.reason for one in made.selection.left_out}
    assert left["tflite fp32"] == left["tflite int8-dynamic"] == "the engine refuses it"
    refused = ["onnx"]
    with pytest.raises(BackendError, match="the engine refuses it"):
        deploy_checkpoint(checkpoint, tmp_path / "other", DeployOptions(for_this_machine=True))


def overflowing(monkeypatch, names: Collection[str], rows: Callable[[np.ndarray], bool] = lambda ids: True) -> None:
    """Let candidates answer some rows with infinity, as one whose numbers are too large for its type does."""
    honest = selection._open

    @contextmanager
    def opening(work, candidate):
        with honest(work, candidate) as opened:
            if name_of(candidate) in names:
                run = opened.session.run

                def infinite(feeds, *args):
                    found = run(feeds, *args)
                    broken = rows(feeds["input_ids"])
                    return {name: values + np.float32(np.inf) if broken else values for name, values in found.items()}

                monkeypatch.setattr(opened.session, "run", infinite)
            yield opened

    monkeypatch.setattr(selection, "_open", opening)


@pytest.mark.parametrize("budget", [False, True])
@pytest.mark.parametrize("names", [NAMES[1:2], NAMES[:1], NAMES[:4]], ids=len)
def test_a_candidate_whose_outputs_are_not_finite_is_set_aside_with_its_reason(
    checkpoint, tmp_path, monkeypatch, names, budget
) -> None:
    left = [name for name in NAMES if name not in names]
    timed_as(monkeypatch, [1.0] * len(left))
    overflowing(monkeypatch, names)
    data = {"evaluation": labelled(tmp_path / "data.jsonl", repeat=2), "max_drop": 1000.0} if budget else {}
    made = deploy_checkpoint(checkpoint, tmp_path / "out", DeployOptions(for_this_machine=True, **data))
    assert [one.name for one in made.selection.tried] == left
    assert chosen(made) in left
    reasons = {one.name: one.reason for one in made.selection.left_out}
    assert {name for name, why in reasons.items() if "not finite numbers" in why} == set(names)
    card = (tmp_path / "out/README.md").read_text("utf-8")
    assert card.count("not finite numbers") == len(names)
    with load(made.bundle) as classify:
        assert len(classify(list(TEXTS[:3]))) == 3


def test_outputs_that_overflow_at_some_lengths_alone_are_found(checkpoint, tmp_path, monkeypatch) -> None:
    # the rows that are timed are others than those that are compared
    texts = tmp_path / "texts.jsonl"
    texts.write_text("".join(json.dumps({"text": "好" * (1 + number % 9)}) + "\n" for number in range(90)), "utf-8")
    overflowing(monkeypatch, NAMES[2:3], lambda ids: ids.shape[1] == 11)
    options = DeployOptions(for_this_machine=True, recipe="int8-dynamic", calibration=texts)
    made = deploy_checkpoint(checkpoint, tmp_path / "out", options)
    assert [one.name for one in made.selection.tried] == NAMES[:2]
    assert "not finite numbers" in made.selection.left_out[0].reason


def test_where_no_candidate_gives_finite_numbers_no_budget_is_kept(checkpoint, tmp_path, monkeypatch, capsys) -> None:
    overflowing(monkeypatch, NAMES)
    command = ["deploy", str(checkpoint), "--for-this-machine", "--out", str(tmp_path / "out")]
    assert main(command) == 3
    said = capsys.readouterr()
    assert "none of 7 candidates gives answers that could keep a budget" in said.err
    assert f"{NAMES[-1]}: the graph gave logits that are not finite numbers" in said.err
    assert len(said.err.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_recipe_that_the_task_cannot_have_is_left_out_with_its_reason(tmp_path) -> None:
    write_task("text-generation", tmp_path / "checkpoint")
    options = DeployOptions(task="text-generation", format="onnx", preset="x86", for_this_machine=True)
    found = deploy_checkpoint(tmp_path / "checkpoint", tmp_path / "out", options).selection
    assert [one.name for one in found.tried] == ["onnx int8-dynamic x86", "onnx fp32"]
    left = {one.name: one.reason for one in found.left_out}
    assert "not for models that keep keys and values" in left["onnx int8-attention x86"]


def test_a_file_of_one_format_leaves_no_format_open(checkpoint, tmp_path) -> None:
    with pytest.raises(
        OptionError, match=r"format must be the one whose models are \.tflite files, to write .*one\.tflite"
    ):
        deploy_checkpoint(checkpoint, tmp_path / "one.tflite", DeployOptions(for_this_machine=True))
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_leaves_nothing(checkpoint, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    seen = []

    def interrupted(*_, **__):
        seen.extend(path.name for path in (tmp_path / "scratch").rglob("model.*"))
        raise KeyboardInterrupt

    monkeypatch.setattr(selection, "time_in_turns", interrupted)
    with pytest.raises(KeyboardInterrupt):
        deploy_checkpoint(checkpoint, tmp_path / "out", DeployOptions(for_this_machine=True))
    assert sorted(seen) == ["model.onnx"] * 5 + ["model.tflite"] * 2
    assert [path.name for path in tmp_path.rglob("*")] == ["scratch"]


def test_lengths_and_threads_are_the_users(checkpoint, tmp_path, monkeypatch) -> None:
    threads: list[int | None] = []
    clocks = []
    monkeypatch.setattr(
        "roformer_edge.export.trial.SessionOptions",
        lambda **asked: threads.append(asked["threads"]) or SessionOptions(**asked),
    )

    def counted(runs, rounds, **asked):
        clocks.append(asked["clock"])
        return time_in_turns(runs, 5, clock=iter(range(1000000)).__next__)

    monkeypatch.setattr(selection, "time_in_turns", counted)
    data = labelled(tmp_path / "data.jsonl", repeat=2)
    options = DeployOptions(for_this_machine=True, threads=2, recipe="fp32", calibration=data)
    found = deploy_checkpoint(checkpoint, tmp_path / "out", options).selection
    assert threads == [2, 2]
    assert clocks == [time.perf_counter]
    assert found.texts == "data.jsonl"
    with load(tmp_path / "out") as classify:
        lengths = {len(classify.model.encode(text, truncation=False).ids) for text in TEXTS}
    assert set(found.lengths) <= lengths
    assert sum(found.shares) == pytest.approx(1)
    # one tick between two looks at the clock
    assert {one.latencies for one in found.tried} == {(1000.0,) * len(found.lengths)}


@pytest.mark.parametrize("task", ["fill-mask", "text-generation", "multiple-choice", "question-answering"])
def test_every_kind_of_output_is_compared(task, tmp_path) -> None:
    bundle = bundle_of(task, tmp_path, "int8-dynamic", {"for_this_machine": True})
    found = json.loads((bundle / "recipe.json").read_text("utf-8"))["selection"]["tried"]
    assert [one["format"] for one in found] == ["onnx", "onnx", "tflite"]
    assert all(0 < one["error"] < 1 for one in found)
