"""``bundle``: shown, verified, packed and unpacked."""

from __future__ import annotations

import json

from tests.cli.conftest import rows
from tests.tiny_checkpoint import LABELS, TEXTS


def test_bundles_are_shown_verified_packed_and_unpacked(cli, bundle, tmp_path):
    shown = json.loads(cli("bundle", "show", bundle).out)
    assert shown["labels"] == list(LABELS)
    assert rows(cli("bundle", "verify", bundle))[0]["self_test"] == "CPUExecutionProvider"
    archive, back = tmp_path / "tiny.rfe", tmp_path / "back"
    assert cli("bundle", "pack", bundle, archive).code == 0
    assert rows(cli("run", archive, TEXTS[0])) == rows(cli("run", bundle, TEXTS[0]))
    assert cli("bundle", "unpack", archive, back).code == 0
    assert {path.name: path.read_bytes() for path in back.iterdir()} == {
        path.name: path.read_bytes() for path in bundle.iterdir()
    }
