"""The measures of the code count what they say."""

from __future__ import annotations

import runpy
from pathlib import Path

from tests.conftest import ROOT

MODULE = runpy.run_path(str(ROOT / "scripts" / "measures.py"))
SOURCE = '''
def outer(a: int, *rest, b: str = "") -> int:
    """A docstring
    of two lines.
    """
    # a comment
    if a and b or rest:
        return 1  # another
    def inner(c):
        return [each for each in c if each]
    return inner(a)  # noqa: X


class Kept:
    def method(self, d: int): ...
'''


def test_a_module_with_known_figures():
    found = MODULE["measures"]({Path("known.py"): SOURCE})
    assert found == {
        "modules": "1",
        "lines": "15",
        "lines of a module, median": "15",
        "lines of a module, most": "15 (known.py)",
        "functions": "3",
        "lines of a function, median": "1",
        "lines of a function, 90 %": "1",
        "lines of a function, most": "5 (known.py: outer)",
        "functions of more than 40 lines": "0",
        "branches of a function, median": "1",
        "branches of a function, most": "3 (known.py: outer)",
        "functions of more than 8 branches": "0",
        "comment lines": "2 (13.3%)",
        "parameters with a type": "3 of 5",
    }
