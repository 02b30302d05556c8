"""Run a model that is still in memory: for parity, calibration and self-test vectors, before anything is written."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roformer_edge.runtime.backends.litert import LiteRTSession
from roformer_edge.runtime.session import SessionOptions


class ModelSession:
    """The runtime's session on a temporary file.

    Args:
        pieces: Of the model file.
        threads: Of the engine.
    """

    def __init__(self, pieces: Iterable[bytes | memoryview], threads: int = 1) -> None:
        folder = tempfile.mkdtemp(prefix="roformer-edge-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        path = Path(folder) / "model.tflite"
        with path.open("wb") as file:
            file.writelines(pieces)
        # the engine maps the file: its weights are not in memory twice
        self._session = LiteRTSession(path, SessionOptions(threads=threads))

    def __call__(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Run once.

        Args:
            feeds: Integers by input name, ``[rows, sequence]``; in a task with choices either that, or
                ``[batch, choices, sequence]``.

        Returns:
            Arrays by output name.
        """
        axes = len(self._session.inputs[0].axes)
        shaped = {name: _shaped(np.asarray(array), axes) for name, array in feeds.items()}
        return dict(self._session.run(shaped))


def _shaped(array: NDArray[Any], axes: int) -> NDArray[Any]:
    """Make every row a text of one choice where the model wants choices."""
    return array[:, None] if array.ndim < axes else array
