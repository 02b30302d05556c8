"""A TensorFlow SavedModel of a checkpoint: the Keras model of its task, as a graph that TensorFlow's own tools take.

It is no bundle: tokenizer, labels and recipe stay where they are, and this package is not needed to run it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from roformer_edge._extras import require
from roformer_edge.deploy.source import SourceModel
from roformer_edge.errors import (
    BundleError,
    OutputError,
    UnknownNameError,
    UnsupportedModelError,
    advice,
    exists_already,
    shown,
)
from roformer_edge.export.network.heads import check_direction
from roformer_edge.export.parity import Parity, check_parity, probe_feeds
from roformer_edge.progress import SILENT, ProgressListener
from roformer_edge.temporary import TemporaryPath, writable

# what TensorFlow's servers and converters call where nothing is said
_SIGNATURE = "serving_default"
_INDEX_DTYPES = ("int32", "int64")
_WRITTEN = {
    "fingerprint.pb",
    "saved_model.pb",
    "variables/variables.data-00000-of-00001",
    "variables/variables.index",
}


@dataclass(frozen=True, kw_only=True)
class SavedModel:
    """What an export made.

    Attributes:
        directory: Where it lies.
        bytes: The size of its files.
        parity: How far the answers of the graph are from those of the Keras model that it was traced from.
        notes: What is worth saying aloud of the source, and of what is left out.
    """

    directory: Path
    bytes: int
    parity: Parity
    notes: tuple[str, ...] = ()


def export_saved_model(
    source: SourceModel,
    out: str | Path,
    *,
    index_dtype: str | None = None,
    overwrite: bool = False,
    progress: ProgressListener = SILENT,
) -> SavedModel:
    """Write the Keras model of a source as a SavedModel, in float32.

    Its signature ``serving_default`` takes the task's inputs and gives the task's outputs, by name, of any number of
    texts and tokens.

    Args:
        source: What ``source.open_source`` gave.
        out: The directory to make.
        index_dtype: The type of its inputs, ``"int32"`` (by default) or ``"int64"``.
        overwrite: Replace a SavedModel that is there already.
        progress: Told of stages.

    Raises:
        MissingDependencyError: TensorFlow is not installed.
        UnsupportedModelError: The source answers with more than the Keras model of its task computes.
        ExportError: The model looks at other positions than the task does.
        ParityError: The graph does not compute what the Keras model computes.
        BundleError: Something is at ``out``, and ``overwrite`` is not set or it is no SavedModel.
        OutputError: It cannot be written. Nothing is left behind, as after every other error.
    """
    index_dtype = index_dtype or _INDEX_DTYPES[0]
    if index_dtype not in _INDEX_DTYPES:
        raise UnknownNameError("index dtype", index_dtype, _INDEX_DTYPES)
    notes = (*source.notes, *_left_out(source))
    check_direction(source.config, source.task)
    tf = require("tensorflow", "to write a SavedModel")
    check = partial(_check_target, Path(out), overwrite=overwrite)
    with TemporaryPath(out) as temporary:
        check(Path(out))
        progress.stage("read")
        model = _keras_model(source)
        progress.stage("write")
        with writable(Path(out)):
            try:
                model.export(temporary.path, verbose=False, input_signature=[_inputs(source, index_dtype)])
            except tf.errors.OpError as error:
                raise OutputError(f"cannot write {out}: {shown(error.message)}; nothing was left behind") from error
        progress.stage("parity")
        expected = [
            {name: np.asarray(tensor) for name, tensor in model(**feeds).items()}
            for feeds in probe_feeds(source.config, source.task)
        ]
        # the signature does not keep the weights alive, which its module holds
        loaded = tf.saved_model.load(str(temporary.path))
        run = partial(_run, tf, loaded.signatures[_SIGNATURE], index_dtype)
        parity = check_parity(run, expected, source.config, source.task, reference="the Keras model")
        size = sum(file.stat().st_size for file in temporary.path.rglob("*") if file.is_file())
        return SavedModel(directory=temporary.publish(check), bytes=size, parity=parity, notes=notes)


def _left_out(source: SourceModel) -> tuple[str, ...]:
    """Say what of a source's answers is computed after the graph.

    Raises:
        UnsupportedModelError: The graph itself would be another one.
    """
    if source.task.sentence is not None:
        tokens = advice(python="pooling='tokens'", command="--pooling tokens")
        raise UnsupportedModelError(
            f"a SavedModel gives the states of all tokens, and {source.name} makes one vector of them: export a "
            f"bundle, or say {tokens}"
        )
    if source.checkpoint.crf is not None:
        return ("the SavedModel gives the scores of every token: the transitions of the CRF are not in it",)
    return ()


def _keras_model(source: SourceModel) -> Any:
    from roformer_edge.models.keras import heads

    # the outputs of the task and no others, whatever the config wants a call to return
    config = source.config.replace(
        use_cache=False, output_attentions=False, output_hidden_states=False, return_dict=True
    )
    return getattr(heads, f"TF{source.task.model_class}").from_arrays(config, source.checkpoint.arrays)


def _inputs(source: SourceModel, index_dtype: str) -> dict[str, Any]:
    from keras import InputSpec

    return {
        spec.name: InputSpec(shape=(None,) * len(spec.axes), dtype=index_dtype, name=spec.name)
        for spec in source.task.inputs
    }


def _run(tf: Any, signature: Any, index_dtype: str, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    tensors = {name: tf.constant(array, index_dtype) for name, array in feeds.items()}
    return {name: tensor.numpy() for name, tensor in signature(**tensors).items()}


def _check_target(out: Path, place: Path, *, overwrite: bool) -> None:
    """Make sure that a SavedModel may be written at ``out``, where what was there lies at ``place``."""
    with writable(out):
        if not place.exists():
            return
        if not overwrite:
            raise BundleError(exists_already(out))
        found = {file.relative_to(place).as_posix() for file in place.rglob("*") if not file.is_dir()}
        if not place.is_dir() or not found <= _WRITTEN:
            raise BundleError(
                f"{out} is not a SavedModel as this command writes it, so it will not be overwritten; remove it "
                "yourself or choose another place"
            )
