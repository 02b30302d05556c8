"""Runs where Flax is installed: our Flax models on cases of torch models, and beside the Flax original.

    python flax_check.py FOLDER...

reads, in every FOLDER, cases.json and for case number N the files in N; writes flax.json: case name -> check -> largest
absolute difference. What TensorFlow saved as N/tf is loaded and saved again as N/flax.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import flax_habits
import hiding
import jax
import jax.numpy as jnp
import numpy as np
from comparison import difference_of_weights, differences, refusal_of_a_third, without
from torch_cases import LEARNING_RATE, flax_cases

from roformer_edge.checkpoint.rotary_table import rotary_table
from roformer_edge.models.flax import heads
from roformer_edge.models.flax.attention import rotate

EVERYTHING = {"output_attentions": True, "output_hidden_states": True}


def load(folder: Path, case: dict[str, Any]) -> Any:
    return getattr(heads, f"Flax{case['architecture']}").from_pretrained(folder)


def check(folder: Path, case: dict[str, Any], compiled: bool) -> dict[str, float]:
    model = load(folder, case)
    inputs, labels = dict(np.load(folder / "inputs.npz")), dict(np.load(folder / "labels.npz"))
    expected, target = dict(np.load(folder / "outputs.npz")), np.load(folder / "target.npy")
    output = model(**inputs, **labels, **EVERYTHING)
    found = differences(output, expected)
    listed = [inputs[name].tolist() for name in ("input_ids", "attention_mask", "token_type_ids")]
    by_position = model(*listed, None, model.params, None, False, True, True)
    found["by position"] = max(differences(by_position, without(("loss",), expected)).values())
    if compiled:
        jitted = jax.jit(lambda params: model(**inputs, **labels, **EVERYTHING, params=params))
        found["under jit"] = max(differences(jitted(model.params), expected).values())
    if (folder / "flax_original.npz").exists():
        original = differences(without_loss(output), dict(np.load(folder / "flax_original.npz")))
        found |= {f"{kind} of the original": worst for kind, worst in original.items()}

    heads = np.ones((model.config.num_hidden_layers, model.config.num_attention_heads), np.float32)
    heads[0, 0] = 0
    words = model.canonical_arrays()["roformer.embeddings.word_embeddings.weight"][inputs["input_ids"]]
    variant = {name: array for name, array in inputs.items() if name != "input_ids"}
    output = model(**variant, inputs_embeds=2 * words, head_mask=heads)
    found["head mask and embeddings"] = max(differences(output, dict(np.load(folder / "variant.npz"))).values())

    def loss(params: Any) -> jax.Array:
        output = model(**inputs, **labels, params=params)
        return output.loss if labels else jnp.square(output.last_hidden_state - target).mean()

    step = jax.tree.map(
        lambda weight, slope: weight - LEARNING_RATE * slope, model.params, jax.grad(loss)(model.params)
    )
    stepped = type(model)(model.config, params=step).canonical_arrays()
    found["gradient step"] = difference_of_weights(stepped, dict(np.load(folder / "after.npz")))

    load(folder, case).save_pretrained(folder / "flax", load(folder / "tf", case).params)
    for file in ("flax_model.msgpack", "flax_model.msgpack in shards"):
        if (folder / file).exists():
            read = load(folder / file, case).canonical_arrays()
            found[file] = difference_of_weights(read, model.canonical_arrays())
    return found


def without_loss(output: Any) -> dict[str, Any]:
    """The original has none."""
    return {name: output[name] for name in output if name != "loss"}


def golden_rotation() -> list[float]:
    """See tests/checkpoint/test_rotary.py."""
    states = (np.arange(2 * 12 * 16 * 64, dtype=np.float32) / 100).reshape(2, 12, 16, 64)
    return np.asarray(rotate(states, tuple(np.split(rotary_table(16, 64), 2, axis=1))))[0, 0, 1, :8].tolist()


def main(folders: list[Path]) -> None:
    for folder in folders:
        cases = json.loads((folder / "cases.json").read_text())
        report: dict[str, Any] = {}
        for number, (name, case) in enumerate(cases.items()):
            if name in flax_cases(cases):
                report[name] = check(folder / str(number), case, compiled=name.endswith((", plain", ", v2")))
        (folder / "flax.json").write_text(json.dumps(report))
    names = list(json.loads((folders[0] / "cases.json").read_text()))
    masked = folders[0] / str(names.index("RoFormerForMaskedLM, rotary value"))
    others = {
        "damaged": refusal_of_a_third(masked / "flax_model.msgpack" / "flax_model.msgpack"),
        "habits": flax_habits.check(folders[0] / str(names.index("RoFormerForSequenceClassification, plain"))),
        "golden rotation": golden_rotation(),
        "refused": hiding.refusals(hiding.BESIDE_FLAX),
    }
    (folders[0] / "flax_others.json").write_text(json.dumps(others))


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
