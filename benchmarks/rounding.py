"""What 8 bits cost at best: trained models whose products are rounded in PyTorch, and nothing else that an engine does.

    python -m benchmarks.rounding [NAME ...] [--limit 500]

The inputs of every linear layer are rounded to so many bits with a range for each token, its weights with a range for
each output; embeddings, attention, norms and sums stay float32. No integer recipe of so many bits can be expected to
agree with the float model more often than this. The models are those of :mod:`benchmarks.accuracy_models` that are
there.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch

from benchmarks import record
from benchmarks.accuracy import all_cases, open_side, read
from roformer_edge.validate import torch_session
from roformer_edge.validate.data.examples import spread_sample
from roformer_edge.validate.options import CompareOptions
from roformer_edge.validate.runner import compare_all

# bits of inputs, bits of weights; None for float32
WIDTHS = ((8, None), (None, 8), (8, 8), (10, 10))
NAMES = ("encoder_features", "encoder_mlm", "uner_gsdsimp", "cmrc2018", "tang_next_line")


def main() -> None:
    parser = argparse.ArgumentParser(description="What rounding alone costs trained models.")
    parser.add_argument("names", nargs="*", metavar="NAME", default=NAMES, help=f"models (default: {', '.join(NAMES)})")
    parser.add_argument("--limit", type=int, default=500, help="test examples at most (default: 500)")
    args = parser.parse_args()
    cases = {name: case for name, case in all_cases() if case.checkpoint.is_dir()}
    rows = [row for name in args.names for row in measure(name, cases[name], args.limit)]
    print(record.write("rounding", {"examples_at_most": args.limit, "threads": 1}, rows))


def measure(name: str, case: Any, limit: int) -> Iterator[dict[str, Any]]:
    """Compare a model with itself, rounded, at every width."""
    reference = open_side(case, case.checkpoint)
    examples = spread_sample(read(case, "test", reference), limit)
    for inputs, weights in WIDTHS:
        with opened_models() as opened:
            side = open_side(case, case.checkpoint)
        round_products(opened[-1], inputs, weights)
        report = compare_all(reference, [side], examples, CompareOptions(task=case.task, timed=0, watched=0))[0]
        row = {
            "name": name,
            "inputs": bits(inputs),
            "weights": bits(weights),
            "metric": report.gated.name,
            "drop": round(report.gated.drop, 3),
            "agreement": round(100 * report.agreement.share, 2),
            "examples": report.data.examples,
        }
        print(*row.values(), flush=True)
        yield row


def bits(width: int | None) -> str:
    return "float32" if width is None else f"{width} bits"


@contextmanager
def opened_models() -> Iterator[list[torch.nn.Module]]:
    """Take down the models that PyTorch sessions open within the block."""
    models: list[torch.nn.Module] = []
    opening = torch_session._open_model

    def noted(*arguments: Any) -> torch.nn.Module:
        model: torch.nn.Module = opening(*arguments)
        models.append(model)
        return model

    with mock.patch.object(torch_session, "_open_model", noted):
        yield models


@torch.no_grad()
def round_products(model: torch.nn.Module, inputs: int | None, weights: int | None) -> None:
    """Round weights once, and inputs at every call."""
    for layer in model.modules():
        if not isinstance(layer, torch.nn.Linear):
            continue
        if weights is not None:
            layer.weight = torch.nn.Parameter(rounded(layer.weight, weights))
        if inputs is not None:
            layer.register_forward_pre_hook(lambda _, given, width=inputs: (rounded(given[0], width), *given[1:]))


def rounded(values: torch.Tensor, width: int) -> torch.Tensor:
    """Round to whole steps of a range that is symmetric around zero, one for each row."""
    most = 2 ** (width - 1) - 1
    step = values.abs().amax(-1, keepdim=True).clamp_min(1e-12) / most
    return (values / step).round().clamp(-most, most) * step


if __name__ == "__main__":
    main()
