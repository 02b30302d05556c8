"""Asking the oracle environment, and a task's figures for statistics of one side."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from roformer_edge.validate.metrics import Metric
from roformer_edge.validate.statistics import count_rows, estimate

FOLDER = Path(__file__).parents[1]


def ask_oracle(python: Path, script: str, cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The oracle's answer to every case."""
    command = [python, FOLDER / script]
    done = subprocess.run(command, input=json.dumps(cases), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def figures_of(rows: np.ndarray, metrics: Sequence[Metric]) -> dict[str, float]:
    """Every metric of one side."""
    counted = count_rows(rows, rows)
    return {metric.name: estimate(counted, metric).candidate for metric in metrics}
