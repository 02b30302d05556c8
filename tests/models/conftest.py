"""What torch computed, and what the Keras and Flax models make of the same in the environment that has both."""

from __future__ import annotations

import json
import os
import subprocess
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from roformer_edge import config
from roformer_edge.models.torch import attention, heads, losses
from roformer_edge.models.torch.encoder import ACTIVATIONS

HERE = Path(__file__).parent
SHAPE = config.RoFormerConfig(
    vocab_size=30, embedding_size=12, hidden_size=16, num_hidden_layers=2, num_attention_heads=4,
    intermediate_size=24, max_position_embeddings=32, initializer_range=0.4,
)  # fmt: skip
SHAPES: dict[str, dict[str, Any]] = {
    "pruned": {"pruned_heads": {0: (1,)}, "rotary_value": True},
    "v2 with projection": {"norm_type": "rms_norm", "use_bias": False},
    "rms norms with biases": {"norm_type": "rms_norm"},
    "layer norms without biases": {"use_bias": False},
    **{f"activation {name}": {"hidden_act": name} for name in ("quick_gelu", "laplace", "gelu_10")},
}
ARCHITECTURES = [
    "RoFormerModel",
    "RoFormerForMaskedLM",
    "RoFormerForCausalLM",
    "RoFormerForSequenceClassification",
    "RoFormerForTokenClassification",
    "RoFormerForQuestionAnswering",
    "RoFormerForMultipleChoice",
]
INPUTS = {
    "input_ids": np.arange(1, 15, dtype=np.int64).reshape(2, 7),
    "attention_mask": np.array([[1] * 7, [1] * 4 + [0] * 3]),
    "token_type_ids": np.array([[0] * 3 + [1] * 4] * 2),
}


@dataclass(frozen=True)
class Frameworks:
    """The report of ``frameworks_program.py``, and what torch generated."""

    report: dict[str, Any]
    generated: list[list[int]]
    stopped: list[list[int]]


@pytest.fixture(scope="session")
def frameworks(frameworks_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Frameworks:
    folder = tmp_path_factory.mktemp("frameworks")
    np.savez(folder / "inputs.npz", **INPUTS)
    for number, (name, changes) in enumerate(SHAPES.items()):
        model = save(folder / "shapes" / name, "RoFormerForSequenceClassification", SHAPE.replace(**changes), number)
        np.save(folder / "shapes" / name / "logits.npy", answers(model, INPUTS)["logits"])
    for number, architecture in enumerate(ARCHITECTURES):
        case = folder / "heads" / architecture
        # the bare model has the encoder of the classifier
        model = save(case, architecture, SHAPE.replace(is_decoder="Causal" in architecture), number % 3)
        choices = "Choice" in architecture
        inputs = {name: array[:, None].repeat(3, 1) if choices else array for name, array in INPUTS.items()}
        if choices:
            inputs["input_ids"] = (inputs["input_ids"] + np.arange(3)[:, None]) % 30
        np.savez(case / "inputs.npz", **inputs)
        np.savez(case / "outputs.npz", **answers(model, inputs))
    bare, headed = (folder / "heads" / name for name in ("RoFormerModel", "RoFormerForSequenceClassification"))
    share_encoder(bare, headed)
    save_attention(folder)
    save_losses(folder)
    points = torch.linspace(-12, 12, 501)
    functions = {name: function(points).numpy() for name, function in ACTIVATIONS.items()}
    np.savez(folder / "activations.npz", points=points.numpy(), **functions)
    generated, stopped = save_generation(folder)
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1]), "CUDA_VISIBLE_DEVICES": ""}
    # -P: beside the script lie folders that are called like the frameworks
    command = [frameworks_python, "-P", HERE / "frameworks_program.py", folder]
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return Frameworks(json.loads(done.stdout.splitlines()[-1]), generated, stopped)


