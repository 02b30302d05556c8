"""Reading TensorFlow 1 checkpoints with the variable names of BERT."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from roformer_edge._extras import require
from roformer_edge.checkpoint.tensorflow_names import with_torch_names
from roformer_edge.checkpoint.weight_file import StoredTensor, WeightFile, foreign_reader
from roformer_edge.errors import CheckpointError

# how save_weights of TensorFlow 2 ends the names of variables
_OBJECT_ATTRIBUTE = ".ATTRIBUTES/VARIABLE_VALUE"


def open_tensorflow1(path: Path) -> WeightFile:
    """Open a checkpoint; ``path`` is its ``.index`` file.

    Raises:
        CheckpointError: A file of it is missing or damaged.
    """
    tensorflow = require("tensorflow", f"to read {path.name}")
    with foreign_reader(path):
        reader = tensorflow.train.load_checkpoint(str(path.with_suffix("")))
        shapes, dtypes = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
    if any(name.endswith(_OBJECT_ATTRIBUTE) for name in shapes):
        raise CheckpointError(
            f"{path} is a checkpoint of objects of TensorFlow 2, which names no layers; load it into the model that "
            "wrote it and save that with save_weights('tf_model.h5') or save_pretrained"
        )
    variables = {
        name: StoredTensor(
            name=name,
            dtype=dtypes[name].name,
            shape=tuple(shape),
            load=partial(reader.get_tensor, name),
        )
        for name, shape in shapes.items()
    }
    return with_torch_names(path, variables)
