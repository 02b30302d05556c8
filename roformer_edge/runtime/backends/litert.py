"""LiteRT, under any of the names that its interpreter has had: ai_edge_litert, tflite_runtime, tensorflow.lite."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roformer_edge.errors import BackendError, MissingDependencyError
from roformer_edge.runtime.feeds import fit_feeds
from roformer_edge.runtime.session import SessionOptions
from roformer_edge.signatures import DEFAULT, Signature, TensorSpec

# package -> the module that holds its interpreter, and its distribution; the first that is installed runs the model
ENGINES = {
    "ai_edge_litert": ("ai_edge_litert.interpreter", "ai-edge-litert"),
    "tflite_runtime": ("tflite_runtime.interpreter", "tflite-runtime"),
    "tensorflow": ("tensorflow.lite", "tensorflow"),
}
PROCESSOR = "CPU"

# the processors of one core, on Linux
_SIBLINGS = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"

# what the engine raises, whatever is wrong
_ENGINE_ERRORS = (RuntimeError, ValueError)


class LiteRTSession:
    """A model loaded by LiteRT; implements ``roformer_edge.runtime.session.Session``.

    An interpreter computes one call at a time, so that threads that call at once wait for each other: a second one
    would hold all weights once more.

    Args:
        model: The path of a ``.tflite`` file, which is mapped, or its bytes.
        options: How to run it.
        session: Options of the engine that the answers depend on, as a bundle keeps them; LiteRT has none.

    Raises:
        BackendError: The engine refuses the model, or a session option is set.
        MissingDependencyError: There is no engine.
    """

    def __init__(
        self,
        model: str | Path | bytes,
        options: SessionOptions | None = None,
        session: Mapping[str, str] | None = None,
    ) -> None:
        options = options or SessionOptions()
        if session:
            raise BackendError(
                f"the bundle sets the session option {next(iter(session))!r:.80}, and LiteRT has none that a bundle "
                "may set: upgrade roformer-edge, or make the bundle anew"
            )
        self._lock = Lock()
        self._name = " ".join(engine())
        source = {"model_content": model} if isinstance(model, bytes) else {"model_path": str(model)}
        try:
            interpreter = _interpreter_class()(**source, num_threads=options.threads or usable_cores())
            self._runners = {key: interpreter.get_signature_runner(key) for key in interpreter.get_signature_list()}
            self.signatures = {key: _signature(runner) for key, runner in self._runners.items()}
        except _ENGINE_ERRORS as error:
            raise BackendError(f"{self._name} cannot load the model: {one_line(error)}") from None
        self.provider = PROCESSOR
        self.fallbacks: tuple[str, ...] = ()

    def run(self, feeds: Mapping[str, NDArray[Any]], signature: str = DEFAULT) -> dict[str, NDArray[np.float32]]:
        """Run the graph once; see ``Session.run``."""
        # the engine takes arrays of other shapes too, and computes something else with them
        fitted = fit_feeds(feeds, self.signatures, signature)
        if any(array.size == 0 for array in fitted.values()):
            raise BackendError(f"there is nothing to compute in feeds of {_shapes(fitted)}")
        with self._lock:
            if not self._runners:
                raise BackendError("the session is closed")
            try:
                return dict(self._runners[signature](**fitted))
            except _ENGINE_ERRORS as error:
                raise BackendError(
                    f"{self._name} could not run the model on {_shapes(fitted)}: {one_line(error)}"
                ) from None

    def close(self) -> None:
        """Free the model's memory."""
        with self._lock:
            self._runners = {}


def engine() -> tuple[str, str]:
    """Return the package of the engine and its version.

    Raises:
        MissingDependencyError: None is installed.
    """
    distribution = ENGINES[_package()][1]
    try:
        return distribution, importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        # tensorflow has several distributions; importing it for its version alone takes seconds
        return distribution, "unknown"


def usable_cores() -> int:
    """Count the physical cores that this process may use; where the system does not tell, those it has."""
    try:
        usable = os.sched_getaffinity(0)
        return len({Path(_SIBLINGS.format(number)).read_text() for number in usable})
    except (AttributeError, OSError):
        return os.cpu_count() or 1


def one_line(error: Exception, limit: int = 300) -> str:
    """Cut an engine's message to its end, without line breaks: messages of one interpreter add up."""
    message = " ".join(str(error).split())
    return message if len(message) <= limit else "..." + message[3 - limit :]


def _package() -> str:
    for package in ENGINES:
        if importlib.util.find_spec(package) is not None:
            return package
    raise MissingDependencyError("ai-edge-litert", "tflite", "to run a TFLite model")


def _interpreter_class() -> Any:
    return importlib.import_module(ENGINES[_package()][0]).Interpreter


def _signature(runner: Any) -> Signature:
    return Signature(inputs=_specs(runner.get_input_details()), outputs=_specs(runner.get_output_details()))


def _specs(details: Mapping[str, Mapping[str, Any]]) -> tuple[TensorSpec, ...]:
    """Describe inputs or outputs in the order in which the file defines them; the engine sorts them by name."""
    ordered = sorted(details.items(), key=lambda item: int(item[1]["index"]))
    return tuple(
        TensorSpec(name=name, dtype=np.dtype(one["dtype"]).name, axes=tuple(map(_axis, one["shape_signature"])))
        for name, one in ordered
    )


def _axis(size: int) -> str:
    return "sequence" if size < 0 else str(size)


def _shapes(feeds: Mapping[str, NDArray[Any]]) -> str:
    return ", ".join(f"{name} {list(array.shape)}" for name, array in feeds.items())
