"""Runs where TensorFlow and Flax are installed: files that transformers' TensorFlow and Flax models write.

    python foreign_check.py FOLDER

Random originals are saved as tf_model.h5, as safetensors of TensorFlow and as flax_model.msgpack, loaded by our
classes of the same framework, and compared by their outputs; canonical arrays go through a TensorFlow 1 checkpoint.
Writes FOLDER/foreign.json: file and class -> largest absolute difference, and damaged files -> the error.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ["TF_USE_LEGACY_KERAS"] = "1"  # for the originals; ours ask for Keras 3 by its own name

import jax
import numpy as np
import tensorflow as tf
import transformers
from torch_cases import TINY

from roformer_edge.errors import CheckpointError
from roformer_edge.models import flax_roformer, tf_roformer
from roformer_edge.models.checkpoint import load_architecture
from roformer_edge.models.keymap import ROTARY_TABLE, shapes_of

# no row is padding alone: in TensorFlow the original's mask is -10000, not the lowest number
MASK = np.array([[1] * 9, [1] * 5 + [0] * 4, [0] * 2 + [1] * 7])

TWO_LABELS = {**TINY, "num_labels": 2}  # question answering in TensorFlow and Flax takes no other number


def inputs_for(architecture: str) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    inputs = {
        "input_ids": generator.integers(0, 50, (3, 9)),
        "attention_mask": MASK,
        "token_type_ids": generator.integers(0, 2, (3, 9)),
    }
    if architecture.endswith("MultipleChoice"):
        return {name: np.stack((array, array[::-1]), axis=1) for name, array in inputs.items()}
    return inputs


def difference(ours: object, theirs: object) -> float:
    names = [name for name in theirs if name != "loss"]
    return max(float(np.abs(np.asarray(ours[name]) - np.asarray(theirs[name])).max()) for name in names)


def check_tensorflow(folder: Path, architecture: str) -> dict[str, float]:
    config = transformers.RoFormerConfig(**TWO_LABELS, embedding_size=10, hidden_act="relu")
    original = getattr(transformers, f"TF{architecture}")(config)
    original.build_in_name_scope()
    generator = np.random.default_rng(1)
    for variable in original.trainable_variables:
        if "embed_positions" in variable.name:
            continue  # the original's optimiser sees the rotary table, which is not meant to be trained
        variable.assign_add(generator.normal(0, 0.15, variable.shape).astype(np.float32))
    inputs = inputs_for(architecture)
    expected = original(inputs)
    found = {}
    for file, safe in (("tf_model.h5", False), ("model.safetensors", True)):
        original.save_pretrained(folder / file, safe_serialization=safe)
        assert (folder / file / file).is_file()
        model = getattr(tf_roformer, f"TF{architecture}").from_pretrained(folder / file)
        found[f"{file} of TF{architecture}"] = difference(model(inputs), expected)
    return found


def check_flax(folder: Path, architecture: str) -> dict[str, float]:
    config = transformers.RoFormerConfig(**TWO_LABELS, rotary_value=True)
    original = getattr(transformers, f"Flax{architecture}")(config)
    generator = np.random.default_rng(1)
    original.params = jax.tree.map(lambda leaf: leaf + generator.normal(0, 0.15, leaf.shape), original.params)
    inputs = inputs_for(architecture)
    original.save_pretrained(folder)
    assert (folder / "flax_model.msgpack").is_file()
    model = getattr(flax_roformer, f"Flax{architecture}").from_pretrained(folder)
    return {f"flax_model.msgpack of Flax{architecture}": difference(model(**inputs), original(**inputs))}


def tensorflow1_name(name: str) -> str:
    path = name.replace("roformer.", "bert.").replace("layer.", "layer_").replace(".", "/")
    path = path.replace("LayerNorm/weight", "LayerNorm/gamma").replace("LayerNorm/bias", "LayerNorm/beta")
    path = path.replace("cls/predictions/bias", "cls/predictions/output_bias")
    path = path.replace("bert/embeddings_project", "bert/encoder/embedding_hidden_mapping_in")
    return path.removesuffix("/weight") if path.endswith("_embeddings/weight") else path.replace("/weight", "/kernel")


def check_tensorflow1(folder: Path) -> dict[str, float]:
    config = flax_roformer.RoFormerConfig.from_dict({**TWO_LABELS, "embedding_size": 10})
    generator = np.random.default_rng(2)
    shapes = shapes_of(config, "RoFormerForMaskedLM")
    arrays = {name: generator.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    folder.mkdir()
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        for name, array in arrays.items():
            path = tensorflow1_name(name)
            stored = array.T if path.endswith("/kernel") else array
            tf.compat.v1.get_variable(path, initializer=stored, use_resource=False)
            tf.compat.v1.get_variable(f"{path}/adam_m", initializer=stored, use_resource=False)
        tf.compat.v1.get_variable("global_step", initializer=np.int64(7), use_resource=False)
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver().save(session, str(folder / "bert_model.ckpt"), write_meta_graph=False)
    (folder / "bert_config.json").write_text(json.dumps({**TWO_LABELS, "embedding_size": 10}))
    checkpoint = load_architecture(folder, "RoFormerForMaskedLM")
    assert [file.name for file in checkpoint.files] == ["bert_model.ckpt.index", "bert_model.ckpt.data-00000-of-00001"]
    assert checkpoint.unused == (), checkpoint.unused
    assert checkpoint.arrays.keys() == {*arrays, ROTARY_TABLE}
    worst = max(float(np.abs(checkpoint.arrays[name] - array).max()) for name, array in arrays.items())
    return {"a TensorFlow 1 checkpoint": worst}


def damaged(folder: Path, file: str) -> str:
    """The message that a truncated file gives."""
    whole = (folder / file).read_bytes()
    (folder / file).write_bytes(whole[: len(whole) // 3])
    try:
        dict(load_architecture(folder, "RoFormerForMaskedLM").arrays)
    except CheckpointError as error:
        return str(error)
    return ""


def main(folder: Path) -> None:
    transformers.logging.set_verbosity_error()
    report: dict[str, object] = {}
    for name in tf_roformer.__all__:
        if not name.endswith("CausalLM"):
            report |= check_tensorflow(folder / name, name.removeprefix("TF"))
    for name in flax_roformer.__all__:
        report |= check_flax(folder / name, name.removeprefix("Flax"))
    report |= check_tensorflow1(folder / "tensorflow1")
    report["damaged"] = {
        "tf_model.h5": damaged(folder / "TFRoFormerForMaskedLM" / "tf_model.h5", "tf_model.h5"),
        "flax_model.msgpack": damaged(folder / "FlaxRoFormerForMaskedLM", "flax_model.msgpack"),
        "bert_model.ckpt.index": damaged(folder / "tensorflow1", "bert_model.ckpt.index"),
    }
    (folder / "foreign.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
