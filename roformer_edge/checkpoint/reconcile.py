"""What the weights say where config.json is silent or says something else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from roformer_edge.checkpoint.names import POOLER, PREFIX, Shapes, pooler_shapes
from roformer_edge.checkpoint.weight_file import WeightFile
from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import advice

# model class -> the tensor whose rows are the labels
_LABEL_ROWS = {
    "RoFormerForSequenceClassification": "classifier.out_proj.weight",
    "RoFormerForTokenClassification": "classifier.weight",
}


def fit_parts(config: RoFormerConfig, shapes: Shapes) -> tuple[RoFormerConfig, list[str]]:
    """Decide by the stored tensors whether linear layers have biases and norms have weights.

    Args:
        config: What config.json says: ``use_bias`` and ``norm_type``.
        shapes: Canonical name -> shape of every stored tensor.

    Returns:
        The config with what the weights say, and a sentence on each difference.
    """
    encoder = [name for name in shapes if name.startswith(f"{PREFIX}encoder.layer.")]
    if not encoder:
        return config, []
    has_norms = any(".LayerNorm." in name for name in encoder)
    has_biases = any(name.endswith(".bias") and ".LayerNorm." not in name for name in encoder)
    # without norms, biases say that a part of the file is missing, unless the config knows of norms without weights
    norm_type = "layer_norm" if has_norms or (has_biases and not config.is_v2) else "rms_norm"
    notes = []
    if has_biases != config.use_bias:
        notes.append(
            f"the config says use_bias {config.use_bias}, and the weights have {'' if has_biases else 'no '}biases"
        )
    if norm_type != config.norm_type:
        notes.append(f"the config says norm_type {config.norm_type}, and the weights are those of {norm_type}")
    if notes:
        config = config.replace(use_bias=has_biases, norm_type=norm_type)
    return config, [f"{note}: the weights count" for note in notes]


def fit_labels(
    config: RoFormerConfig, values: Mapping[str, Any], architecture: str, shapes: Shapes
) -> tuple[RoFormerConfig, list[str]]:
    """Decide by the rows of the stored head how many labels there are, as far as config.json leaves that open.

    Args:
        config: What config.json says.
        values: The content of config.json.
        architecture: The model class.
        shapes: Canonical name -> shape of every stored tensor.

    Returns:
        The config with as many labels as rows, where it names none, or names more and its ``num_labels`` is the number
        of rows; and a sentence on what was done.
    """
    shape = shapes.get(_LABEL_ROWS.get(architecture, ""), ())
    if not shape or shape[0] < 1 or shape[0] == config.num_labels:
        return config, []
    rows = shape[0]
    if not values.get("id2label") and not values.get("num_labels"):
        return config.replace(num_labels=rows), [f"config.json names no labels, and the head has {rows}: LABEL_0 ..."]
    if values.get("num_labels") == rows < config.num_labels:
        left = f"id2label names {config.num_labels} labels, and num_labels and the head have {rows}: the first are used"
        return config.replace(id2label=dict(enumerate(config.labels[:rows]))), [left]
    return config, []


def fit_prefix(config: RoFormerConfig, architecture: str, shapes: Shapes) -> tuple[RoFormerConfig, list[str]]:
    """Decide by a stored pooler whether a model that generates text is a RoFormer-sim, where the config is silent.

    Args:
        config: What config.json says: ``prefix_lm``.
        architecture: The model class.
        shapes: Canonical name -> shape of every stored tensor.

    Returns:
        The config of a prefix language model where a pooler is stored, and a sentence that says so.
    """
    stored = all(shapes.get(name) == shape for name, shape in pooler_shapes(config).items())
    if architecture != "RoFormerForCausalLM" or config.prefix_lm is not None or not stored:
        return config, []
    leave_out = advice(
        python=f"ignore_weights=['{POOLER}.*'] makes it", command=f"--ignore-weights '{POOLER}.*' makes it"
    )
    return config.replace(prefix_lm=True, is_decoder=True), [
        f"a pooler is stored ({POOLER}), as in RoFormer-sim: the model sees all of a prompt at once and writes another "
        f"sentence, its tokens of type 1; {leave_out} a plain decoder"
    ]


def fit_epsilon(config: RoFormerConfig, files: Sequence[WeightFile]) -> tuple[RoFormerConfig, list[str]]:
    """Take the constant of the norms from the framework that wrote the weights, where it asks no config for it.

    Args:
        config: What config.json says.
        files: The opened weight files.

    Returns:
        The config with that constant, and a sentence where it is another.
    """
    for file in files:
        if file.layer_norm_eps not in (None, config.layer_norm_eps):
            note = f"layer_norm_eps is {file.layer_norm_eps:g}, as in the framework that wrote {file.path.name}"
            return config.replace(layer_norm_eps=file.layer_norm_eps), [f"{note}, whatever config.json says"]
    return config, []
