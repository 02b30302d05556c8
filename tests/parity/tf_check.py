"""Runs where TensorFlow is installed: our Keras models on cases of torch models, and beside the TensorFlow original.

    python tf_check.py GENERATED FOLDER...

reads, in every FOLDER, cases.json and for case number N the files in N; writes tf.json: case name -> check -> largest
absolute difference, and saves every model as N/tf. Beside the cases it trains with fit, opens a TensorFlow 1 archive,
and generates from what ``torch_oracle.py generate GENERATED`` made.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import hiding
import keras
import numpy as np
import tensorflow as tf
import tf_habits
from comparison import difference_of_weights, differences, refusal_of_a_third, without
from tf_rows import for_tf_original
from torch_cases import LEARNING_RATE, STEPS, caches

from roformer_edge.checkpoint.loading import load_architecture
from roformer_edge.checkpoint.rotary_table import rotary_table
from roformer_edge.models.keras import heads
from roformer_edge.models.keras.attention import rotate

EVERYTHING = {"output_attentions": True, "output_hidden_states": True}


def load(folder: Path, case: dict[str, Any]) -> Any:
    return getattr(heads, f"TF{case['architecture']}").from_pretrained(folder)


def check(folder: Path, case: dict[str, Any]) -> dict[str, float]:
    model = load(folder, case)
    inputs, labels = dict(np.load(folder / "inputs.npz")), dict(np.load(folder / "labels.npz"))
    expected, target = dict(np.load(folder / "outputs.npz")), np.load(folder / "target.npy")
    found = differences(model(inputs | labels, **EVERYTHING), expected)
    if (folder / "tf_original.npz").exists():
        rows, answers = for_tf_original(folder, case)
        original = differences(model(rows | answers, **EVERYTHING), dict(np.load(folder / "tf_original.npz")))
        found |= {f"{kind} of the original": worst for kind, worst in original.items()}

    heads = np.ones((model.config.num_hidden_layers, model.config.num_attention_heads), np.float32)
    heads[0, 0] = 0
    words = np.asarray(model.roformer.embeddings.words)[inputs["input_ids"]]
    variant = {name: array for name, array in inputs.items() if name != "input_ids"}
    output = model(None, **variant, inputs_embeds=2 * words, head_mask=heads)
    found["head mask and embeddings"] = max(differences(output, dict(np.load(folder / "variant.npz"))).values())
    if caches(case):
        found |= check_cache(model, inputs, np.load(folder / "cached.npy"), expected)

    model.save_pretrained(folder / "tf")
    for file in ("tf_model.h5", "tf.safetensors", "tf_model.h5 in shards", "tf.safetensors in shards"):
        if (folder / file).exists():
            read = load(folder / file, case).canonical_arrays()
            found[file] = difference_of_weights(read, model.canonical_arrays())

    with tf.GradientTape() as tape:
        output = model(inputs | labels)
        loss = output.loss if labels else tf.reduce_mean(tf.square(output.last_hidden_state - target))
    weights = model.trainable_variables
    keras.optimizers.SGD(LEARNING_RATE).apply(tape.gradient(loss, [w.value for w in weights]), weights)
    found["gradient step"] = difference_of_weights(model.canonical_arrays(), dict(np.load(folder / "after.npz")))
    return found


def check_cache(
    model: Any, inputs: dict[str, np.ndarray], expected: np.ndarray, outputs: dict[str, np.ndarray]
) -> dict[str, float]:
    """Read piece by piece: against the original, and against the text read at once."""
    past, parts, kind = None, [], "logits" if "logits" in outputs else "last_hidden_state"
    for start, stop in STEPS:
        piece = {
            name: array[:, start:stop] for name, array in inputs.items() if name in ("input_ids", "token_type_ids")
        }
        piece |= {name: array for name, array in inputs.items() if name.startswith("encoder_")}
        output = model(piece | {"attention_mask": inputs["attention_mask"][:, :stop]} | {"past_key_values": past})
        past = output.past_key_values
        parts.append(np.asarray(output[kind]))
    read, text = np.concatenate(parts, axis=1), inputs["attention_mask"] == 1
    return {
        "cached": float(np.abs(read - expected).max()),
        # a token of padding that sees nothing looks at all tokens there are so far
        "cached and at once": float(np.abs(read - outputs[kind])[text].max()),
    }


def check_fit(folder: Path) -> dict[str, list[float]]:
    """Losses by epoch: with labels among the inputs, and with a loss and a metric of Keras."""
    inputs, labels = dict(np.load(folder / "inputs.npz")), dict(np.load(folder / "labels.npz"))
    found = {}
    for name, data, target, options in (
        ("own loss", inputs | labels, None, {}),
        ("own loss, labels beside the inputs", inputs, labels["labels"], {"metrics": ["accuracy"]}),
        (
            "loss of Keras",
            inputs,
            labels["labels"],
            {"loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True), "metrics": ["accuracy"]},
        ),
    ):
        model = heads.TFRoFormerForSequenceClassification.from_pretrained(folder)
        model.compile(optimizer=keras.optimizers.Adam(0.01), **options)
        history = model.fit(data, target, epochs=20, verbose=0).history
        assert set(history) == {"loss", *options.get("metrics", ())}, history
        found[name] = history["loss"]
    return found


def check_inputs(folder: Path, case: dict[str, Any]) -> dict[str, float]:
    """Every way to give and to get the same: differences from named arguments."""
    model, inputs, labels = (
        load(folder, case),
        dict(np.load(folder / "inputs.npz")),
        dict(np.load(folder / "labels.npz")),
    )
    expected = {name: np.asarray(field) for name, field in model(**inputs, **labels).items()}
    listed = [inputs[name] for name in ("input_ids", "attention_mask", "token_type_ids")]
    beside = {name: array for name, array in inputs.items() if name != "input_ids"} | labels
    unnamed = {name: tf.TensorSpec([None] * array.ndim, array.dtype) for name, array in (inputs | labels).items()}
    compiled = tf.function(model, input_signature=[unnamed])
    words = np.asarray(model.roformer.embeddings.words)[inputs["input_ids"]]
    model.compile(optimizer="sgd")
    without_loss = without(("loss",), expected)
    ways = {
        "mapping": (model(inputs | labels), expected),
        "mapping and arguments": (model({"input_ids": inputs["input_ids"]}, **beside), expected),
        "mapping and arguments by position": (model({"input_ids": listed[0]}, *listed[1:], **labels), expected),
        "no ids by position": (model(None, *listed[1:], **labels, inputs_embeds=words), expected),
        "list": (model(listed, **labels), expected),
        "tuple": (model(tuple(listed), **labels), expected),
        "unknown shapes in a tf.function": (
            compiled({name: tf.constant(a) for name, a in (inputs | labels).items()}),
            expected,
        ),
        "predict": (model.predict(inputs, batch_size=3, verbose=0), without_loss),
        "predict with labels": (model.predict(inputs | labels, batch_size=3, verbose=0), without_loss),
    }
    found = {way: max(differences(output, wanted).values()) for way, (output, wanted) in ways.items()}
    # arrays of labels by name, or the only one
    beside_inputs = labels if len(labels) > 1 else next(iter(labels.values()))
    size = len(inputs["input_ids"])
    for way, data in (("evaluate", (inputs | labels,)), ("evaluate beside", (inputs, beside_inputs))):
        found[way] = abs(model.evaluate(*data, batch_size=size, verbose=0) - float(expected["loss"]))
    return found


def check_generation(folder: Path) -> list[bool]:
    """Greedy tokens against those of transformers, and sampled ones with and without the cache."""
    model = heads.TFRoFormerForCausalLM.from_pretrained(folder)
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


def tensorflow1_name(name: str) -> str:
    path = name.replace("roformer.", "bert.").replace("layer.", "layer_").replace(".", "/")
    path = path.replace("LayerNorm/weight", "LayerNorm/gamma").replace("LayerNorm/bias", "LayerNorm/beta")
    path = path.replace("cls/predictions/bias", "cls/predictions/output_bias")
    path = path.replace("bert/embeddings_project", "bert/encoder/embedding_hidden_mapping_in")
    return path.removesuffix("/weight") if path.endswith("_embeddings/weight") else path.replace("/weight", "/kernel")


def write_archive(folder: Path, case_folder: Path, case: dict[str, Any]) -> None:
    """The weights of a case as TensorFlow 1 archives are distributed: five files, no config.json."""
    arrays = load_architecture(case_folder, case["architecture"])
    folder.mkdir()
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        for name, array in arrays.arrays.items():
            if "embed_positions" not in name:
                path = tensorflow1_name(name)
                stored = array.T if path.endswith("/kernel") else array
                tf.compat.v1.get_variable(path, initializer=stored, use_resource=False)
                tf.compat.v1.get_variable(f"{path}/adam_m", initializer=stored, use_resource=False)
        tf.compat.v1.get_variable("global_step", initializer=np.int64(7), use_resource=False)
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver().save(session, str(folder / "bert_model.ckpt"))
    settings = json.loads((case_folder / "config.json").read_text())
    kept = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act")
    kept += ("max_position_embeddings", "type_vocab_size", "embedding_size", "layer_norm_eps", "initializer_range")
    google = {"directionality": "bidi", "pooler_fc_size": 768, "pooler_num_attention_heads": 12}
    google |= {"pooler_num_fc_layers": 3, "pooler_size_per_head": 128, "pooler_type": "first_token_transform"}
    (folder / "bert_config.json").write_text(json.dumps({name: settings[name] for name in kept} | google))
    (folder / "vocab.txt").write_text("[PAD]\n")


def check_archive(folder: Path, case_folder: Path, case: dict[str, Any]) -> dict[str, Any]:
    """A TensorFlow 1 archive, loaded straight from its directory; then with its index cut short."""
    write_archive(folder, case_folder, case)
    files = sorted(path.name for path in folder.iterdir())
    model = load(folder, case)
    output = model(dict(np.load(case_folder / "inputs.npz")))
    expected = without(("loss", "hidden_states", "attentions"), dict(np.load(case_folder / "outputs.npz")))
    found = {"files": files, "outputs": max(differences(output, expected).values())}
    found["unused"] = load_architecture(folder, case["architecture"]).unused
    found["digested"] = [path.name for path in load_architecture(folder, case["architecture"]).files]
    return found | {"damaged": refusal_of_a_third(folder / "bert_model.ckpt.index")}


def golden_rotation() -> list[float]:
    """See tests/checkpoint/test_rotary.py."""
    states = (np.arange(2 * 12 * 16 * 64, dtype=np.float32) / 100).reshape(2, 12, 16, 64)
    return np.asarray(rotate(states, tuple(np.split(rotary_table(16, 64), 2, axis=1))))[0, 0, 1, :8].tolist()


def main(generated: Path, folders: list[Path]) -> None:
    warnings.filterwarnings("ignore", message="TFRoFormerForCausalLM sees the future")
    for folder in folders:
        cases = json.loads((folder / "cases.json").read_text())
        report = {name: check(folder / str(number), case) for number, (name, case) in enumerate(cases.items())}
        (folder / "tf.json").write_text(json.dumps(report))
    cases = json.loads((folders[0] / "cases.json").read_text())
    number = {name: str(number) for number, name in enumerate(cases)}
    masked = "RoFormerForMaskedLM, projected"
    others = {
        "fit": check_fit(folders[0] / number["RoFormerForSequenceClassification, plain"]),
        "inputs": {
            name: check_inputs(folders[0] / number[name], cases[name])
            for name in number
            if ", plain" in name and "Model" not in name
        },
        "habits": tf_habits.check(folders[0] / number["RoFormerForSequenceClassification, plain"], generated),
        "generation": check_generation(generated),
        "archive": check_archive(folders[0] / "archive", folders[0] / number[masked], cases[masked]),
        "damaged": refusal_of_a_third(folders[0] / number[masked] / "tf_model.h5" / "tf_model.h5"),
        "golden rotation": golden_rotation(),
        "refused": hiding.refusals(hiding.BESIDE_TENSORFLOW),
    }
    (folders[0] / "tf_others.json").write_text(json.dumps(others))


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(argument) for argument in sys.argv[2:]])
