"""The one line that a script for transformers has another with our classes."""

from __future__ import annotations

import re

_IMPORT = re.compile(r"^from transformers import (?=(?:\(\n    )?(?:TF|Flax)?RoFormer)", re.MULTILINE)


def with_our_classes(source: str) -> str:
    """Import the classes of RoFormer from ``roformer_edge``; nothing else of a script is changed."""
    changed, count = _IMPORT.subn("from roformer_edge import ", source)
    assert count == 1, f"{count} imports of classes of RoFormer"
    return changed
