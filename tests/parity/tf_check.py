"""Runs where TensorFlow is installed: our Keras models on the cases that torch_oracle.py made from transformers' torch.

    python tf_check.py FOLDER GENERATED V2

reads FOLDER/cases.json and, for case number N, the files in FOLDER/N; writes FOLDER/tf.json: case name -> check ->
largest absolute difference, and saves every model again as FOLDER/N/tf. Beside the cases it trains
with fit, and generates from what ``torch_oracle.py generate GENERATED`` made; V2 holds a RoFormerV2 case.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from torch_cases import LEARNING_RATE

from roformer_edge import config
from roformer_edge.models import tf_roformer


def flatten(name: str, value: object) -> dict[str, np.ndarray]:
    if isinstance(value, tuple):
        return {key: array for i, part in enumerate(value) for key, array in flatten(f"{name}.{i}", part).items()}
    return {name: np.asarray(value)}


def worst(output: object, expected: dict[str, np.ndarray], left_out: tuple[str, ...] = ()) -> float:
    found = {key: array for name in output for key, array in flatten(name, output[name]).items()}
    # the original leaves both out of what a masked language model returns
    dropped = ("cross_attentions", "past_key_values")
    found = {name: array for name, array in found.items() if name in expected or not name.startswith(dropped)}
    names = {name for name in expected if name.split(".")[0] not in left_out}
    assert found.keys() == names, found.keys() ^ names
    return max(float(np.abs(found[name] - expected[name]).max()) for name in names)


def check(folder: Path, architecture: str) -> dict[str, float]:
    model = getattr(tf_roformer, f"TF{architecture}").from_pretrained(folder)
    inputs, labels = dict(np.load(folder / "inputs.npz")), dict(np.load(folder / "labels.npz"))
    output = model(inputs | labels, output_attentions=True, output_hidden_states=True)
    found = {"outputs": worst(output, dict(np.load(folder / "outputs.npz")))}

    heads = np.ones((model.config.num_hidden_layers, model.config.num_attention_heads), np.float32)
    heads[0, 0] = 0
    words = np.asarray(model.roformer.embeddings.words)[inputs["input_ids"]]
    variant = {name: array for name, array in inputs.items() if name != "input_ids"}
    output = model(None, **variant, inputs_embeds=2 * words, head_mask=heads)
    found["head mask and embeddings"] = worst(output, dict(np.load(folder / "variant.npz")))

    model.save_pretrained(folder / "tf")
    if labels:
        with tf.GradientTape() as tape:
            loss = model(inputs | labels).loss
        weights = model.trainable_variables
        keras.optimizers.SGD(LEARNING_RATE).apply(tape.gradient(loss, [w.value for w in weights]), weights)
        stepped, after = model.canonical_arrays(), dict(np.load(folder / "after.npz"))
        found["gradient step"] = max(float(np.abs(stepped[name] - after[name]).max()) for name in stepped)
    return found


def check_fit(folder: Path) -> dict[str, list[float]]:
    """Losses by epoch: with labels among the inputs, and with a loss and a metric of Keras."""
    inputs, labels = dict(np.load(folder / "inputs.npz")), dict(np.load(folder / "labels.npz"))
    found = {}
    for name, data, target, options in (
        ("own loss", inputs | labels, None, {}),
        (
            "loss of Keras",
            inputs,
            labels["labels"],
            {"loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True), "metrics": ["accuracy"]},
        ),
    ):
        model = tf_roformer.TFRoFormerForSequenceClassification.from_pretrained(folder)
        model.compile(optimizer=keras.optimizers.Adam(0.01), **options)
        history = model.fit(data, target, epochs=20, verbose=0).history
        assert set(history) == {"loss", *options.get("metrics", ())}, history
        found[name] = history["loss"]
    return found


def check_generation(folder: Path) -> list[bool]:
    """Greedy tokens against those of transformers, and sampled ones with and without the cache."""
    model = tf_roformer.TFRoFormerForCausalLM.from_pretrained(folder)
    prompts = dict(np.load(folder / "prompts.npz"))
    same = []
    for number, settings in enumerate(json.loads((folder / "generations.json").read_text())):
        cached, full = (
            model.generate(**prompts, **settings, use_cache=flag, seed=3).tolist() for flag in (True, False)
        )
        same.append(cached == full)
        if not settings.get("do_sample"):
            same.append(cached == np.load(folder / f"{number}.npy").tolist())
    return same


def check_v2(folder: Path) -> float:
    """RoFormerV2, which the config refuses as long as the exporter cannot build it."""
    config._refuse_relatives = lambda extra: None
    model = tf_roformer.TFRoFormerForMaskedLM.from_pretrained(folder)
    output = model(**np.load(folder / "inputs.npz"), output_hidden_states=True)
    return worst(output, dict(np.load(folder / "outputs.npz")))


def main(folder: Path, generated: Path, v2: Path) -> None:
    warnings.filterwarnings("ignore", message="TFRoFormerForCausalLM sees the future")
    cases = json.loads((folder / "cases.json").read_text())
    numbered = enumerate(cases.items())
    report = {name: check(folder / str(number), case["architecture"]) for number, (name, case) in numbered}
    classifier = list(cases).index("RoFormerForSequenceClassification, plain")
    report["fit"] = check_fit(folder / str(classifier))
    report["generation"] = check_generation(generated)
    report["v2"] = check_v2(v2)
    (folder / "tf.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
