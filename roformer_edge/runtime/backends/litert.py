"""LiteRT, under any of the names that its interpreter has had: ai_edge_litert, tflite_runtime, tensorflow.lite."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from roformer_edge.errors import BackendError, MissingDependencyError, UnknownNameError, advice
from roformer_edge.processors import processor_kind, usable_cores
from roformer_edge.runtime.backends.tflite_check import check_tflite
from roformer_edge.runtime.delegates import (
    BUILTIN,
    CPU,
    DELEGATES,
    PROCESSOR,
    XNNPACK,
    Wish,
    is_library,
    name_of,
    options_of,
)
from roformer_edge.runtime.feeds import fit_feeds
from roformer_edge.runtime.mapped_file import MappedFile, let_go_of_pages, mappings_of
from roformer_edge.runtime.session import BackendReport, SessionOptions
from roformer_edge.signatures import DEFAULT, PAST, POSITIONS, PRESENT, Signature, TensorSpec

if TYPE_CHECKING:
    from roformer_edge.runtime.weight_cache import WeightCache

# package -> the module that holds its interpreter, and its distribution; the first that is installed runs the model
ENGINES = {
    "ai_edge_litert": ("ai_edge_litert.interpreter", "ai-edge-litert"),
    "tflite_runtime": ("tflite_runtime.interpreter", "tflite-runtime"),
    # not tensorflow.lite, which is a package without the names that tf.lite shows
    "tensorflow": ("tensorflow.lite.python.interpreter", "tensorflow"),
}
# engines whose XNNPACK packs all weights again whenever a length changes
_SLOW_TO_RESIZE = ("tflite-runtime",)
# after so many tokens the pages of their embeddings are let go of: it costs less than a hundredth of their computing
_TOKENS_OF_PAGES = 512
# what the engine raises, whatever is wrong; a library that is not there is an OSError
_ENGINE_ERRORS = (RuntimeError, ValueError)


class LiteRTSession:
    """A model loaded by LiteRT; implements ``roformer_edge.runtime.session.Session``.

    An interpreter computes one call at a time, so that threads that call at once wait for each other: a second one
    would hold all weights once more.

    Args:
        model: The path of a ``.tflite`` file, which is mapped, or its bytes.
        options: How to run it. Memory arenas, spinning and levels of optimisation are not LiteRT's to choose: what is
            asked of these is reported as a fallback.
        session: Options of the engine that the answers depend on, as a bundle keeps them; LiteRT has none.

    Raises:
        BackendError: The engine refuses the model, nothing of what is asked for can compute it, or a session option is
            set.
        BundleIntegrityError: The model has buffers in other files.
        MissingDependencyError: There is no engine.
        UnknownNameError: A delegate is none of the table, and no library.
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
        package, version = engine()
        self._lock = Lock()
        self._package = package
        self._name = f"{package} {version}"
        check_tflite(model, f"{self._name} cannot load the model")
        self._threads = options.threads or usable_cores()
        self._mapped = None if isinstance(model, bytes) else MappedFile(Path(model))
        self._mappings: tuple[tuple[int, int], ...] | None = None
        self._tokens_of_pages = 0
        self._compiled = False
        self._source = {"model_content": model} if isinstance(model, bytes) else {"model_path": str(model)}
        self._interpreter: Any
        used, refused = self._open(options.delegates or (CPU,))
        try:
            self._runners = {
                key: self._interpreter.get_signature_runner(key) for key in self._interpreter.get_signature_list()
            }
            self.signatures = {key: _signature(runner) for key, runner in self._runners.items()}
        except _ENGINE_ERRORS as error:  # names in a damaged file are no text, or of nothing
            raise BackendError(f"{self._name} cannot read the model's signatures: {one_line(error)}") from None
        if options.weight_cache is not None:
            refused += self._take_packed_weights(options.weight_cache, used)
        self._report = BackendReport(
            engine=package,
            version=version,
            asked=tuple(map(name_of, options.delegates or ())),
            used=used,
            on_processor=used in PROCESSOR,
            fallbacks=(*refused, *_without_effect(options)),
            threads=self._threads,
        )

    @property
    def report(self) -> BackendReport:
        """What computes the model; the number of partitions is known from the first run on."""
        with self._lock:
            return replace(self._report, partitions=_partitions(self._interpreter))

    def run(self, feeds: Mapping[str, NDArray[Any]], signature: str = DEFAULT) -> dict[str, NDArray[np.float32]]:
        """Run the graph once; see ``Session.run``."""
        # the engine takes arrays of other shapes too, and computes something else with them
        fitted = fit_feeds(feeds, self.signatures, signature)
        if any(array.size == 0 for name, array in fitted.items() if not name.startswith(f"{PAST}.")):
            raise BackendError(f"there is nothing to compute in feeds of {_shapes(fitted)}")
        with self._lock:
            if self._interpreter is None:
                raise BackendError("the session is closed")
            if self._mapped is not None:
                self._mapped.check_unchanged()
            try:
                outputs = dict(self._runners[signature](**fitted))
            except _ENGINE_ERRORS as error:
                raise BackendError(
                    f"{self._name} could not run the model on {_shapes(fitted)}: {one_line(error)}"
                ) from None
            if self._mapped is not None:
                self._mapped.check_unchanged()
            self._let_go(fitted["input_ids"].size)
            return outputs

    def close(self) -> None:
        """Free the model's memory."""
        with self._lock:
            self._runners = {}
            self._interpreter = None
            if self._mapped is not None:
                self._mapped.close()

    def _take_packed_weights(self, cache: WeightCache, used: str) -> list[str]:
        """Let the engine's other interface compute, with weights packed before; or return the reason why not."""
        from roformer_edge.runtime.backends.litert_compiled import CompiledModel

        reason = self._why_not_packed(used)
        if reason is None and self._mapped is not None:
            try:
                weights = cache.open(f"{self._name} {processor_kind()}")
                compiled = CompiledModel(self._mapped.path, weights, self._threads)
                self._runners = compiled.runners()
            except OSError as error:
                reason = f"cannot write to {cache.folder}: {error.strerror or error}"
            except _ENGINE_ERRORS as error:
                cache.discard()
                reason = f"{self._name} refuses it: {one_line(error)}"
            else:
                self._interpreter, self._compiled = compiled, True
        return [] if reason is None else [f"weight_cache: {reason}"]

    def _why_not_packed(self, used: str) -> str | None:
        from roformer_edge.runtime.backends.litert_compiled import packs_weights

        if used not in (CPU, XNNPACK):
            return f"{used} packs none that could be kept"
        if not packs_weights(self._package):
            return f"{self._name} cannot start with packed weights; ai-edge-litert 2.3 or newer can"
        if any(spec.name.startswith(f"{PAST}.") for one in self.signatures.values() for spec in one.inputs):
            return "with it the engine takes no empty cache of keys and values, which generation begins with"
        if self._mapped is None:
            return "the model was loaded from an archive into memory; load the unpacked bundle"
        return None

    def _let_go(self, tokens: int) -> None:
        """Take pages of the mapped file out of memory that are not needed again.

        After the first run the delegate has packed the weights, and the file is read for embeddings only: of these a
        token brings up to 200 KB into memory, since the system maps much around a row.
        """
        if self._mapped is None:
            return
        self._tokens_of_pages += tokens
        if self._mappings is None:
            # without a delegate every run reads all of it
            self._mappings = mappings_of(self._mapped.path) if self._compiled or _partitions(self._interpreter) else ()
        elif self._tokens_of_pages < _TOKENS_OF_PAGES:
            return
        # the interpreter is there, and with it what it has mapped
        let_go_of_pages(self._mappings)
        self._tokens_of_pages = 0

    def _open(self, wishes: tuple[Wish, ...]) -> tuple[str, list[str]]:
        """Open an interpreter with the first wish that can be had.

        Returns:
            What it is with, and why it is not with those before.
        """
        refused = []
        for wish in wishes:
            name = name_of(wish)
            if name not in DELEGATES and not is_library(name):
                raise UnknownNameError("delegate of LiteRT", name, (*DELEGATES, "the path of a library"))
            try:
                self._interpreter = self._with(wish)
            except _RefusedError as refusal:
                refused.append(f"{name}: {refusal}")
            else:
                return name, refused
        raise BackendError(
            f"{self._name} can use nothing of what is asked for: {'; '.join(refused)}; with {CPU!r} at the end of the "
            "list the processor computes then"
        )

    def _with(self, wish: Wish) -> Any:
        """Open an interpreter with one wish.

        Raises:
            _RefusedError: It cannot be had.
            BackendError: The engine refuses the model.
        """
        name = name_of(wish)
        if name == BUILTIN:
            return self._interpreter_with(experimental_op_resolver_type=_resolver_without_delegates())
        if name in (CPU, XNNPACK):
            interpreter = self._interpreter_with()
            if self._package in _SLOW_TO_RESIZE and _takes_any_length(interpreter):
                if name == XNNPACK:
                    raise _RefusedError(f"this engine packs all weights again for every length; {_fixed()}")
                return self._interpreter_with(experimental_op_resolver_type=_resolver_without_delegates())
            if name == XNNPACK and not _allocated(interpreter):
                raise _RefusedError("this build of the engine is without it, or it takes no part of the model")
            return interpreter
        row = DELEGATES.get(name)
        libraries = (name,) if row is None else row.libraries
        if not libraries:
            raise _RefusedError("LiteRT has no such delegate that Python can load")
        if row is not None and row.fixed_lengths and _takes_any_length(self._interpreter_with()):
            raise _RefusedError(f"it needs to know the number of tokens; {_fixed()}")
        delegate = _load_delegate(libraries, options_of(wish))
        try:
            return self._interpreter_with(experimental_delegates=[delegate])
        except BackendError as error:
            raise _RefusedError(str(error)) from None

    def _interpreter_with(self, **options: Any) -> Any:
        try:
            return _module().Interpreter(**self._source, num_threads=self._threads, **options)
        except _ENGINE_ERRORS as error:
            raise BackendError(f"{self._name} cannot load the model: {one_line(error)}") from None


