"""onnxruntime's own quantisers on the float32 graph of a bundle, as sides of the table of accuracy.

Dynamic with its defaults; static with what its documentation advises for x86: uint8 inputs, int8 weights by channel,
products alone, because all its calibrators take the mask of attention for a value and answers then become chance.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_dynamic, quantize_static

from roformer_edge.deploy.inputs import calibration_batches, open_model
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.export.calibration import Batches
from roformer_edge.formats import get_format, resolve
from roformer_edge.runtime.session import SessionOptions
from roformer_edge.validate.openers import predictor_of_checkpoint
from roformer_edge.validate.predictors import FileFact, Opening, Predictor

# it keeps the inputs of all products of all of them in memory
CALIBRATION_TEXTS = 128
# the type of what an operator makes that its shape inference does not know
_TYPES = {"DefaultTensorType": onnx.TensorProto.FLOAT}


class _Batches(CalibrationDataReader):
    """Calibration batches, as its quantiser asks for them."""

    def __init__(self, batches: Batches) -> None:
        self._batches: Iterator[Any] = iter(batches())

    def get_next(self) -> Any:
        return next(self._batches, None)


def peers(checkpoint: Path, options: DeployOptions, folder: Path, kinds: Collection[str]) -> dict[str, Predictor]:
    """Quantise the float32 graph of a checkpoint.

    Args:
        checkpoint: Its folder.
        options: Task and calibration texts.
        folder: Where the graphs go.
        kinds: ``dynamic``, ``static`` or both.
    """
    float_options = replace(options, format="onnx", recipe="fp32", calibration=None, truncation=False)
    graph = deploy_checkpoint(checkpoint, folder / "onnxruntime-float", float_options).bundle / "model.onnx"
    paths, sides = {kind: folder / f"onnxruntime-{kind}.onnx" for kind in kinds}, {}
    with open_model(checkpoint, options) as model:
        batches = calibration_batches(replace(options, calibration_texts=CALIBRATION_TEXTS), model)
        assert batches is not None
        if "dynamic" in kinds:
            quantize_dynamic(graph, paths["dynamic"], extra_options=_TYPES)
        if "static" in kinds:
            quantize_static(
                graph,
                paths["static"],
                _Batches(batches),
                op_types_to_quantize=["MatMul"],
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                extra_options=_TYPES,
            )
        opening = Opening(
            path=str(checkpoint), task=model.task.name, threads=1, truncate=options.truncation, tokenizer="auto"
        )
        row = get_format("onnx")
        for kind, path in paths.items():
            session = resolve(row.backend)(path, SessionOptions(threads=1), row.session)
            side = predictor_of_checkpoint(session, model.tokenizer, model.checkpoint, opening, f"onnxruntime {kind}")
            file = FileFact(path=path.name, role="model", bytes=path.stat().st_size)
            sides[kind] = replace(side, facts=replace(side.facts, files=(file,)))
    return sides
