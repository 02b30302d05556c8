"""LiteRT, under any of the names that its interpreter has had: ai_edge_litert, tflite_runtime, tensorflow.lite.

A graph computes one row at a time. Several rows are computed one after the other: nothing is padded, and all threads
work on each.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roformer_edge.errors import BackendError, MissingDependencyError
from roformer_edge.runtime.feeds import fit_feeds
from roformer_edge.runtime.session import SessionOptions
from roformer_edge.tasks import TensorSpec

# package -> the module that holds its interpreter, and its distribution; the first that is installed runs the model
ENGINES = {
    "ai_edge_litert": ("ai_edge_litert.interpreter", "ai-edge-litert"),
    "tflite_runtime": ("tflite_runtime.interpreter", "tflite-runtime"),
    "tensorflow": ("tensorflow.lite", "tensorflow"),
}
DEFAULT = "default"
PROCESSOR = "XNNPACK"

# what the engine raises, whatever is wrong
_ENGINE_ERRORS = (RuntimeError, ValueError)


class LiteRTSession:
    """A model loaded by LiteRT; implements ``roformer_edge.runtime.session.Session``.

    The interpreter computes one call at a time, so that threads that call at once wait for each other: another
    interpreter would hold all weights once more.

    Args:
        model: The path of a ``.tflite`` file, which is mapped, or its bytes.
        options: How to run it.

    Raises:
        BackendError: The engine refuses the model.
        MissingDependencyError: There is no engine.
    """

    def __init__(self, model: str | Path | bytes, options: SessionOptions | None = None) -> None:
        options = options or SessionOptions()
        self._lock = Lock()
        self._name = "{} {}".format(*engine())
        source = {"model_content": model} if isinstance(model, bytes) else {"model_path": str(model)}
        try:
            interpreter = _interpreter_class()(**source, num_threads=options.threads or 1)
            self._runners = {key: interpreter.get_signature_runner(key) for key in interpreter.get_signature_list()}
        except _ENGINE_ERRORS as error:
            raise BackendError(f"{self._name} cannot load the model: {one_line(error)}") from None
        if DEFAULT not in self._runners:
            raise BackendError(f"the model has the signatures {', '.join(self._runners) or 'none'}, and no {DEFAULT!r}")
        self.inputs = _specs(self._runners[DEFAULT].get_input_details())
        self.outputs = _specs(self._runners[DEFAULT].get_output_details())
        self.provider = PROCESSOR
        self.fallbacks: tuple[str, ...] = ()

    def run(self, feeds: Mapping[str, NDArray[Any]], signature: str = DEFAULT) -> dict[str, NDArray[np.float32]]:
        """Run the graph once for each row; see ``Session.run``."""
        fitted = fit_feeds(feeds, self.inputs)
        shape = next(iter(fitted.values())).shape
        self._check(fitted, shape)
        rows = [
            self._run_row({name: array.reshape(-1, shape[-1])[index] for name, array in fitted.items()}, signature)
            for index in range(int(np.prod(shape[:-1])))
        ]
        if len(rows) == 1:
            return rows[0]
        outputs = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
        # of a row that is one of several choices there is one number
        return {
            name: values.reshape(shape[:-1]) if len(shape) == 3 and values.shape[1:] == (1,) else values
            for name, values in outputs.items()
        }

    def close(self) -> None:
        """Free the model's memory."""
        with self._lock:
            self._runners = {}

    def _check(self, feeds: Mapping[str, NDArray[Any]], shape: tuple[int, ...]) -> None:
        """Refuse what the engine would compute to something else, or refuse in words of its own."""
        for spec in self.inputs:
            found = feeds[spec.name].shape
            if found != shape or len(found) != len(spec.axes):
                raise BackendError(f"the model takes {spec.name} as [{', '.join(spec.axes)}], found the shape {found}")
            if 0 in found:
                raise BackendError(f"{spec.name} of the shape {found} holds nothing to compute")
            if spec.axes[-1].isdecimal() and found[-1] != int(spec.axes[-1]):
                raise BackendError(f"the model takes {spec.axes[-1]} tokens, found {found[-1]}")

    def _run_row(self, feeds: Mapping[str, NDArray[Any]], signature: str) -> dict[str, NDArray[np.float32]]:
        ones = (1,) * (len(self.inputs[0].axes) - 1)
        with self._lock:
            if not self._runners:
                raise BackendError("the session is closed")
            try:
                outputs = self._runners[signature](**{name: row.reshape(*ones, -1) for name, row in feeds.items()})
            except _ENGINE_ERRORS as error:
                raise BackendError(f"{self._name} could not run the model: {one_line(error)}") from None
        return dict(outputs)


def engine() -> tuple[str, str]:
    """Return the package of the engine and its version.

    Raises:
        MissingDependencyError: None is installed.
    """
    for package, (_, distribution) in ENGINES.items():
        if importlib.util.find_spec(package) is not None:
            try:
                return distribution, importlib.metadata.version(distribution)
            except importlib.metadata.PackageNotFoundError:
                return distribution, "unknown"
    raise MissingDependencyError("ai-edge-litert", "tflite", "to run a TFLite model")


def one_line(error: Exception, limit: int = 300) -> str:
    """An engine's message without line breaks and with no more than its end: messages of one interpreter add up."""
    message = " ".join(str(error).split())
    return message if len(message) <= limit else "..." + message[3 - limit :]


def _interpreter_class() -> Any:
    package = next(name for name in ENGINES if importlib.util.find_spec(name) is not None)
    return importlib.import_module(ENGINES[package][0]).Interpreter


def _specs(details: Mapping[str, Mapping[str, Any]]) -> tuple[TensorSpec, ...]:
    """Describe inputs or outputs in the order in which the file defines them; the engine sorts them by name."""
    ordered = sorted(details.items(), key=lambda item: item[1]["index"])
    return tuple(
        TensorSpec(name=name, dtype=np.dtype(one["dtype"]).name, axes=tuple(map(_axis, one["shape_signature"])))
        for name, one in ordered
    )


def _axis(size: int) -> str:
    return "sequence" if size < 0 else str(size)
