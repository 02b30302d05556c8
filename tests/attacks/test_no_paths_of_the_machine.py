"""No absolute path of the machine that made a bundle or a report stands in either."""

from __future__ import annotations

from pathlib import Path

from roformer_edge.cli.main import main
from tests.tiny_checkpoint import labelled, write_checkpoint


def mentions(folder: Path, place: Path) -> list[str]:
    written = [path for path in folder.rglob("*") if path.is_file()]
    assert written
    return [path.name for path in written if str(place).encode() in path.read_bytes()]


def test_of_a_deployment_and_a_validation(tmp_path, capsys):
    private = tmp_path / "home" / "zhang"
    checkpoint, data = write_checkpoint(private / "checkpoint"), labelled(private / "dev.jsonl", 3)
    out, reports = tmp_path / "out", tmp_path / "reports"
    options = ["--recipe", "int8-static", "--calibration", data, "--eval", data, "--report", reports / "deploy"]
    deploy = ["deploy", checkpoint, "--out", out, *options]
    assert main(list(map(str, deploy))) == 0, capsys.readouterr().err
    (private / "recipe.json").write_bytes((out / "recipe.json").read_bytes())
    one = tmp_path / "one" / "x.rfe"
    again = ["deploy", checkpoint, "--out", one, "--recipe", private / "recipe.json", "--calibration", data]
    assert main(list(map(str, again))) == 0, capsys.readouterr().err
    validate = ["validate", out, one, "--reference", checkpoint, "--data", data, "--report", reports / "validate"]
    assert main(list(map(str, validate))) == 0, capsys.readouterr().err
    # neither where things came from nor where they went
    for folder in (out, one.parent, reports):
        assert mentions(folder, tmp_path) == []
        assert mentions(folder, Path.home()) == []
