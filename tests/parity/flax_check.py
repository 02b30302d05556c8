"""Runs where Flax is installed: our Flax models on the cases that torch_oracle.py made from transformers' torch.

    python flax_check.py FOLDER V2

reads FOLDER/cases.json and, for case number N, the files in FOLDER/N; writes FOLDER/flax.json: case name -> check ->
largest absolute difference, and saves every model again as FOLDER/N/flax. V2 holds a RoFormerV2 case.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from torch_cases import LEARNING_RATE

from roformer_edge import config
from roformer_edge.models import flax_roformer
from roformer_edge.models.keymap import DECODER_WEIGHT

HELD_BACK = ("loss", "past_key_values", "cross_attentions")


def flatten(name: str, value: object) -> dict[str, np.ndarray]:
    if isinstance(value, tuple):
        return {key: array for i, part in enumerate(value) for key, array in flatten(f"{name}.{i}", part).items()}
    return {name: np.asarray(value)}


def worst(output: object, expected: dict[str, np.ndarray]) -> float:
    found = {key: array for name in output for key, array in flatten(name, output[name]).items()}
    names = {name for name in expected if name.split(".")[0] not in HELD_BACK}
    assert found.keys() == names, (found.keys(), names)
    return max(float(np.abs(found[name] - expected[name]).max()) for name in names)


def cross_entropy(logits: jax.Array, labels: jax.Array, ignored: int = -100) -> jax.Array:
    kept = labels != ignored
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), jnp.where(kept, labels, 0)[..., None], axis=-1)[..., 0]
    return -(chosen * kept).sum() / kept.sum()


def loss_of(output: object, labels: dict[str, np.ndarray], problem_type: str | None) -> jax.Array:
    if "start_positions" in labels:
        length = output.start_logits.shape[1]
        starts, ends = (jnp.clip(labels[name], 0, length) for name in ("start_positions", "end_positions"))
        return (cross_entropy(output.start_logits, starts, length) + cross_entropy(output.end_logits, ends, length)) / 2
    wanted, logits = labels["labels"], output.logits
    if problem_type == "multi_label_classification" and wanted.ndim == 2 and wanted.dtype == np.float32:
        return -(wanted * jax.nn.log_sigmoid(logits) + (1 - wanted) * jax.nn.log_sigmoid(-logits)).mean()
    if wanted.dtype == np.float32:
        return jnp.square(logits.reshape(wanted.shape) - wanted).mean()
    return cross_entropy(logits, wanted)


def check(folder: Path, architecture: str, compiled: bool) -> dict[str, float]:
    model = getattr(flax_roformer, f"Flax{architecture}").from_pretrained(folder)
    inputs, labels = dict(np.load(folder / "inputs.npz")), dict(np.load(folder / "labels.npz"))
    expected = dict(np.load(folder / "outputs.npz"))
    everything = {"output_attentions": True, "output_hidden_states": True}
    found = {"outputs": worst(model(**inputs, **everything), expected)}
    if compiled:
        jitted = jax.jit(lambda params: model(**inputs, **everything, params=params))
        found["under jit"] = worst(jitted(model.params), expected)

    heads = np.ones((model.config.num_hidden_layers, model.config.num_attention_heads), np.float32)
    heads[0, 0] = 0
    words = model.canonical_arrays()["roformer.embeddings.word_embeddings.weight"][inputs["input_ids"]]
    variant = {name: array for name, array in inputs.items() if name != "input_ids"}
    output = model(**variant, inputs_embeds=2 * words, head_mask=heads)
    found["head mask and embeddings"] = worst(output, dict(np.load(folder / "variant.npz")))

    if labels:
        gradients = jax.grad(lambda params: loss_of(model(**inputs, params=params), labels, model.config.problem_type))(
            model.params
        )
        step = jax.tree.map(lambda weight, slope: weight - LEARNING_RATE * slope, model.params, gradients)
        stepped = type(model)(model.config, params=step).canonical_arrays()
        after = dict(np.load(folder / "after.npz"))
        found["gradient step"] = max(float(np.abs(stepped[name] - after[name]).max()) for name in stepped)
    model.save_pretrained(folder / "flax")
    assert DECODER_WEIGHT not in model.canonical_arrays() or not model.config.tie_word_embeddings
    return found


def check_v2(folder: Path) -> float:
    """RoFormerV2, which the config refuses as long as the exporter cannot build it."""
    config._refuse_relatives = lambda extra: None
    model = flax_roformer.FlaxRoFormerForMaskedLM.from_pretrained(folder)
    output = model(**np.load(folder / "inputs.npz"), output_hidden_states=True)
    return worst(output, dict(np.load(folder / "outputs.npz")))


def main(folder: Path, v2: Path) -> None:
    cases = json.loads((folder / "cases.json").read_text())
    report = {}
    for number, (name, case) in enumerate(cases.items()):
        if not case["config"].get("is_decoder") and case["architecture"] != "RoFormerForCausalLM":
            report[name] = check(folder / str(number), case["architecture"], compiled=name.endswith(", plain"))
    report["v2"] = check_v2(v2)
    (folder / "flax.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
