"""From a checkpoint to an answer, for every task."""

from __future__ import annotations

import ast
import copy
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from roformer_edge.bundle.manifest import Manifest
from roformer_edge.bundle.self_test_vectors import SelfTest
from roformer_edge.errors import (
    BackendError,
    BundleFormatError,
    OptionError,
    SelfTestError,
    TextError,
    UnsupportedModelError,
)
from roformer_edge.runtime.backends import onnxruntime as backend
from roformer_edge.runtime.bench import BenchOptions, bench_bundle
from roformer_edge.runtime.loading import load
from roformer_edge.runtime.self_test import RECORDED
from roformer_edge.tasks import TASKS, get_task
from tests.runtime.tiny_tasks import TOKENIZER, bundle_of, pipeline_of
from tests.tiny_bundle import read_manifest, rewrite_manifest

ASKED: dict[str, Any] = {
    "feature-extraction": "今天天气好",
    "fill-mask": "今天天气[MASK]",
    "text-generation": "今天",
    "text-classification": "今天天气好",
    "token-classification": "今天天气好",
    "question-answering": {"question": "几点", "context": "今天天气好"},
    "multiple-choice": {"context": "今天天气好", "choices": ["把灯打开", "好"]},
}


@pytest.fixture(scope="module", params=["fp32", "int8-dynamic"])
def bundles(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {task: bundle_of(task, tmp_path_factory.mktemp(task), request.param) for task in TASKS}


@pytest.mark.parametrize("task", TASKS)
def test_a_bundle_is_answered_by_the_pipeline_of_its_task(bundles: dict[str, Path], task: str) -> None:
    with load(bundles[task], self_test=True) as pipeline:
        assert type(pipeline) is pipeline_of(task)
        assert pipeline.max_length == 40
        assert pipeline.provider == "CPUExecutionProvider"
        assert pipeline.fallbacks == ()
        answer = pipeline(ASKED[task])
        assert len(pipeline([ASKED[task]] * 3)) == len(list(pipeline(iter([ASKED[task]] * 3)))) == 3
        if task != "feature-extraction":
            assert pipeline([ASKED[task]], batch_size=1) == [answer]
    with pytest.raises(BackendError, match="is closed"):
        pipeline(ASKED[task])


@pytest.mark.parametrize("task", TASKS)
def test_an_answer_can_be_written_as_json(bundles: dict[str, Path], task: str) -> None:
    with load(bundles[task], task=task) as pipeline:
        answers = pipeline([ASKED[task]])[0]
    if task == "feature-extraction":
        assert json.loads(json.dumps(answers.tolist()))
        return
    for answer in answers if isinstance(answers, list) else [answers]:
        written = json.loads(json.dumps(answer.to_dict()))
        assert written == {name: list(value) if type(value) is tuple else value for name, value in vars(answer).items()}
        assert eval(repr(answer), {type(answer).__name__: type(answer)}) == answer


@pytest.mark.parametrize("task", TASKS)
def test_a_pipeline_knows_its_bundle_and_is_loaded_from_it_again(bundles: dict[str, Path], task: str) -> None:
    with load(bundles[task], threads=1, spinning=False) as pipeline:
        assert pipeline.bundle == bundles[task]
        assert isinstance(pipeline.manifest, Manifest)
        assert pipeline.manifest.to_dict() == json.loads((bundles[task] / "manifest.json").read_bytes())
        assert pipeline.recipe == pipeline.manifest.recipe
        assert json.loads(json.dumps(pipeline.backend_report().to_dict()))["threads"] == 1
        copies = [copy.copy(pipeline), copy.deepcopy(pipeline), pickle.loads(pickle.dumps(pipeline))]
        expected = pipeline(ASKED[task])
        shown = repr(pipeline)
    assert shown.startswith(f"{type(pipeline).__name__}({str(bundles[task])!r}, format='onnx', recipe=")
    assert repr(pipeline) == shown.removesuffix(")") + ", closed)"
    for other in copies:
        assert type(other) is type(pipeline)
        assert other.backend_report() == copies[0].backend_report()
        assert other.backend_report().threads == 1
        np.testing.assert_equal(other(ASKED[task]), expected)
        other.close()


@pytest.mark.parametrize("task", TASKS)
def test_the_sample_of_the_card_is_answered(bundles: dict[str, Path], task: str) -> None:
    sample = TASKS[task].sample
    assert f"print(model({sample}))" in (bundles[task] / "README.md").read_text(encoding="utf-8")
    with load(bundles[task]) as pipeline:
        assert isinstance(pipeline(ast.literal_eval(sample)), type(pipeline(ASKED[task])))


@pytest.mark.parametrize("task", TASKS)
def test_a_bundle_of_any_task_can_be_measured(bundles: dict[str, Path], task: str) -> None:
    options = BenchOptions(
        lengths=(8,), batch_sizes=(1, 2), threads=1, runs=2, cold_starts=int(task == "multiple-choice")
    )
    report = bench_bundle(bundles[task], options)
    assert [(point.length, point.batch_size) for point in report.points] == [(8, 1), (8, 2)]
    assert (report.cold_start is not None) == (task == "multiple-choice")


@pytest.mark.parametrize("task", ["fill-mask", "text-generation", "question-answering"])
def test_a_fresh_process_answers_any_task(bundles: dict[str, Path], task: str) -> None:
    report = bench_bundle(bundles[task], BenchOptions(lengths=(8,), batch_sizes=(1,), runs=1, cold_starts=1))
    assert report.cold_start is not None


def test_batches_that_are_never_computed_at_once_are_not_measured(
    bundles: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roformer_edge.runtime.pipelines.base.OUTPUT_BUDGET", 20 * len(TOKENIZER))
    options = BenchOptions(lengths=(8, 32), batch_sizes=(1, 2, 3), runs=1, cold_starts=0)
    report = bench_bundle(bundles["fill-mask"], options)
    assert [(point.length, point.batch_size) for point in report.points] == [(8, 1), (8, 2), (32, 1)]


def test_labels_belong_to_the_tasks_that_answer_with_them(bundles: dict[str, Path]) -> None:
    for task, bundle in bundles.items():
        assert (read_manifest(bundle)["labels"] == []) == (not get_task(task).labelled)
    values = read_manifest(bundles["fill-mask"])
    rewrite_manifest(bundles["fill-mask"], {**values, "labels": ["a", "b"]})
    with pytest.raises(BundleFormatError, match="has other labels than the manifest"):
        load(bundles["fill-mask"])
    rewrite_manifest(bundles["fill-mask"], values)


@pytest.mark.parametrize("task", ["question-answering", "multiple-choice"])
def test_a_model_of_single_texts_is_refused_where_rows_are_pairs(tmp_path: Path, task: str) -> None:
    with pytest.raises(UnsupportedModelError, match=f"config.type_vocab_size is 1, and {task} needs 2"):
        bundle_of(task, tmp_path, "fp32", type_vocab_size=1)


@pytest.mark.parametrize(
    ("task", "arguments"),
    [
        ("question-answering", ("谁？", "我关灯")),
        ("multiple-choice", ("今天", "几点", ["好", "不"])),
        ("text-classification", ("今天", "好")),
    ],
)
def test_texts_in_several_arguments_are_told_how_they_go_into_one(
    bundles: dict[str, Path], task: str, arguments: tuple
) -> None:
    with load(bundles[task]) as pipeline:
        for named in ({}, {"top_k": 2}):
            with pytest.raises(TextError, match=rf"is one argument, a .*tuple of .*found {len(arguments)} arguments"):
                pipeline(*arguments, **named)
        # as the message says
        assert pipeline(arguments, 2) == pipeline(arguments, top_k=2)
        assert isinstance(pipeline(arguments), type(pipeline(arguments, 2)[0]))
        with pytest.raises(OptionError, match="top_k must be a whole number of at least 1"):
            pipeline(arguments, 0)


@pytest.mark.parametrize("task", TASKS)
def test_the_self_test_is_small_and_finds_a_wrong_engine(
    bundles: dict[str, Path], task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = (bundles[task] / "selftest.json").read_bytes()
    assert len(data) < 40 * 3 * RECORDED
    cases = SelfTest.from_json(data).cases
    assert all(1 <= len(values) <= RECORDED for case in cases for values in case.outputs.values())
    assert all((case.pair is not None) == (len(get_task(task).fields) > 1) for case in cases)

    class Zeros(backend.OnnxRuntimeSession):
        def run(self, *asked: object) -> dict:
            return {name: np.zeros_like(values) for name, values in super().run(*asked).items()}

    monkeypatch.setattr(backend, "OnnxRuntimeSession", Zeros)
    with pytest.raises(SelfTestError, match="differ from those recorded"):
        load(bundles[task], self_test=True)
