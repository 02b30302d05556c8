"""Runs where transformers' TensorFlow and Flax models are: what they answer in the cases of torch_oracle.py.

    python originals.py FOLDER

reads FOLDER/cases.json and the checkpoints in FOLDER/N, and writes FOLDER/N/tf_original.npz and
FOLDER/N/flax_original.npz: outputs by name. Of some cases the checkpoint is written again, as each framework does:
FOLDER/N/tf_model.h5/, FOLDER/N/tf.safetensors/ and FOLDER/N/flax_model.msgpack/; in shards too, with that in the name.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

os.environ["TF_USE_LEGACY_KERAS"] = "1"  # theirs is the Keras before 3

import numpy as np
import transformers
from comparison import flatten_output
from flax.traverse_util import flatten_dict, unflatten_dict
from safetensors.numpy import load_file
from tf_rows import for_tf_original
from torch_cases import flax_original_cases, tf_original_cases
from transformers.modeling_flax_pytorch_utils import convert_pytorch_state_dict_to_flax
from transformers.modeling_tf_pytorch_utils import load_pytorch_state_dict_in_tf2_model

EVERYTHING = {"output_attentions": True, "output_hidden_states": True}
SHARD = "10KB"
ACTIVATIONS = {"gelu_pytorch_tanh": "gelu_new"}  # the same function under the one name that TensorFlow has for it


def run_tensorflow(folder: Path, case: dict[str, Any], rewrite: bool) -> None:
    config = transformers.RoFormerConfig.from_pretrained(folder)
    config.hidden_act = ACTIVATIONS.get(config.hidden_act, config.hidden_act)
    model = getattr(transformers, f"TF{case['architecture']}")(config)
    model.build_in_name_scope()
    # as its from_pretrained, which does not understand the reader of today's safetensors
    load_pytorch_state_dict_in_tf2_model(model, load_file(folder / "model.safetensors"), tf_inputs={})
    inputs, labels = for_tf_original(folder, case)
    outputs = flatten_output(model({**inputs, **labels}, **EVERYTHING))
    if "loss" in outputs:  # one a text, or of shape [1]
        outputs["loss"] = np.mean(outputs["loss"])
    np.savez(folder / "tf_original.npz", **outputs)
    if rewrite:
        for name, safe in (("tf_model.h5", False), ("tf.safetensors", True)):
            model.save_pretrained(folder / name, safe_serialization=safe)
            model.save_pretrained(folder / f"{name} in shards", safe_serialization=safe, max_shard_size=SHARD)


def run_flax(folder: Path, case: dict[str, Any], rewrite: bool) -> None:
    config = transformers.RoFormerConfig.from_pretrained(folder)
    model = getattr(transformers, f"Flax{case['architecture']}")(config, _do_init=False)
    # as its from_pretrained, without the compiled initialisation that the weights would replace
    shapes = SimpleNamespace(params=model.params_shape_tree, base_model_prefix=model.base_model_prefix)
    read = flatten_dict(convert_pytorch_state_dict_to_flax(load_file(folder / "model.safetensors"), shapes))
    params = unflatten_dict({name: read[name] for name in flatten_dict(model.params_shape_tree)})
    output = model(**np.load(folder / "inputs.npz"), params=params, **EVERYTHING)
    np.savez(folder / "flax_original.npz", **flatten_output(output))
    if rewrite:
        model.save_pretrained(folder / "flax_model.msgpack", params=params)
        model.save_pretrained(folder / "flax_model.msgpack in shards", params=params, max_shard_size=SHARD)


def main(folder: Path) -> None:
    transformers.logging.set_verbosity_error()
    cases = json.loads((folder / "cases.json").read_text())
    for number, (name, case) in enumerate(cases.items()):
        if name in tf_original_cases(cases):
            run_tensorflow(folder / str(number), case, rewrite=name.endswith(", projected"))
        if name in flax_original_cases(cases):
            run_flax(folder / str(number), case, rewrite=name.endswith(", rotary value"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
