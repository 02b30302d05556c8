"""Runs in the oracle's interpreter: odd checkpoints as transformers and PEFT save them, and their answers.

    python oracle_checkpoints.py FOLDER

writes FOLDER/CASE/ with the checkpoint, inputs.npz (what the model was called with) and logits.npy; and labels.json: of
every config in FOLDER/configs.json the names of its labels.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers.activations import ACT2CLS

TINY = {
    "vocab_size": 30, "embedding_size": 12, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4,
    "intermediate_size": 24, "max_position_embeddings": 32,
}  # fmt: skip
CLASSIFIER = "RoFormerForSequenceClassification"


def random_model(architecture: str, **changes: Any) -> Any:
    torch.manual_seed(1)
    model = getattr(transformers, architecture)(transformers.RoFormerConfig(**{**TINY, **changes})).eval()
    spread(model)
    model.tie_weights()
    return model


def spread(model: torch.nn.Module) -> None:
    """Weights and biases so large that a wrong one shows in the logits."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "embed_positions" not in name:
                parameter.normal_(1.0 if "LayerNorm.weight" in name else 0.0, 0.4)


def write_case(folder: Path, model: Any, length: int = 9) -> None:
    generator = np.random.default_rng(3)
    inputs = {
        "input_ids": generator.integers(1, 30, (2, length)),
        "attention_mask": np.ones((2, length), np.int64),
        "token_type_ids": generator.integers(0, 2, (2, length)),
    }
    inputs["attention_mask"][1, -2:] = 0
    with torch.no_grad():
        logits = model(**{name: torch.from_numpy(array) for name, array in inputs.items()}).logits.numpy()
    folder.mkdir(exist_ok=True)
    np.savez(folder / "inputs.npz", **inputs)
    np.save(folder / "logits.npy", logits)


def edit(folder: Path, change: Callable[[dict[str, torch.Tensor]], object], **config: Any) -> None:
    """Change the tensors and the config of a saved checkpoint."""
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings | config))


def activations(folder: Path) -> None:
    """Every one of transformers, but for those with weights of their own."""
    for name in ACT2CLS:
        if name not in ("prelu", "xielu"):
            model = random_model(CLASSIFIER, hidden_act=name)
            model.save_pretrained(folder / f"activation {name}")
            write_case(folder / f"activation {name}", model)


def pruned(folder: Path) -> None:
    for name, changes in {"pruned": {}, "pruned with rotary value": {"rotary_value": True}}.items():
        model = random_model(CLASSIFIER, **changes)
        model.prune_heads({0: [1, 2], 1: [0]})
        model.save_pretrained(folder / name)
        write_case(folder / name, model)


def positions(folder: Path) -> None:
    """config.json asks for more and for fewer positions than the stored table has."""
    for name, asked in {"more positions": 96, "fewer positions": 16}.items():
        model = random_model(CLASSIFIER)
        model.save_pretrained(folder / name)
        weights = {key: tensor for key, tensor in model.state_dict().items() if "embed_positions" not in key}
        resized = random_model(CLASSIFIER, max_position_embeddings=asked)
        resized.load_state_dict(weights, strict=False)
        write_case(folder / name, resized, length=min(asked, 80))
        edit(folder / name, lambda tensors: None, max_position_embeddings=asked)


def contradictions(folder: Path) -> None:
    """What transformers computes where config.json has keys that it does not read, or the file one tensor too many."""
    model = random_model(CLASSIFIER)
    cases = {
        "pooler activation": {"pooler_activation": "tanh", "use_bias": True, "norm_type": "layer_norm"},
        "no biases said": {"use_bias": False, "norm_type": "rms_norm"},
    }
    for name, config in cases.items():
        model.save_pretrained(folder / name)
        edit(folder / name, lambda tensors: None, **config)
        write_case(folder / name, transformers.RoFormerForSequenceClassification.from_pretrained(folder / name))
    model, name = random_model("RoFormerForMaskedLM"), "another decoder"
    model.save_pretrained(folder / name)
    edit(folder / name, lambda tensors: tensors.update({"cls.predictions.decoder.weight": torch.randn(30, 12)}))
    write_case(folder / name, transformers.RoFormerForMaskedLM.from_pretrained(folder / name).eval())


LORA = {
    "plain": {"r": 4, "lora_alpha": 16, "target_modules": ["query", "value"]},
    "every linear": {"r": 2, "lora_alpha": 3, "target_modules": "all-linear", "modules_to_save": ["classifier"]},
    "ranks": {
        "r": 3, "lora_alpha": 5, "target_modules": ["query", "key", "dense"], "use_rslora": True,
        "rank_pattern": {"query": 5}, "alpha_pattern": {"layer.1.attention.self.key": 9, "query": 7},
    },
    "embeddings and biases": {
        "r": 4, "target_modules": ["word_embeddings", "query"], "bias": "all", "init_lora_weights": "gaussian",
    },
}  # fmt: skip


def adapters(folder: Path) -> None:
    for name, settings in LORA.items():
        place = folder / f"lora {name}"
        random_model(CLASSIFIER).save_pretrained(place / "base")
        base = transformers.RoFormerForSequenceClassification.from_pretrained(place / "base")
        model = get_peft_model(base, LoraConfig(task_type=None, **settings))
        spread(model)
        model.save_pretrained(place / "adapter")
        again = transformers.RoFormerForSequenceClassification.from_pretrained(place / "base")
        write_case(place, PeftModel.from_pretrained(again, place / "adapter").merge_and_unload().eval())


def labels(folder: Path) -> None:
    names = []
    for values in json.loads((folder / "configs.json").read_text()):
        config = transformers.RoFormerConfig.from_dict(values)
        names.append([config.id2label[index] for index in range(config.num_labels)])
    (folder / "labels.json").write_text(json.dumps(names))


if __name__ == "__main__":
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    for part in (activations, pruned, positions, contradictions, adapters, labels):
        part(Path(sys.argv[1]))
