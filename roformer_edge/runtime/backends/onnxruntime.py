"""ONNX Runtime."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as binding

from roformer_edge.errors import BackendError
from roformer_edge.formats import version_tuple
from roformer_edge.processors import usable_cores
from roformer_edge.runtime.backends.outside_data import refuse_outside_onnx
from roformer_edge.runtime.backends.weights_in_place import without_weights
from roformer_edge.runtime.delegates import CPU, DELEGATES, PROCESSOR, name_of, options_of
from roformer_edge.runtime.feeds import fit_feeds
from roformer_edge.runtime.mapped_file import MappedFile
from roformer_edge.runtime.session import BackendReport, SessionOptions
from roformer_edge.signatures import DEFAULT, Signature, TensorSpec

# The session options that a bundle may set: entries of the engine's session configuration, by their names there. Others
# may write files or load code, so that a bundle that asks for them is refused.
SESSION_OPTIONS = ("optimization.disable_specified_optimizers",)

_LEVELS = {
    "none": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
}
_ON_PROCESSOR = "CPUExecutionProvider"
# where the engine looks for weights beside a model that it is given as bytes, since 1.22
_FOLDER = "session.model_external_initializers_file_folder_path"
_LOOKS_BESIDE = (1, 22)
# the engine refuses longer values of its options
_LONGEST_FOLDER = 1024
_DTYPES = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(double)": "float64"}
# errors are raised too, and said in one line by whoever catches them
_FATAL_ONLY = 4

# The binding's exceptions have no base of their own, and their number grows with versions.
_ENGINE_ERRORS: tuple[type[Exception], ...] = (
    *(item for item in vars(binding).values() if isinstance(item, type) and issubclass(item, Exception)),
    RuntimeError,
    ValueError,
)


class OnnxRuntimeSession:
    """A graph loaded by ONNX Runtime; implements ``roformer_edge.runtime.session.Session``.

    Args:
        model: The path of an ``.onnx`` file, whose large weights are mapped where the engine can, or its bytes.
        options: How to run it.
        session: Options of the engine that the answers depend on, as a bundle keeps them.

    Raises:
        BackendError: The engine refuses the graph, has nothing of what is asked for, or a session option is none
            that a bundle may set.
        BundleIntegrityError: The graph has tensors in other files.
    """

    def __init__(
        self,
        model: str | Path | bytes,
        options: SessionOptions | None = None,
        session: Mapping[str, str] | None = None,
    ) -> None:
        options = options or SessionOptions()
        usable, missing = _split_delegates(options)
        refuse_outside_onnx(model, f"onnxruntime {ort.__version__} cannot load the graph")
        self._session: ort.InferenceSession | None
        self._mapped: MappedFile | None
        self._session, self._mapped = _open(model, lambda: _session_options(options, session or {}), usable)
        started = self._session.get_providers()
        idle = [name for name in map(name_of, usable) if name not in started]
        wanted = [name for name in map(name_of, usable) if name in started]
        if not wanted:
            raise BackendError(f"{', '.join(idle)} could not be started by onnxruntime {ort.__version__}")
        self.report = BackendReport(
            engine="onnxruntime",
            version=str(ort.__version__),
            asked=tuple(map(name_of, options.delegates or ())),
            used=wanted[0],
            on_processor=any(wanted[0] in DELEGATES[name].providers for name in PROCESSOR),
            fallbacks=(
                *(f"{name}: not in this build of onnxruntime" for name in missing),
                *(f"{name}: could not be started" for name in idle),
                *(("weight_cache: onnxruntime has none",) if options.weight_cache else ()),
            ),
            threads=options.threads,
        )
        try:
            self._outputs = tuple(map(_spec, self._session.get_outputs()))
            inputs = tuple(map(_spec, self._session.get_inputs()))
        except _ENGINE_ERRORS as error:  # names in a damaged file are no text
            raise BackendError(f"onnxruntime cannot read the model's signature: {one_line(error)}") from None
        self.signatures = {DEFAULT: Signature(inputs=inputs, outputs=self._outputs)}

    def run(self, feeds: Mapping[str, NDArray[Any]], signature: str = DEFAULT) -> dict[str, NDArray[np.float32]]:
        """Run the graph once; see ``Session.run``."""
        session, mapped = self._session, self._mapped
        if session is None:
            raise BackendError("the session is closed")
        if mapped is not None:
            mapped.check_unchanged()
        try:
            values = session.run(None, fit_feeds(feeds, self.signatures, signature))
        except _ENGINE_ERRORS as error:
            raise BackendError(f"onnxruntime could not run the graph: {one_line(error)}") from None
        if mapped is not None:
            mapped.check_unchanged()
        return {spec.name: value for spec, value in zip(self._outputs, values, strict=True)}

    def close(self) -> None:
        """Free the graph's memory."""
        # a run that is going on in another thread keeps both until its end
        self._session = self._mapped = None


def engine() -> tuple[str, str]:
    """Return the package of the engine and its version."""
    return "onnxruntime", str(ort.__version__)


