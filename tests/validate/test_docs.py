"""The Python in docs/validation.md runs as it stands."""

from __future__ import annotations

import re

from tests.conftest import ROOT


def test_the_examples_of_the_documentation_run(capsys):
    text = (ROOT / "docs" / "validation.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
    assert blocks
    for block in blocks:
        exec(compile(block, "docs/validation.md", "exec"), {})
    assert "longer than 2.5 against longer than 5" in capsys.readouterr().out
