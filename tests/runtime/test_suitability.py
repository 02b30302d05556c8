"""A bundle whose integers are those for another processor says so when it is loaded."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from roformer_edge import load
from roformer_edge.bundle.reader import open_bundle
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.errors import SelfTestError, command_line_words
from roformer_edge.processors import detect_preset
from roformer_edge.quantize.presets import PRESETS
from roformer_edge.runtime import suitability
from roformer_edge.runtime.bench import BenchOptions, bench_bundle
from roformer_edge.runtime.session import BackendReport
from roformer_edge.runtime.suitability import Suitability, suitability_of
from tests.tiny_checkpoint import write_checkpoint

PROCESSOR = BackendReport(engine="onnxruntime", version="1", used="CPU")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bundles of one checkpoint, by the name of their preset or of their recipe."""
    folder = tmp_path_factory.mktemp("suitability")
    checkpoint = write_checkpoint(folder / "checkpoint")
    for preset in PRESETS:
        deploy_checkpoint(checkpoint, folder / preset, DeployOptions(preset=preset))
    deploy_checkpoint(checkpoint, folder / "fp32", DeployOptions(recipe="fp32"))
    deploy_checkpoint(checkpoint, folder / "tflite", DeployOptions(format="tflite"))
    return folder


def on(monkeypatch, machine: str) -> None:
    monkeypatch.setattr(suitability, "detect_preset", lambda: machine)


def said(bundle: Path) -> Suitability:
    with open_bundle(bundle) as opened:
        return suitability_of(opened, PROCESSOR)


@pytest.mark.parametrize(
    ("preset", "machine", "doubt", "remark"),
    [
        ("x86", "x86", None, None),
        ("x86", "x86-vnni", None, "bounded for processors without VNNI"),
        ("x86", "arm", None, "those for x86, and this processor is of another kind"),
        ("x86-vnni", "x86", "those for x86-vnni, and this processor is not known to add", None),
        ("x86-vnni", "x86-vnni", None, None),
        ("x86-vnni", "arm", None, "those for x86-vnni"),
        ("arm", "x86", "those for arm, and this processor is not known", None),
        ("arm", "x86-vnni", None, "those for arm"),
        ("arm", "arm", None, None),
        ("fp32", "x86-vnni", None, None),
        ("tflite", "arm", None, None),
    ],
)
def test_every_preset_on_every_machine(folder, monkeypatch, preset, machine, doubt, remark) -> None:
    on(monkeypatch, machine)
    found = said(folder / preset)
    for lines, expected in ((found.doubts, doubt), (found.remarks, remark)):
        assert len(lines) == (expected is not None)
        assert all(expected in line and f"DeployOptions(preset='{machine}')" in line for line in lines)
    with command_line_words():
        told = said(folder / preset)
    assert all(f"deploy --preset {machine}" in line for line in (*told.doubts, *told.remarks))


def test_every_pair_is_thought_of() -> None:
    pairs = {(preset, machine) for preset in PRESETS for machine in PRESETS if preset != machine}
    assert pairs == {*suitability._REMARKS, *suitability._DOUBTS}
    assert not {*suitability._REMARKS} & {*suitability._DOUBTS}


def test_a_remark_is_shown_and_the_answers_are_not_doubted(folder, monkeypatch, caplog) -> None:
    on(monkeypatch, "x86-vnni")
    with caplog.at_level(logging.INFO, "roformer_edge.runtime"), load(folder / "x86") as classify:
        report = classify.backend_report()
    (note,) = report.remarks
    assert report.notes == ()
    assert "bounded for processors without VNNI" in note
    assert report.self_test is None
    assert [record.levelname for record in caplog.records if record.message == note] == ["INFO"]
    assert bench_bundle(folder / "x86", BenchOptions(lengths=(4,), runs=1, cold_starts=0)).notes == (note,)
    with load(folder / "x86-vnni") as classify:
        assert classify.backend_report().remarks == ()


def test_a_doubt_is_settled_by_the_recorded_answers(folder, tmp_path, monkeypatch, caplog) -> None:
    on(monkeypatch, "x86")
    with caplog.at_level(logging.INFO, "roformer_edge.runtime"), load(folder / "x86-vnni") as classify:
        report = classify.backend_report()
    (note,) = report.notes
    assert "sums may saturate" in note
    # this machine computes them right, whatever it is told to be
    assert report.self_test is not None
    assert [record.levelname for record in caplog.records if record.message == note] == ["WARNING"]

    def other(model, test):
        raise SelfTestError("the answers are not those recorded")

    monkeypatch.setattr("roformer_edge.runtime.self_test.run_self_test", other)
    with pytest.raises(
        SelfTestError, match=r"not those recorded; the integers are those for x86-vnni, .* sums may sat"
    ):
        load(folder / "x86-vnni")
    load(folder / "x86").close()


@pytest.mark.parametrize("content", [b"", b"[]", b'{"preset": 3}', b'{"preset": "of tomorrow"}', b"{}"], ids=repr)
def test_a_recipe_that_tells_nothing_is_no_hindrance(monkeypatch, content) -> None:
    class Told:
        manifest = type("Manifest", (), {"format": "onnx", "find": lambda self, role: role == "recipe"})()

        def read_bytes(self, role: str) -> bytes:
            assert role == "recipe"
            return content

    on(monkeypatch, "x86")
    assert suitability_of(Told(), PROCESSOR) == Suitability()  # type: ignore[arg-type]


def test_of_another_than_the_processor_there_is_nothing_to_say(folder, monkeypatch) -> None:
    on(monkeypatch, "x86")
    with open_bundle(folder / "x86-vnni") as opened:
        assert suitability_of(opened, PROCESSOR).doubts
        elsewhere = BackendReport(engine="onnxruntime", version="1", used="a delegate", on_processor=False)
        assert suitability_of(opened, elsewhere) == Suitability()


def test_the_preset_is_the_one_in_the_recipe(folder) -> None:
    for preset in PRESETS:
        assert json.loads((folder / preset / "recipe.json").read_text("utf-8"))["preset"] == preset
    assert detect_preset() in PRESETS
