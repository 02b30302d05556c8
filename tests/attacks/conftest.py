from __future__ import annotations

from tests.tiny_bundle import bundle

__all__ = ["bundle"]
