"""What is told to Python's ``logging``: one tree of loggers, ``roformer_edge``, silent until a program listens.

``logging`` takes longer to import than a bundle's manifest to read. Who listens has imported it; before that there is
nobody to tell.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Literal

    from roformer_edge.progress import ProgressListener

ROOT = "roformer_edge"


def log(place: str, level: Literal["debug", "info", "warning"], message: str, *values: object) -> None:
    """Tell the logger ``roformer_edge.<place>``, where there may be somebody who listens.

    Args:
        place: The part of the package.
        level: How much it matters.
        message: The words, with a ``%s`` for each value.
        values: What goes into them.
    """
    logging = sys.modules.get("logging")
    if logging is None:
        return
    root = logging.getLogger(ROOT)
    if not root.handlers:  # without one, logging itself prints warnings
        root.addHandler(logging.NullHandler())
    logging.getLogger(f"{ROOT}.{place}").log(getattr(logging, level.upper()), message, *values)


class Logged:
    """A :class:`~roformer_edge.progress.ProgressListener` that logs stages, and passes all on to another.

    Args:
        place: The part of the package that works.
        listener: The other one.
    """

    def __init__(self, place: str, listener: ProgressListener) -> None:
        self._place = place
        self._listener = listener

    def stage(self, name: str) -> None:
        """Hear that a new stage begins."""
        log(self._place, "info", "%s", name)
        self._listener.stage(name)

    def step(self, done: int, total: int | None) -> None:
        """Hear that ``done`` of ``total`` steps of the stage are finished."""
        self._listener.step(done, total)
