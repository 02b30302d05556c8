"""Run by the oracle's interpreter: run our models as optimum does, beside transformers' own on the same checkpoint.

python optimum_outputs.py FOLDER

FOLDER holds a folder for each task with a checkpoint, and in it a folder for each recipe with model.onnx. Prints, as
JSON, the largest absolute difference of the outputs by task and recipe, and the standard deviation of the outputs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import optimum.onnxruntime
import torch
import transformers

# task -> (optimum's class, transformers' class); optimum refuses to run RoFormerForCausalLM
CLASSES = {
    "feature-extraction": ("ORTModelForFeatureExtraction", "RoFormerModel"),
    "fill-mask": ("ORTModelForMaskedLM", "RoFormerForMaskedLM"),
    "text-classification": ("ORTModelForSequenceClassification", "RoFormerForSequenceClassification"),
    "token-classification": ("ORTModelForTokenClassification", "RoFormerForTokenClassification"),
    "question-answering": ("ORTModelForQuestionAnswering", "RoFormerForQuestionAnswering"),
    "multiple-choice": ("ORTModelForMultipleChoice", "RoFormerForMultipleChoice"),
}


def compare(folder: Path, task: str) -> dict[str, tuple[float, float]]:
    """Recipe -> largest difference of any output, standard deviation of the outputs."""
    theirs, original = CLASSES[task]
    reference = getattr(transformers, original).from_pretrained(folder).eval()
    shape = (2, 3, 12) if task == "multiple-choice" else (2, 12)
    random = torch.Generator().manual_seed(1)
    feeds = {
        "input_ids": torch.randint(5, reference.config.vocab_size, shape, generator=random),
        "attention_mask": torch.ones(shape, dtype=torch.int64),
        "token_type_ids": torch.zeros(shape, dtype=torch.int64),
    }
    with torch.no_grad():
        wanted = reference(**feeds)
    found = {}
    for recipe in sorted(path.parent for path in folder.glob("*/model.onnx")):
        answer = getattr(optimum.onnxruntime, theirs).from_pretrained(recipe, file_name="model.onnx")(**feeds)
        pairs = [(np.asarray(answer[name]), wanted[name].numpy()) for name in wanted]
        found[recipe.name] = (
            max(float(np.abs(ours - reference).max()) for ours, reference in pairs),
            float(np.concatenate([reference.ravel() for _, reference in pairs]).std()),
        )
    return found


if __name__ == "__main__":
    root = Path(sys.argv[1])
    print(json.dumps({task: compare(root / task, task) for task in CLASSES}))