def save(folder: Path, architecture: str, shape: config.RoFormerConfig, seed: int) -> Any:
    """Save a random model whose biases and norms matter."""
    torch.manual_seed(seed)
    model = getattr(heads, architecture)(shape).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter) * 0.4)
    model.save_pretrained(folder)
    return model


def share_encoder(bare: Path, headed: Path) -> None:
    """Save the encoder of one model as another, and its answers to the same inputs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the head is not used
        model = heads.RoFormerModel.from_pretrained(headed).eval()
    model.save_pretrained(bare)
    np.savez(bare / "outputs.npz", **answers(model, INPUTS))


def answers(model: Any, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Everything that a model returns and that is one tensor."""
    with torch.no_grad():
        output = model(**{name: torch.from_numpy(array) for name, array in inputs.items()})
    found = {name: value.numpy() for name, value in output.items() if isinstance(value, torch.Tensor)}
    assert all(np.abs(value).max() > 0.3 for value in found.values())
    return found


def save_attention(folder: Path) -> None:
    torch.manual_seed(1)
    states, angles = torch.randn(2, 3, 5, 8), torch.randn(5, 4)
    masks = {"flat": torch.tensor([[1, 1, 0], [1, 0, 0]]), "square": torch.tril(torch.ones(2, 3, 3, dtype=torch.int64))}
    np.savez(
        folder / "attention.npz",
        states=states,
        sines=angles.sin(),
        cosines=angles.cos(),
        rotated=attention.rotate(states, (angles.sin(), angles.cos())),
        **masks,
        **{f"{name} added": attention.additive_mask(mask, torch.float32) for name, mask in masks.items()},
    )


def save_losses(folder: Path) -> None:
    torch.manual_seed(2)
    texts, tokens = torch.randn(4, 3), torch.randn(2, 5, 3)
    one, several = torch.tensor([2, 0, -100, 1]), torch.tensor([[1.0, 0, 1], [0, 0, 1], [0, 1, 0], [1, 1, 1]])
    each = torch.tensor([[2, -100, 0, 1, 1], [-100, 1, 2, 0, -100]])
    starts, ends = torch.tensor([0, 7]), torch.tensor([4, 3])
    cases = {
        "cross_entropy of tokens": (tokens, each),
        "next_token_loss of tokens": (tokens, each),
        "sequence_loss derived one": (texts, one),
        "sequence_loss derived several": (texts, several),
        "sequence_loss derived regression": (texts[:, :1], torch.tensor([0.5, -1, 2, 0])),
        "sequence_loss single_label_classification": (texts, one),
        "sequence_loss multi_label_classification": (texts, several),
        "sequence_loss regression": (texts, several),
        "span_loss of positions": (tokens[..., 0], tokens[..., 1], starts, ends),
    }
    stored: dict[str, torch.Tensor] = {}
    for name, arguments in cases.items():
        function, kind, *_ = name.split()
        options = [None if kind == "derived" else kind] if function == "sequence_loss" else []
        stored[f"{name} loss"] = getattr(losses, function)(*arguments, *options)
        stored |= {f"{name} loss argument {place}": argument for place, argument in enumerate(arguments)}
    np.savez(folder / "losses.npz", **stored)


def save_generation(folder: Path) -> tuple[list[list[int]], list[list[int]]]:
    model = heads.RoFormerForCausalLM.from_pretrained(folder / "heads" / "RoFormerForCausalLM").eval()
    rows = {
        "input_ids": torch.tensor([[0, 0, 5, 6], [7, 8, 9, 10]]),
        "attention_mask": torch.tensor([[0, 0, 1, 1], [1, 1, 1, 1]]),
    }
    generated = model.generate(**rows, max_new_tokens=6)
    stop = generated[0, 5]  # so that one row ends before the other, or both
    stopped = model.generate(**rows, max_new_tokens=6, eos_token_id=int(stop), pad_token_id=0)
    np.savez(folder / "generation.npz", **rows, stop=stop)
    return generated.tolist(), stopped.tolist()
