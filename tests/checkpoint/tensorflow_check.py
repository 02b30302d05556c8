"""Runs where h5py and TensorFlow are installed: reads the files of bert4keras, and files that are refused.

    python tensorflow_check.py GOLDEN FOLDER

prints, as JSON, the largest difference from what bert4keras answered, the notes, and what is said of the others.
"""

from __future__ import annotations

import json
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tensorflow as tf

from roformer_edge.checkpoint.finding import find_weights
from roformer_edge.checkpoint.loading import load_architecture
from roformer_edge.errors import CheckpointError
from roformer_edge.models.keras.heads import TFRoFormerForMaskedLM


def golden(folder: Path) -> dict[str, Any]:
    expected = json.loads((folder / "expected.json").read_text())
    inputs = {name: np.array(expected[name]) for name in ("input_ids", "attention_mask", "token_type_ids")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logits = TFRoFormerForMaskedLM.from_pretrained(folder)(**inputs).logits.numpy()
    kept = inputs["attention_mask"][..., None] != 0
    checkpoint = load_architecture(folder, "RoFormerForMaskedLM")
    return {
        "difference": float(np.abs(np.where(kept, logits - np.array(expected["logits"]), 0)).max()),
        "largest": float(np.abs(expected["logits"]).max()),
        "notes": checkpoint.notes,
        "unused": checkpoint.unused,
    }


def whole_model(source: Path, folder: Path) -> dict[str, Any]:
    """The same weights under the group that Model.save puts them in."""
    shutil.copytree(source, folder)
    (folder / "best_model.h5").unlink()
    with h5py.File(source / "best_model.h5") as old, h5py.File(folder / "whole.h5", "w") as new:
        new.copy(old, new, name="model_weights")
        for name, value in old.attrs.items():
            new["model_weights"].attrs[name] = value
    return golden(folder)


def with_layers_of_its_own(source: Path, folder: Path) -> str:
    """A dense layer that a program put on the encoder."""
    shutil.copytree(source, folder)
    with h5py.File(folder / "best_model.h5", "a") as file:
        file["dense_12/dense_12/kernel:0"] = np.zeros((16, 3), np.float32)
        file["dense_12"].attrs["weight_names"] = [b"dense_12/kernel:0"]
        names = [*file.attrs["layer_names"], "dense_12"]  # as bytes, which Keras once wrote
        file.attrs["layer_names"] = [str(name).encode() for name in names]
    return refusal(lambda: load_architecture(folder, "RoFormerForMaskedLM"))


def keras_3(folder: Path) -> str:
    folder.mkdir()
    with h5py.File(folder / "best_model.weights.h5", "w") as file:
        file["layers/dense/vars/0"] = np.zeros((3, 2), np.float32)
        file["layers/dense/vars/1"] = np.zeros(2, np.float32)
    return refusal(lambda: find_weights(folder).open())


def tensorflow_1(folder: Path) -> dict[str, Any]:
    """Variables as BERT's training writes them: what comes back, and what is said of a file that was cut."""
    folder.mkdir()
    kernel = np.arange(6, dtype=np.float32).reshape(2, 3)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        for name in ("bert/encoder/layer_0/attention/self/key/kernel", "bert/embeddings/word_embeddings"):
            for path in (name, f"{name}/adam_m"):
                tf.compat.v1.get_variable(path, initializer=kernel, use_resource=False)
        tf.compat.v1.get_variable("bert/embeddings/LayerNorm/gamma", initializer=kernel[0], use_resource=False)
        tf.compat.v1.get_variable("global_step", initializer=np.int64(7), use_resource=False)
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver().save(session, str(folder / "bert_model.ckpt"))
    (file,) = find_weights(folder).open()
    arrays = {name: file.read(name).tolist() for name in file.names()}
    data = folder / "bert_model.ckpt.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:20])

    def read() -> None:
        for file in find_weights(folder).open():
            for name in file.names():
                file.read(name)

    return {"arrays": arrays, "cut": refusal(read)}


def objects_of_tensorflow_2(folder: Path) -> str:
    folder.mkdir()
    tf.train.Checkpoint(dense=tf.Variable([1.0, 2.0])).write(str(folder / "best_model.weights"))
    return refusal(lambda: find_weights(folder).open())


def refusal(act: Any) -> str:
    try:
        act()
    except CheckpointError as error:
        return str(error)
    return "nothing"


def main(place: Path, folder: Path) -> None:
    found = {
        "bert4keras_v1": golden(place / "bert4keras_v1"),
        "bert4keras_v2": golden(place / "bert4keras_v2"),
        "whole model": whole_model(place / "bert4keras_v1", folder / "whole"),
        "layers of its own": with_layers_of_its_own(place / "bert4keras_v1", folder / "own"),
        "Keras 3": keras_3(folder / "keras3"),
        "TensorFlow 1": tensorflow_1(folder / "tensorflow1"),
        "objects": objects_of_tensorflow_2(folder / "objects"),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
