"""The torch reference against transformers' RoFormerModel: forward pass, base shape, one thread, same weights.

Run where transformers 4.57 is installed, with this repository on the path:

    PYTHONPATH=. .venv-oracle/bin/python benchmarks/torch_reference.py

Both models run in turn, A B A B, and the processor time of the process counts, so that other work on the machine
shifts both alike. Prints one Markdown row a length: medians in milliseconds, and ours divided by theirs.
"""

from __future__ import annotations

import statistics
import time

import torch
import transformers

from roformer_edge.config import RoFormerConfig
from roformer_edge.models.torch_roformer import RoFormerModel

LENGTHS_AND_ROUNDS = ((16, 30), (128, 16), (512, 8))


def measure(models: list[torch.nn.Module], length: int, rounds: int) -> list[float]:
    """Median milliseconds of each model."""
    ids = torch.randint(1, 1000, (1, length))
    mask = torch.ones_like(ids)
    times: list[list[float]] = [[] for _ in models]
    with torch.no_grad():
        for _ in range(rounds + 1):
            for model, taken in zip(models, times, strict=True):
                start = time.process_time()
                model(ids, attention_mask=mask)
                taken.append(1000 * (time.process_time() - start))
    return [statistics.median(taken[1:]) for taken in times]


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    theirs = transformers.RoFormerModel(transformers.RoFormerConfig()).eval()
    ours = RoFormerModel(RoFormerConfig()).eval()
    ours.load_state_dict(theirs.state_dict())
    print("| length | transformers ms | roformer-edge ms | ratio |\n|---|---|---|---|")
    for length, rounds in LENGTHS_AND_ROUNDS:
        original, reference = measure([theirs, ours], length, rounds)
        print(f"| {length} | {original:.1f} | {reference:.1f} | {reference / original:.2f} |")


if __name__ == "__main__":
    main()
