"""Runs where TensorFlow and Flax are installed: what our torch models saved and answered, in both.

    python -P frameworks_check.py FOLDER

For every folder in FOLDER loads the classifier and prints, as JSON, the largest difference of its logits from
logits.npy in Keras and in Flax; under "activations" the same of the functions, on activations.npz.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from roformer_edge.models.flax.encoder import ACTIVATIONS as FLAX
from roformer_edge.models.flax.heads import FlaxRoFormerForSequenceClassification
from roformer_edge.models.keras.encoder import ACTIVATIONS as KERAS
from roformer_edge.models.keras.heads import TFRoFormerForSequenceClassification

CLASSES = (TFRoFormerForSequenceClassification, FlaxRoFormerForSequenceClassification)


def main(folder: Path) -> None:
    found = {}
    for case in (path for path in folder.iterdir() if path.is_dir()):
        inputs, expected = dict(np.load(case / "inputs.npz")), np.load(case / "logits.npy")
        models = [model_class.from_pretrained(case) for model_class in CLASSES]
        found[case.name] = [float(np.abs(np.asarray(model(**inputs).logits) - expected).max()) for model in models]
    stored = dict(np.load(folder / "activations.npz"))
    points = stored.pop("points")
    assert stored.keys() == KERAS.keys() == FLAX.keys()
    found["activations"] = {
        name: max(float(np.abs(np.asarray(table[name](points)) - values).max()) for table in (KERAS, FLAX))
        for name, values in stored.items()
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