class _RefusedError(Exception):
    """A wish cannot be had; says why."""


def engine() -> tuple[str, str]:
    """Return the package of the engine and its version.

    Raises:
        MissingDependencyError: None is installed.
    """
    package = _package()
    # its own word, and not that of importlib.metadata, which takes longer to import than a bundle's tokenizer
    version = getattr(importlib.import_module(package), "__version__", None)
    return ENGINES[package][1], version if isinstance(version, str) else "unknown"


def one_line(error: Exception, limit: int = 300) -> str:
    """Cut an engine's message to its end, without line breaks: messages of one interpreter add up."""
    message = " ".join(str(error).split())
    return message if len(message) <= limit else "..." + message[3 - limit :]


def _package() -> str:
    for package in ENGINES:
        if importlib.util.find_spec(package) is not None:
            return package
    raise MissingDependencyError("ai-edge-litert", "tflite", "to run a TFLite model")


def _module() -> Any:
    return importlib.import_module(ENGINES[_package()][0])


def _resolver_without_delegates() -> Any:
    module = _module()
    types = module.OpResolverType if hasattr(module, "OpResolverType") else module.experimental.OpResolverType
    return types.BUILTIN_WITHOUT_DEFAULT_DELEGATES


def _load_delegate(libraries: tuple[str, ...], options: Mapping[str, str]) -> Any:
    """Load the first library that is there."""
    module = _module()
    load = module.load_delegate if hasattr(module, "load_delegate") else module.experimental.load_delegate
    reasons = []
    for library in libraries:
        try:
            # first here: of a library that is not there the engine leaves half an object, which complains to the end
            ctypes.CDLL(library)
            return load(library, options)
        except (OSError, *_ENGINE_ERRORS) as error:
            reasons.append(one_line(error) or f"{library} could not be loaded")
    raise _RefusedError("; ".join(reasons))


