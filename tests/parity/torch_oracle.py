"""Runs in the oracle's interpreter: random transformers models, their inputs, outputs and one SGD step, as files.

    python torch_oracle.py make FOLDER

reads FOLDER/cases.json and writes, for case number N, FOLDER/N/ with the checkpoint as transformers saves it and the
files of torch_case_files.py.

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
from comparison import flatten_output
from torch_case_files import randomise, tensors, write_case
from torch_cases import DECODERS, TINY, TOLERANCE
from transformers import RoFormerConfig


def random_model(case: dict, seed: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    return randomise(getattr(transformers, case["architecture"])(RoFormerConfig(**case["config"])))


def make(folder: Path) -> None:
    for number, case in enumerate(json.loads((folder / "cases.json").read_text()).values()):
        (folder / str(number)).mkdir()
        write_case(folder / str(number), random_model(case, number), case, seed=number)


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
    prompts = tensors({"input_ids": ids, "attention_mask": mask})
    for number, settings in enumerate(json.loads((folder / "generations.json").read_text())):
        torch.manual_seed(number)
        np.save(folder / f"{number}.npy", model.generate(**prompts, **({"top_k": 0} | settings)).numpy())


def check(folder: Path) -> None:
    for saved, architecture, case in json.loads((folder / "saved.json").read_text()):
        model, info = getattr(transformers, architecture).from_pretrained(saved, output_loading_info=True)
        assert not any(info.values()), (architecture, info)
        inputs = tensors(dict(np.load(Path(case) / "inputs.npz")))
        expected = np.load(Path(case) / "outputs.npz")
        for name, array in flatten_output(model(**inputs)).items():
            assert np.abs(array - expected[name]).max() <= TOLERANCE, (architecture, name)


if __name__ == "__main__":
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    {"make": make, "generate": generate, "check": check}[sys.argv[1]](Path(sys.argv[2]))
