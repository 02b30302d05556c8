"""What ``demo`` does, from the embedded checkpoint to answers, without a network."""

from __future__ import annotations

import json
import socket
from contextlib import nullcontext

import pytest

from roformer_edge import load
from roformer_edge.cli.main import main
from roformer_edge.demo import journey
from roformer_edge.demo.embedded import embedded_evaluation
from roformer_edge.demo.journey import MAX_DROP, SENTENCES, run_demo
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


def test_writes_bundle_and_report(demo, out_dir):
    assert demo.deployment.bundle == out_dir / "bundle"
    assert {path.name for path in demo.deployment.report_files} == {"report.json", "report.md", "report.html"}
    assert all(path.parent == out_dir / "report" and path.stat().st_size > 0 for path in demo.deployment.report_files)


def test_tells_how_far_it_is(demo, stages):
    assert stages.names
    assert len(set(stages.names)) == len(stages.names)


def test_int8_is_measured_on_the_whole_evaluation_set_and_within_the_budget(demo):
    report = demo.deployment.report
    with embedded_evaluation() as path:
        assert report.data.examples == sum(
            1 for _ in read_examples(path, measure_of(report.task, report.detail.labels))
        )
    assert report.budget == MAX_DROP
    assert report.passed
    assert report.agreement.share >= 0.99
    assert report.figure("accuracy").candidate >= 0.85


def test_answers_are_right(demo):
    assert [sentence for sentence, _ in demo.answers] == list(SENTENCES)
    assert [answer.label for _, answer in demo.answers] == MEANINGS


def test_sentences_are_not_in_the_evaluation_set(demo):
    with embedded_evaluation() as path:
        measure = measure_of("text-classification", demo.deployment.report.detail.labels)
        texts = {example.inputs["text"] for example in read_examples(path, measure)}
    assert not texts & set(SENTENCES)


def test_runtime_is_as_accurate_as_the_report_says(demo):
    report = demo.deployment.report
    classify = load(demo.deployment.bundle)
    with embedded_evaluation() as path:
        examples = list(read_examples(path, measure_of(report.task, report.detail.labels)))
    answers = classify([example.inputs["text"] for example in examples], batch_size=1)
    right = sum(a.label == example.gold for a, example in zip(answers, examples, strict=True))
    pairs = report.gated.paired
    assert right == pairs.both + pairs.only_candidate


def test_a_second_demo_replaces_the_first(monkeypatch, tmp_path, demo, out_dir):
    with embedded_evaluation() as path:
        few = tmp_path / "few.jsonl"
        few.write_text("".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[::40]), encoding="utf-8")
    monkeypatch.setattr(journey, "embedded_evaluation", lambda: nullcontext(few))
    again = run_demo(out_dir)
    assert again.deployment.bundle == demo.deployment.bundle
    assert again.deployment.report.data.examples < demo.deployment.report.data.examples
    assert [answer.label for _, answer in again.answers] == MEANINGS


def test_machines_get_one_object(demo, monkeypatch, capsys):
    monkeypatch.setattr(journey, "run_demo", lambda out, progress: demo)
    assert main(["demo", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["bundle"] == str(demo.deployment.bundle)
    assert [answer["label"] for answer in told["answers"]] == MEANINGS