def available_providers() -> tuple[str, ...]:
    """Return the providers in this build of the engine."""
    return tuple(ort.get_available_providers())


def one_line(error: Exception, limit: int = 300) -> str:
    """Cut an engine's message to its beginning, without line breaks."""
    message = " ".join(str(error).split())
    return message if len(message) <= limit else message[: limit - 3] + "..."


def _split_delegates(options: SessionOptions) -> tuple[list[Any], list[str]]:
    """Translate what is asked for into providers that this build has, and list what it has none for."""
    available = available_providers()
    usable: list[Any] = []
    missing: list[str] = []
    for wish in options.delegates or (CPU,):
        row = DELEGATES.get(name_of(wish))
        # a name that is not in the table is one of the engine's own
        provider = next((name for name in (row.providers if row else (name_of(wish),)) if name in available), None)
        if provider is None:
            missing.append(name_of(wish))
        elif provider not in map(name_of, usable):
            usable.append((provider, options_of(wish)) if options_of(wish) else provider)
    if not usable:
        raise BackendError(
            f"this build of onnxruntime {ort.__version__} has none of {', '.join(missing)}; "
            f"it has: {', '.join(available)}"
        )
    return usable, missing


def _session_options(options: SessionOptions, entries: Mapping[str, str]) -> ort.SessionOptions:
    native = ort.SessionOptions()
    native.intra_op_num_threads = options.threads or usable_cores()
    native.inter_op_num_threads = 1
    native.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    native.graph_optimization_level = _LEVELS[options.optimization]
    native.enable_cpu_mem_arena = options.arena
    native.log_severity_level = _FATAL_ONLY
    native.add_session_config_entry("session.intra_op.allow_spinning", "1" if options.spinning else "0")
    native.add_session_config_entry("session.force_spinning_stop", "1")  # between runs threads sleep
    for name, value in entries.items():
        if name not in SESSION_OPTIONS:
            raise BackendError(
                f"the bundle sets the session option {name!r:.80}, which this version does not know; a bundle may set "
                f"{', '.join(SESSION_OPTIONS)}: upgrade roformer-edge, or make the bundle anew"
            )
        native.add_session_config_entry(name, value)
    return native


def _open(
    model: str | Path | bytes, native: Callable[[], ort.SessionOptions], usable: list[Any]
) -> tuple[ort.InferenceSession, MappedFile | None]:
    """Open a model, with its weights mapped where that can be had.

    Returns:
        The engine's session; and what watches the file, where it is mapped.
    """
    if not isinstance(model, bytes) and usable == [_ON_PROCESSOR]:
        found = _open_mapped(model, native())
        if found is not None:
            return found
    try:
        session = ort.InferenceSession(_readable(model), native(), providers=usable)
    except _ENGINE_ERRORS as error:
        raise BackendError(f"onnxruntime {ort.__version__} cannot load the graph: {one_line(error)}") from None
    return _without_bytes(session), None


def _open_mapped(path: str | Path, native: ort.SessionOptions) -> tuple[ort.InferenceSession, MappedFile] | None:
    # the engine follows no links, and knows no way to a file without a name
    place = Path(os.path.realpath(path))
    if not _can_map(place):
        return None
    # looked at before anything is read of it
    mapped = MappedFile(place)
    model = without_weights(place)
    if model is None:
        return None
    native.add_session_config_entry(_FOLDER, str(place.parent))
    try:
        session = ort.InferenceSession(model, native, providers=[_ON_PROCESSOR])
    except _ENGINE_ERRORS:
        # there are file systems without mappings; what is wrong with the model, if anything, reading it tells
        return None
    mapped.check_unchanged()
    return _without_bytes(session), mapped


def _without_bytes(session: ort.InferenceSession) -> ort.InferenceSession:
    # the binding keeps the bytes to start anew after a failure, which is not how failures are dealt with here
    session._model_bytes = None
    return session


def _readable(model: str | Path | bytes) -> str | bytes:
    """Give the engine a path, or the bytes where it cannot be told the path."""
    if isinstance(model, bytes):
        return model
    try:
        str(model).encode()
    except UnicodeEncodeError:
        return Path(model).read_bytes()
    return str(model)


def _can_map(place: Path) -> bool:
    # on Windows nothing could be renamed over a file that is mapped
    if sys.platform == "win32" or version_tuple(ort.__version__) < _LOOKS_BESIDE or not place.is_file():
        return False
    try:
        return len(str(place.parent).encode()) <= _LONGEST_FOLDER and bool(place.name.encode())
    except UnicodeEncodeError:  # bytes that are no text, which protobuf has no strings of
        return False


def _spec(value: ort.NodeArg) -> TensorSpec:
    dtype = _DTYPES.get(value.type) or value.type.removeprefix("tensor(").removesuffix(")")
    return TensorSpec(
        name=value.name,
        dtype=dtype,
        axes=tuple(str(axis or f"{value.name}_{place}") for place, axis in enumerate(value.shape)),
    )
