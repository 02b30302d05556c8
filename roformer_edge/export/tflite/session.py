"""Run a model that is still in memory: for parity, calibration and self-test vectors, before anything is written."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roformer_edge.runtime.backends.litert import LiteRTSession
from roformer_edge.runtime.session import SessionOptions
from roformer_edge.signatures import alternatives, choose
from roformer_edge.tasks import Task
from roformer_edge.temporary import scratch_folder


class ModelSession:
    """The runtime's session on a temporary file, for any number of rows of any length that the model holds.

    Args:
        pieces: The pieces of the model file.
        task: Tells which outputs run over positions, and on which side a row is filled up.
        threads: The threads of the engine; ``None`` for all physical cores.

    Raises:
        BackendError: The engine refuses the model.
    """

    def __init__(self, pieces: Iterable[bytes | memoryview], task: Task, threads: int | None = None) -> None:
        stack = ExitStack()
        path = stack.enter_context(scratch_folder()) / "model.tflite"
        weakref.finalize(self, stack.close)
        with path.open("wb") as file:
            file.writelines(pieces)
        # the engine maps the file: its weights are not in memory twice
        self._session = LiteRTSession(path, SessionOptions(threads=threads))
        self._signatures = alternatives(self._session.signatures)
        self._task = task

    def __call__(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Run once.

        Args:
            feeds: Integers by input name, ``[rows, sequence]`` or ``[batch, choices, sequence]``; those that are no
                input are ignored.

        Returns:
            Arrays by output name and by mark, with as many rows.
        """
        ids = np.asarray(feeds["input_ids"])
        rows = {spec.name: np.reshape(feeds[spec.name], (-1, ids.shape[-1])) for spec in self._task.inputs}
        found = [
            self._row({name: array[row] for name, array in rows.items()}) for row in range(ids.size // ids.shape[-1])
        ]
        arrays = {name: np.concatenate([one[name] for one in found]) for name in found[0]}
        for spec in self._task.outputs:
            if "choices" in spec.axes:  # one number for each row
                arrays[spec.name] = arrays[spec.name].reshape(ids.shape[:-1] if ids.ndim == 3 else (-1, 1))
        return arrays

    def _row(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Run one row, filled up to the length of a signature that holds it."""
        length = len(feeds["input_ids"])
        name, width = choose(self._signatures, length)
        padding = (width - length, 0) if self._task.pad_left else (0, width - length)
        kept = slice(width - length, width) if self._task.pad_left else slice(length)
        ones = [1] * (len(self._task.inputs[0].axes) - 1)
        found = self._session.run({key: np.pad(row, padding).reshape(*ones, width) for key, row in feeds.items()}, name)
        running = {spec.name for spec in self._task.outputs if "sequence" in spec.axes}
        marks = found.keys() - {spec.name for spec in self._task.outputs}
        return {
            key: array[:, kept] if key in running or (key in marks and array.ndim == 3) else array
            for key, array in found.items()
        }
