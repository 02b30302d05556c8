"""Runs in the oracle's interpreter: random transformers models, their inputs, outputs and one SGD step, as files.

    python torch_oracle.py make FOLDER

reads FOLDER/cases.json and writes, for case number N, FOLDER/N/ with the checkpoint as transformers saves it,
inputs.npz, outputs.npz (names like "logits", "hidden_states.1", "past_key_values.0.1"), variant.npz (with a head mask
and embeddings in place of ids) and after.npz: all weights after one step of SGD on the loss.

    python torch_oracle.py generate FOLDER

reads FOLDER/generations.json, a list of keyword arguments for generate, and writes the decoder's checkpoint, the
prompts and, for entry number N, the tokens as FOLDER/N.npy.

    python torch_oracle.py check FOLDER

loads every checkpoint named in FOLDER/saved.json as [checkpoint, architecture, folder of the case] and fails unless
it fits without a missing or spare key and gives the outputs of the case.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
import transformers
from torch_cases import DECODERS, LEARNING_RATE, TINY, TOLERANCE
from transformers import RoFormerConfig
from transformers.cache_utils import EncoderDecoderCache

BATCH, LENGTH, CHOICES = 4, 9, 3


def random_model(case: dict, seed: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    model = getattr(transformers, case["architecture"])(RoFormerConfig(**case["config"]))
    for name, parameter in model.named_parameters():
        if "embed_positions" not in name:  # biases and norms leave their zeros and ones
            parameter.data += 0.15 * torch.randn_like(parameter)
    return model.eval()


def random_inputs(config: RoFormerConfig, architecture: str, generator: np.random.Generator) -> dict[str, np.ndarray]:
    shape = (BATCH, CHOICES, LENGTH) if architecture.endswith("MultipleChoice") else (BATCH, LENGTH)
    mask = np.ones(shape, np.int64)
    mask[1, ..., 5:] = 0  # padding on the right
    mask[2] = 0  # nothing but padding
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


def random_labels(config: RoFormerConfig, architecture: str, generator: np.random.Generator) -> dict[str, np.ndarray]:
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


def flatten(name: str, value: object) -> dict[str, np.ndarray]:
    if isinstance(value, EncoderDecoderCache):
        value = value.to_legacy_cache()
    if isinstance(value, (tuple, list)):
        return {key: array for i, part in enumerate(value) for key, array in flatten(f"{name}.{i}", part).items()}
    return {} if value is None else {name: value.detach().numpy()}


def flatten_output(output: object) -> dict[str, np.ndarray]:
    return {key: array for name, value in output.items() for key, array in flatten(name, value).items()}


def run_case(folder: Path, case: dict, seed: int) -> None:
    architecture = case["architecture"]
    model = random_model(case, seed)
    model.save_pretrained(folder)
    generator = np.random.default_rng(seed)
    inputs = random_inputs(model.config, architecture, generator)
    labels = random_labels(model.config, architecture, generator)
    np.savez(folder / "inputs.npz", **inputs)
    np.savez(folder / "labels.npz", **labels)
    tensors = {name: torch.from_numpy(array) for name, array in (inputs | labels).items()}
    output = model(**tensors, output_attentions=True, output_hidden_states=True)
    np.savez(folder / "outputs.npz", **flatten_output(output))

    # a head mask, and embeddings in place of ids
    heads = torch.ones(model.config.num_hidden_layers, model.config.num_attention_heads)
    heads[0, 0] = 0.0
    tensors = {name: tensor for name, tensor in tensors.items() if name not in labels}
    ids = tensors.pop("input_ids")
    tensors["inputs_embeds"] = 2 * model.get_input_embeddings()(ids)
    output = model(**tensors, head_mask=heads)
    np.savez(folder / "variant.npz", **flatten_output(output))

    if labels:
        tensors = {name: torch.from_numpy(array) for name, array in (inputs | labels).items()}
        loss = model(**tensors).loss
        optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=LEARNING_RATE)
        loss.backward()
        optimizer.step()
        np.savez(folder / "after.npz", **{name: tensor.numpy() for name, tensor in model.state_dict().items()})


def make(folder: Path) -> None:
    for number, case in enumerate(json.loads((folder / "cases.json").read_text()).values()):
        (folder / str(number)).mkdir()
        run_case(folder / str(number), case, seed=number)


def generate(folder: Path) -> None:
    case = {"architecture": "RoFormerForCausalLM", "config": TINY | DECODERS["decoder"]}
    model = random_model(case, seed=5)
    model.save_pretrained(folder)
    generator = np.random.default_rng(5)
    ids = generator.integers(1, model.config.vocab_size, (4, 6))
    mask = np.ones_like(ids)
    mask[1, :2] = mask[2, :5] = 0
    ids[mask == 0] = model.config.pad_token_id
    np.savez(folder / "prompts.npz", input_ids=ids, attention_mask=mask)
    prompts = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
    for number, settings in enumerate(json.loads((folder / "generations.json").read_text())):
        torch.manual_seed(number)
        np.save(folder / f"{number}.npy", model.generate(**prompts, **({"top_k": 0} | settings)).numpy())


def check(folder: Path) -> None:
    for saved, architecture, case in json.loads((folder / "saved.json").read_text()):
        model, info = getattr(transformers, architecture).from_pretrained(saved, output_loading_info=True)
        assert not any(info.values()), (architecture, info)
        inputs = {name: torch.from_numpy(array) for name, array in np.load(Path(case) / "inputs.npz").items()}
        expected = np.load(Path(case) / "outputs.npz")
        for name, array in flatten_output(model(**inputs)).items():
            assert np.abs(array - expected[name]).max() <= TOLERANCE, (architecture, name)


if __name__ == "__main__":
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    {"make": make, "generate": generate, "check": check}[sys.argv[1]](Path(sys.argv[2]))
