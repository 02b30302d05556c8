"""Runs where TensorFlow and Flax are installed: texts longer than a checkpoint's positions.

    python longer_check.py FOLDER

FOLDER holds a checkpoint of the bare encoder, ids.npy longer than it reads, and states.npy: what torch made of them
after ``extend_positions``. Writes longer.json: framework -> largest absolute difference.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from roformer_edge.config import RoFormerConfig
from roformer_edge.models.flax.heads import FlaxRoFormerModel
from roformer_edge.models.keras.heads import TFRoFormerModel

folder = Path(sys.argv[1])
ids, wanted = np.load(folder / "ids.npy"), np.load(folder / "states.npy")
longer = RoFormerConfig.from_pretrained(folder).replace(max_position_embeddings=ids.shape[1])
report = {}
for framework, model_class in (("tensorflow", TFRoFormerModel), ("flax", FlaxRoFormerModel)):
    found = np.asarray(model_class.from_pretrained(folder, config=longer)(ids).last_hidden_state)
    report[framework] = float(np.abs(found - wanted).max())
(folder / "longer.json").write_text(json.dumps(report))
