"""One case as files: a random torch model, its inputs, outputs and one step of SGD.

The model is transformers' or ours: both are called alike. A folder gets inputs.npz; labels.npz, or target.npy for the
bare encoder, which has no loss of its own; outputs.npz (names like "logits", "hidden_states.1",
"past_key_values.0.1"); variant.npz, with a head mask and embeddings in place of ids; after.npz, all weights after one
step on the loss; and for a decoder cached.npy, the states or logits of a text read in pieces with a cache.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from comparison import flatten_output
from torch_cases import BATCH, CHOICES, LEARNING_RATE, LENGTH, PADDED, STEPS, caches


def randomise(model: torch.nn.Module) -> torch.nn.Module:
    """Biases and norms leave their zeros and ones."""
    for name, parameter in model.named_parameters():
        if "embed_positions" not in name:
            parameter.data += 0.15 * torch.randn_like(parameter)
    return model.eval()


def random_inputs(config: Any, architecture: str, generator: np.random.Generator) -> dict[str, np.ndarray]:
    shape = (BATCH, CHOICES, LENGTH) if architecture.endswith("MultipleChoice") else (BATCH, LENGTH)
    mask = np.ones(shape, np.int64)
    mask[1, ..., 5:] = 0  # padding on the right
    mask[PADDED] = 0
    mask[3, ..., :2] = 0  # padding on the left
    inputs = {
        "input_ids": generator.integers(0, config.vocab_size, shape),
        "attention_mask": mask,
        "token_type_ids": generator.integers(0, config.type_vocab_size, shape),
    }
    if config.add_cross_attention:
        inputs["encoder_hidden_states"] = generator.normal(size=(BATCH, 6, config.hidden_size)).astype(np.float32)
        inputs["encoder_attention_mask"] = np.array([[1] * 6, [1] * 3 + [0] * 3, [0] * 6, [1] * 6])
    return inputs


def random_labels(config: Any, architecture: str, generator: np.random.Generator) -> dict[str, np.ndarray]:
    if architecture == "RoFormerModel":
        return {}
    if architecture.endswith("QuestionAnswering"):
        starts = generator.integers(0, LENGTH, BATCH)
        return {"start_positions": starts, "end_positions": np.array([*starts[:-1], LENGTH + 7])}  # one outside
    if architecture.endswith("MultipleChoice"):
        return {"labels": generator.integers(0, CHOICES, BATCH)}
    if architecture.endswith("SequenceClassification"):
        if config.num_labels == 1:
            return {"labels": generator.normal(size=BATCH).astype(np.float32)}
        if config.problem_type in ("regression", "multi_label_classification"):
            return {"labels": generator.integers(0, 2, (BATCH, config.num_labels)).astype(np.float32)}
        return {"labels": generator.integers(0, config.num_labels, BATCH)}
    classes = config.num_labels if architecture.endswith("TokenClassification") else config.vocab_size
    labels = generator.integers(0, classes, (BATCH, LENGTH))
    labels[:, ::3] = -100
    return {"labels": labels}


def tensors(arrays: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def loss_of(model: torch.nn.Module, inputs: dict[str, np.ndarray], labels: dict[str, np.ndarray], target: Any) -> Any:
    """The head's own loss; of the bare encoder the mean squared distance of its states to ``target``."""
    output = model(**tensors(inputs), **tensors(labels))
    return output.loss if labels else (output.last_hidden_state - torch.from_numpy(target)).square().mean()


def read_in_pieces(model: torch.nn.Module, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """Logits, or states of the bare model, of a text that is read piece by piece with a cache."""
    given, past, parts = tensors(inputs), None, []
    for start, stop in STEPS:
        piece = {name: given[name][:, start:stop] for name in ("input_ids", "token_type_ids")}
        piece |= {name: given[name] for name in given if name.startswith("encoder_")}
        mask = given["attention_mask"][:, :stop]
        output = model(**piece, attention_mask=mask, past_key_values=past, use_cache=True)
        past = output.past_key_values
        parts.append(output.logits if hasattr(output, "logits") else output.last_hidden_state)
    return torch.cat(parts, dim=1).detach().numpy()


def write_case(folder: Path, model: torch.nn.Module, case: dict[str, Any], seed: int) -> None:
    architecture, generator = case["architecture"], np.random.default_rng(seed)
    model.save_pretrained(folder)
    inputs = random_inputs(model.config, architecture, generator)
    labels = random_labels(model.config, architecture, generator)
    target = generator.normal(size=(BATCH, LENGTH, model.config.hidden_size)).astype(np.float32)
    np.savez(folder / "inputs.npz", **inputs)
    np.savez(folder / "labels.npz", **labels)
    np.save(folder / "target.npy", target)
    output = model(**tensors(inputs | labels), output_attentions=True, output_hidden_states=True)
    np.savez(folder / "outputs.npz", **flatten_output(output))

    heads = torch.ones(model.config.num_hidden_layers, model.config.num_attention_heads)
    heads[0, 0] = 0.0
    variant = tensors(inputs)
    variant["inputs_embeds"] = 2 * model.get_input_embeddings()(variant.pop("input_ids"))
    np.savez(folder / "variant.npz", **flatten_output(model(**variant, head_mask=heads)))

    if caches(case):
        np.save(folder / "cached.npy", read_in_pieces(model, inputs))

    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=LEARNING_RATE)
    loss_of(model, inputs, labels, target).backward()
    optimizer.step()
    np.savez(folder / "after.npz", **{name: tensor.numpy() for name, tensor in model.state_dict().items()})
