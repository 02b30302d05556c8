"""Every task is measured: one row and one file each, and from a checkpoint to a report on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from roformer_edge.cli.main import main
from roformer_edge.errors import ComparisonError, UnknownNameError
from roformer_edge.tasks import TASKS
from roformer_edge.validate import tasks
from roformer_edge.validate.report import Report
from roformer_edge.validate.tasks import MEASURES, VARIANTS, measure_of
from roformer_edge.validate.tasks.measure import Detail, Measure
from tests.runtime.tiny_tasks import bundle_of
from tests.tiny_checkpoint import write_lines

LABELS = {0: "O", 1: "B-甲", 2: "I-甲"}
# measure -> (changes of the config, labelled lines, the figure that a budget is for)
CASES: dict[str, tuple[dict, list[dict], str]] = {
    "feature-extraction": ({}, [{"text": text} for text in ("今天天气好", "好", "把灯打开")], "cosine similarity"),
    "fill-mask": (
        {},
        [{"text": "今天天气[MASK]", "answers": "好"}, {"text": "把客厅的灯打开"}],
        "masked-token accuracy",
    ),
    "text-generation": ({}, [{"text": "今天天气好"}, {"text": "把灯打开"}], "next-token accuracy"),
    "text-classification": (
        {"id2label": LABELS},
        [{"sentence1": "今天天气好", "sentence2": "好", "label": "O"}, {"text": "好", "label": 1}],
        "accuracy",
    ),
    "text-classification/multi-label": (
        {"id2label": LABELS, "problem_type": "multi_label_classification"},
        [{"text": "今天天气好", "labels": ["O", "B-甲"]}, {"text": "好", "labels": []}],
        "micro-F1",
    ),
    "text-classification/regression": (
        {"id2label": {0: "score"}, "problem_type": "regression"},
        [{"text": "今天", "text_pair": "好", "score": 1.5}, {"text": "好", "score": 0}, {"text": "灯", "score": 4}],
        "Pearson",
    ),
    "token-classification": (
        {"id2label": LABELS},
        [
            {"text": "今天天气好", "entities": [{"start": 0, "end": 2, "label": "甲"}]},
            {"tokens": ["今天", "好"], "tags": ["B-甲", "O"]},
        ],
        "F1",
    ),
    "question-answering": (
        {},
        [
            {"question": "几点", "context": "现在今天天气好", "answers": [{"text": "今天", "start": 2}]},
            {"question": "好", "context": "把灯打开" * 20, "answers": ["灯"]},  # longer than the model reads at once
        ],
        "F1",
    ),
    "multiple-choice": (
        {},
        [
            {"context": "今天", "choices": ["好", "不好"], "label": 0},
            {"context": "今天", "question": "几点", "choices": ["好", "不好", "打开"], "label": "打开"},
        ],
        "accuracy",
    ),
}


def test_every_task_has_its_row_and_every_row_its_file():
    assert {measure.task for measure in MEASURES.values()} == TASKS.keys()
    assert {name.partition("/")[2] for name in MEASURES} - {""} == set(VARIANTS.values())
    modules = {measure.__module__.rpartition(".")[2] for measure in MEASURES.values()}
    assert len(modules) == len(MEASURES)
    files = {path.stem for path in Path(tasks.__file__).parent.glob("*.py")}
    assert files == modules | {"__init__", "measure", "language_model"}
    assert CASES.keys() == MEASURES.keys()


@pytest.mark.parametrize("name", MEASURES)
def test_every_measure_says_what_reports_need(name):
    measure = MEASURES[name](("a", "b"))
    assert measure.name == name
    assert issubclass(measure.detail, Detail)
    assert measure.metrics[0].unit == "percent"  # a budget is in points
    assert len({metric.name for metric in measure.metrics}) == len(measure.metrics)
    assert {"broke", "drifted"} <= measure.effects.keys()


def test_what_cannot_be_measured_is_refused(monkeypatch):
    with pytest.raises(UnknownNameError, match="unknown task 'ranking'"):
        measure_of("ranking")
    monkeypatch.setattr(tasks, "MEASURES", {name: row for name, row in MEASURES.items() if name != "fill-mask"})
    with pytest.raises(ComparisonError, match="what is lost in fill-mask cannot be measured; measured are: feature"):
        measure_of("fill-mask")


def test_a_row_is_all_that_a_task_needs(monkeypatch):
    """Common code reaches a task through its row alone: none of it names another measure."""
    package = Path(tasks.__file__).parents[1]
    named = {measure.__name__ for measure in MEASURES.values()}
    for path in package.rglob("*.py"):
        if path.parent.name != "tasks":
            assert not named & set(path.read_text(encoding="utf-8").split()), path


@pytest.fixture(scope="module", params=CASES)
def case(request, tmp_path_factory):
    """A bundle in int8 with its checkpoint, labelled data, and what the report must be called."""
    name = request.param
    folder = tmp_path_factory.mktemp(name.replace("/", "-"))
    changes, lines, figure = CASES[name]
    bundle_of(name.partition("/")[0], folder, "int8-dynamic", **changes)
    return name, folder, write_lines(folder / "dev.jsonl", lines), figure


def test_validate_measures_every_task(case, capsys):
    name, folder, data, figure = case
    words = ["--reference", folder / "checkpoint", "--data", data, "--report", folder / "report", "--slice", "length"]
    assert main(list(map(str, ["validate", folder / "bundle", *words, "--max-drop", "100"]))) == 0
    values = json.loads((folder / "report" / "report.json").read_text(encoding="utf-8"))
    report = Report.from_dict(values)
    assert (report.measure, report.gated.name, report.passed) == (name, figure, True)
    assert report.timing.candidate.p50 > 0
    assert report.candidate.memory.peak is None or report.candidate.memory.peak > 20e6
    assert sum(part.examples for part in report.slices) == report.data.examples
    assert len(report.figures) == len(report.slices[0].figures)
    # int8 of a model of a few kilobytes: the answers moved, and not by much
    assert report.agreement.share >= 0.5
    assert figure.lower() in capsys.readouterr().out.lower()
    for form in ("md", "html"):
        assert figure in (folder / "report" / f"report.{form}").read_text(encoding="utf-8")


def test_deploy_states_the_loss_of_every_task(case):
    name, folder, data, figure = case
    words = ["--task", name.partition("/")[0], "--eval", data, "--max-drop", "100", "--out", folder / "measured"]
    assert main(list(map(str, ["deploy", folder / "checkpoint", *words, "--overwrite"]))) == 0
    measured = json.loads((folder / "measured" / "manifest.json").read_text(encoding="utf-8"))["measured"]
    assert (measured["metric"], measured["examples"]) == (figure, len(CASES[name][1]))
    assert measured["drop"] == pytest.approx(measured["reference"] - measured["candidate"], abs=1e-6)


def test_answers_do_not_depend_on_the_batch(case):
    from roformer_edge.validate.data.examples import read_examples
    from roformer_edge.validate.openers import open_predictor

    name, folder, data, _ = case
    side = open_predictor(folder / "checkpoint", task=name.partition("/")[0])
    measure = measure_of(name.partition("/")[0], side.labels, side.problem_type)
    examples = list(read_examples(data, measure))
    inputs = [example.inputs for example in examples]
    single, batched = (measure.collect(side, inputs, side.answer(inputs, batch_size=size)) for size in (1, 8))
    rows = [measure.statistics(examples, answers, single) for answers in (single, batched)]
    np.testing.assert_allclose(rows[0].astype(float), rows[1].astype(float), atol=1e-3)
    assert all(side.find_problem(value) is None for value in inputs)


def test_a_measure_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        Measure()