def _takes_any_length(interpreter: Any) -> bool:
    return any(-1 in one["shape_signature"] for one in interpreter.get_input_details())


def _allocated(interpreter: Any) -> bool:
    """Let the engine distribute the graph, and tell whether a delegate took a part of it."""
    interpreter.allocate_tensors()
    return _partitions(interpreter) != 0


def _partitions(interpreter: Any) -> int | None:
    """Count the parts of the graph that a delegate computes; the engine has no public way to tell."""
    details: Callable[[], list[dict[str, Any]]] | None = getattr(interpreter, "_get_ops_details", None)
    if details is None:
        return None
    try:
        return sum(1 for one in details() if one["op_name"] == "DELEGATE")
    except _ENGINE_ERRORS:  # it tells names of inner tensors too, which need not be text
        return None


def _without_effect(options: SessionOptions) -> list[str]:
    """List what was asked for and is not LiteRT's to choose."""
    usual = SessionOptions()
    asked = (("arena", options.arena), ("spinning", options.spinning), ("optimization", options.optimization))
    return [f"{name}={value!r}: LiteRT has no such choice" for name, value in asked if value != getattr(usual, name)]


def _signature(runner: Any) -> Signature:
    inputs, outputs = runner.get_input_details(), runner.get_output_details()
    cached = any(name.startswith(f"{PAST}.") for name in inputs)
    open_axes = {POSITIONS: "positions", PAST: "past", PRESENT: "total"} | (
        {"attention_mask": "total"} if cached else {}
    )
    return Signature(inputs=_specs(inputs, open_axes), outputs=_specs(outputs, open_axes))


def _specs(details: Mapping[str, Mapping[str, Any]], open_axes: Mapping[str, str]) -> tuple[TensorSpec, ...]:
    """Describe inputs or outputs.

    Args:
        details: What the engine tells, which sorts by name; here they are in the order in which the file has them.
        open_axes: Beginning of a name -> what the axis of any size is called; others run over tokens.
    """

    def spec(name: str, one: Mapping[str, Any]) -> TensorSpec:
        free = open_axes.get(name.partition(".")[0], "sequence")
        axes = tuple(free if size < 0 else str(size) for size in one["shape_signature"])
        return TensorSpec(name=name, dtype=np.dtype(one["dtype"]).name, axes=axes)

    ordered = sorted(details.items(), key=lambda item: int(item[1]["index"]))
    return tuple(spec(name, one) for name, one in ordered)


def _shapes(feeds: Mapping[str, NDArray[Any]]) -> str:
    # those of a cache are many and alike
    shown = {name: array for name, array in feeds.items() if not name.startswith(f"{PAST}.")}
    return ", ".join(f"{name} {list(array.shape)}" for name, array in shown.items())


def _fixed() -> str:
    return "deploy for fixed ones " + advice(python="(DeployOptions(lengths=))", command="(deploy --lengths)")
