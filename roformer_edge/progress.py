"""Progress of long work: the one protocol by which a caller is told, and the listener that ignores it."""

from __future__ import annotations

from typing import Protocol


class ProgressListener(Protocol):
    """Is told how far some work has come."""

    def stage(self, name: str) -> None:
        """Hear that a stage of the work begins; the steps that follow are steps of it."""

    def step(self, done: int, total: int | None) -> None:
        """Hear that ``done`` of ``total`` steps of the stage are finished; ``None`` where the total is not known."""


class Silent:
    """A listener that does nothing."""

    def stage(self, name: str) -> None:
        """Ignore the stage."""

    def step(self, done: int, total: int | None) -> None:
        """Ignore the step."""


SILENT = Silent()
