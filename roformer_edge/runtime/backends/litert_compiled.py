"""LiteRT's ``CompiledModel``, which can start with weights that were packed before; its ``Interpreter`` cannot."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PACKAGE, _DISTRIBUTION = "ai_edge_litert", "ai-edge-litert"


def packs_weights(distribution: str) -> bool:
    """Tell whether a distribution of the engine has this interface, with an option for packed weights."""
    if distribution != _DISTRIBUTION:
        return False
    try:
        options = importlib.import_module(f"{_PACKAGE}.cpu_options").CpuOptions
    except (ImportError, AttributeError):  # before 2.3
        return False
    return hasattr(options, "xnnpack_weight_cache_path")


class CompiledModel:
    """All signatures of a model, opened with packed weights.

    Args:
        model: The path of a ``.tflite`` file, which is mapped.
        weights: The file of packed weights; where it is not there it is written.
        threads: The threads of one operation.

    Raises:
        RuntimeError: The engine refuses one of them.
    """

    def __init__(self, model: Path, weights: Path, threads: int) -> None:
        parts = {name: importlib.import_module(f"{_PACKAGE}.{name}") for name in _MODULES}
        # no folder: libraries of graphics and neural processors would be loaded from one
        nowhere = str(weights / "nowhere")
        environment = parts["environment"].Environment.create(
            options=parts["environment"].EnvironmentOptions(
                runtime_path=nowhere, compiler_plugin_path=nowhere, dispatch_library_path=nowhere
            )
        )
        options = parts["options"].Options(
            hardware_accelerators=parts["hardware_accelerator"].HardwareAccelerator.CPU,
            cpu_options=parts["cpu_options"].CpuOptions(num_threads=threads, xnnpack_weight_cache_path=str(weights)),
        )
        self._model = parts["compiled_model"].CompiledModel.from_file(
            str(model), options=options, environment=environment
        )

    def runners(self) -> dict[str, CompiledRunner]:
        """Make what calls each signature, by name; they compute one call at a time."""
        names: dict[str, dict[str, list[str]]] = self._model.get_signature_list()
        return {key: CompiledRunner(self._model, key, *one.values()) for key, one in names.items()}


_MODULES = ("compiled_model", "cpu_options", "environment", "hardware_accelerator", "options")


class CompiledRunner:
    """Calls one signature with arrays by name, as the engine's ``SignatureRunner`` is called."""

    def __init__(self, model: Any, key: str, inputs: list[str], outputs: list[str]) -> None:
        self._model, self._key = model, key
        self._index = model.get_signature_index(key)
        self._inputs, self._outputs = inputs, outputs
        self._shapes: list[tuple[int, ...]] = []
        self._given: list[Any] = []
        self._made: list[Any] = []

    def __call__(self, **feeds: NDArray[Any]) -> dict[str, NDArray[np.float32]]:
        """Compute the outputs, float32 arrays by name.

        Raises:
            RuntimeError: The engine failed, or does not take these shapes.
        """
        shapes = [feeds[name].shape for name in self._inputs]
        if shapes != self._shapes:
            self._resize(shapes)
        for buffer, name in zip(self._given, self._inputs, strict=True):
            buffer.write(np.ascontiguousarray(feeds[name]))
        self._model.run_by_index(self._index, self._given, self._made)
        return {name: _read(buffer) for name, buffer in zip(self._outputs, self._made, strict=True)}

    def _resize(self, shapes: list[tuple[int, ...]]) -> None:
        # nothing is known of the buffers if it fails half-way
        self._shapes = []
        for name, shape in zip(self._inputs, shapes, strict=True):
            self._model.resize_input_tensor_by_name(self._key, name, list(shape))
        self._given = self._model.create_input_buffers(self._index)
        self._made = self._model.create_output_buffers(self._index)
        self._shapes = shapes


def _read(buffer: Any) -> NDArray[np.float32]:
    shape = tuple(buffer.get_tensor_details()["shape"])
    array: NDArray[np.float32] = buffer.read(int(np.prod(shape)), np.float32)
    return array.reshape(shape)
