"""What ``demo`` does, from the embedded checkpoint to answers, without a network."""

from __future__ import annotations

import socket
from contextlib import nullcontext

import pytest

from roformer_edge import load
from roformer_edge.demo import journey
from roformer_edge.demo.embedded import embedded_evaluation
from roformer_edge.demo.journey import MAX_DROP, SENTENCES, run_demo
from roformer_edge.errors import MissingDependencyError
from roformer_edge.formats import FORMATS
from roformer_edge.validate.data.examples import read_examples
from roformer_edge.validate.tasks import measure_of

# what the sentences mean, in their order
MEANINGS = [
    "HassTurnOn",
    "HassTurnOn",
    "HassClimateSetTemperature",
    "HassGetState",
    "HassStartTimer",
    "HassMediaNext",
    "HassVacuumReturnToBase",
    "HassGetWeather",
    "HassNevermind",
]


class Stages:
    def __init__(self) -> None:
        self.names: list[str] = []

    def stage(self, name: str) -> None:
        self.names.append(name)

    def step(self, done: int, total: int | None) -> None:
        assert total is None or 0 <= done <= total


@pytest.fixture(scope="module")
def out_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def stages():
    return Stages()


@pytest.fixture(scope="module")
def demo(out_dir, stages):
    def refuse(*_: object) -> None:
        raise AssertionError("the demo asked for the network")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        patch.setattr(socket, "getaddrinfo", refuse)
        return run_demo(out_dir, stages)


def test_writes_a_bundle_of_every_format_and_one_report(demo, out_dir):
    assert [deployment.bundle for deployment in demo.deployments] == [out_dir / name for name in FORMATS]
    assert [deployment.manifest.format for deployment in demo.deployments] == list(FORMATS)
    assert {path.name for path in demo.report_files} == {"report.json", "report.md", "report.html"}
    assert all(path.parent == out_dir / "report" and path.stat().st_size > 0 for path in demo.report_files)
    assert not demo.left_out


def test_tells_how_far_it_is(demo, stages):
    assert stages.names
    assert len(set(stages.names)) == len(stages.names)


@pytest.mark.parametrize("number", range(len(FORMATS)), ids=FORMATS)
def test_int8_is_measured_on_the_whole_evaluation_set_and_within_the_budget(demo, number):
    report = demo.reports[number]
    with embedded_evaluation() as path:
        assert report.data.examples == sum(
            1 for _ in read_examples(path, measure_of(report.task, report.detail.labels))
        )
    assert report.budget == MAX_DROP
    assert report.passed
    assert report.agreement.share >= 0.99
    assert report.figure("accuracy").candidate >= 0.85
    # the bundle's own record is of the same data
    measured = demo.deployments[number].manifest.measured
    assert (measured.candidate, measured.drop) == (100 * report.gated.candidate, report.gated.drop)


def test_answers_are_right(demo):
    assert [sentence for sentence, _ in demo.answers] == list(SENTENCES)
    assert [[answer.label for answer in answers] for _, answers in demo.answers] == [
        [m] * len(FORMATS) for m in MEANINGS
    ]


def test_start_and_memory_are_those_of_processes(demo):
    assert all(min(start.seconds) > 0 and start.peak_bytes > 1e7 for start in demo.cold_starts)
    assert len(demo.cold_starts) == len(FORMATS)


def test_sentences_are_not_in_the_evaluation_set(demo):
    with embedded_evaluation() as path:
        measure = measure_of("text-classification", demo.reports[0].detail.labels)
        texts = {example.inputs["text"] for example in read_examples(path, measure)}
    assert not texts & set(SENTENCES)


def test_runtime_is_as_accurate_as_the_report_says(demo):
    for report, deployment in zip(demo.reports, demo.deployments, strict=True):
        classify = load(deployment.bundle)
        with embedded_evaluation() as path:
            examples = list(read_examples(path, measure_of(report.task, report.detail.labels)))
        answers = classify([example.inputs["text"] for example in examples], batch_size=1)
        right = sum(a.label == example.gold for a, example in zip(answers, examples, strict=True))
        pairs = report.gated.paired
        assert right == pairs.both + pairs.only_candidate


@pytest.fixture
def few(monkeypatch, tmp_path):
    """A fortieth of the evaluation set, so that a demo is quick."""
    with embedded_evaluation() as path:
        few = tmp_path / "few.jsonl"
        few.write_text("".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[::40]), encoding="utf-8")
    monkeypatch.setattr(journey, "embedded_evaluation", lambda: nullcontext(few))


def test_a_second_demo_replaces_the_first(few, demo, out_dir):
    again = run_demo(out_dir)
    assert [one.bundle for one in again.deployments] == [one.bundle for one in demo.deployments]
    assert again.reports[0].data.examples < demo.reports[0].data.examples
    assert [answers[0].label for _, answers in again.answers] == MEANINGS


def test_a_format_without_its_engine_is_left_out_and_said(few, monkeypatch, tmp_path):
    deploy = journey.deploy_checkpoint

    def without_an_engine(source, out, options, **rest):
        if options.format == "tflite":
            raise MissingDependencyError("ai-edge-litert", "tflite", "to run a TFLite model")
        return deploy(source, out, options, **rest)

    monkeypatch.setattr(journey, "deploy_checkpoint", without_an_engine)
    demo = run_demo(tmp_path / "demo")
    assert [deployment.manifest.format for deployment in demo.deployments] == ["onnx"]
    (line,) = demo.left_out
    assert line.startswith("tflite: ")
    assert "roformer-edge[tflite]" in line
