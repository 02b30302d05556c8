"""``demo`` prints what it made, measured and heard; what that is, tests/demo holds."""

from __future__ import annotations

import re
from contextlib import nullcontext

from roformer_edge.demo import journey
from roformer_edge.demo.embedded import embedded_evaluation
from roformer_edge.demo.journey import SENTENCES
from roformer_edge.formats import FORMATS
from tests.cli.conftest import leftovers


def test_everything_is_where_the_output_says(cli, tmp_path, monkeypatch):
    with embedded_evaluation() as path:
        few = tmp_path / "few.jsonl"
        few.write_text("".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[::20]), encoding="utf-8")
    monkeypatch.setattr(journey, "embedded_evaluation", lambda: nullcontext(few))
    out = tmp_path / "demo"
    outcome = cli("demo", "--out", out)
    assert outcome.code == 0, outcome.err
    heard = re.findall(r"^  (.+)  ->  (\w+) \((\d+\.\d) %\), (\w+) \((\d+\.\d) %\)$", outcome.out, re.MULTILINE)
    assert [row[0] for row in heard] == list(SENTENCES)
    assert heard[0][1] == "HassTurnOn"
    assert all(one == other for _, one, _, other, _ in heard)
    assert all(0 < float(share) <= 100 for row in heard for share in (row[2], row[4]))
    for name in FORMATS:
        assert re.search(rf"^{name} .* \d\.\de-\d\d$", outcome.out, re.MULTILINE), name
        assert f"bundle: {out / name}" in outcome.out
    reports = [line.removeprefix("report: ") for line in outcome.out.splitlines() if line.startswith("report: ")]
    assert reports == [str(out / "report" / f"report.{end}") for end in ("json", "md", "html")]
    assert leftovers(out) == sorted([*FORMATS, "report"])
    assert leftovers(out / "report") == ["candidate-1", "candidate-2", "report.html", "report.json", "report.md"]
