"""``export``: a float bundle, and what is said of its checkpoint."""

from __future__ import annotations

import json
import shutil

from tests.cli.conftest import leftovers, rows


def test_what_has_no_effect_is_said(cli, checkpoint, tmp_path):
    source = shutil.copytree(checkpoint, tmp_path / "source")
    config = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(json.dumps(config | {"bar": 1, "foo\x1b[0m": [2]}))
    lines = (source / "vocab.txt").read_text(encoding="utf-8").splitlines()
    (source / "vocab.txt").write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")
    outcome = cli("export", source, "--out", tmp_path / "bundle")
    assert outcome.code == 0
    assert outcome.err.splitlines() == [
        "note: config.json: unknown keys without effect: bar, foo\\x1b[0m",
        f"note: the vocabulary in {source} has ids up to {len(lines) - 2} and the model {len(lines)} embeddings: "
        f"rows from {len(lines) - 1} on are never used",
    ]
    assert json.loads((tmp_path / "bundle" / "config.json").read_text())["bar"] == 1


def test_weights_lie_beside_the_graph_unless_they_are_unwanted(cli, checkpoint, tmp_path):
    assert cli("export", checkpoint, "--out", tmp_path / "with").code == 0
    assert cli("export", checkpoint, "--out", tmp_path / "without", "--no-weights").code == 0
    beside, bare = (set(leftovers(tmp_path / name)) for name in ("with", "without"))
    assert beside - bare == {"weights.safetensors"}
    refused = cli("quantize", tmp_path / "without", "--out", tmp_path / "int8")
    assert "holds a graph and not the weights that it was made of" in refused.error


def test_a_machine_reads_one_object(cli, checkpoint, tmp_path):
    (made,) = rows(cli("export", checkpoint, "--out", tmp_path / "bundle", "--json"))
    assert (made["recipe"], made["task"], made["report"]) == ("fp32", "text-classification", [])
    assert made["parity"]["checked"] is True
    assert made["measured"] is None
    files = {path.name: path.stat().st_size for path in (tmp_path / "bundle").iterdir()}
    assert made["bytes"] == sum(files.values()) - files["manifest.json"]
