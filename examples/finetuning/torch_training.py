"""The training loop of the PyTorch examples, and the answers of a trained model."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

Arrays = Mapping[str, Any]


def train(
    model: torch.nn.Module, arrays: Arrays, *, epochs: int, batch: int = 32, rate: float = 1e-3, seed: int = 0
) -> None:
    """Teach ``model`` the labels among ``arrays`` with AdamW; the rate rises for a tenth of the steps, then falls."""
    rows = len(arrays["input_ids"])
    lengths = arrays["attention_mask"].reshape(rows, -1).sum(-1)
    steps = epochs * -(-rows // batch)
    rng = np.random.default_rng(seed)
    adam = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        adam, rate, total_steps=max(2, steps), pct_start=0.1, anneal_strategy="linear", cycle_momentum=False
    )
    model.train()
    started, losses = time.perf_counter(), []
    for chosen in (chosen for _ in range(epochs) for chosen in batches(lengths, batch, rng)):
        loss = model(**tensors(arrays, chosen)).loss
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        schedule.step()
        losses.append(loss.item())
        if len(losses) % 100 == 0 or len(losses) == steps:
            recent = np.mean(losses[-100:])
            print(
                f"step {len(losses)} of {steps}: loss {recent:.3f}, {time.perf_counter() - started:.0f} s", flush=True
            )
    model.eval()


def batches(lengths: Any, batch: int, rng: np.random.Generator) -> list[Any]:
    """The numbers of all rows in random batches of rows of like length, which leaves little padding to compute."""
    order = rng.permutation(len(lengths))
    pools = np.array_split(order, -(-len(order) // (16 * batch)))
    order = np.concatenate([pool[np.argsort(lengths[pool], kind="stable")] for pool in pools])
    found = np.array_split(order, -(-len(order) // batch))
    return [found[number] for number in rng.permutation(len(found))]


def predict(model: torch.nn.Module, arrays: Arrays) -> Any:
    """The best class of every row or token."""
    return _answers(model, arrays, lambda output: output.logits.argmax(-1))


def predict_spans(model: torch.nn.Module, arrays: Arrays) -> Any:
    """For every row the logits of where an answer starts and of where it ends, ``[2, rows, tokens]``."""
    logits = _answers(model, arrays, lambda output: torch.stack([output.start_logits, output.end_logits], 1))
    return np.moveaxis(logits, 1, 0)


def _answers(model: torch.nn.Module, arrays: Arrays, answer: Callable[[Any], torch.Tensor]) -> Any:
    inputs = {name: arrays[name] for name in ("input_ids", "attention_mask", "token_type_ids")}
    with torch.inference_mode():
        places = np.array_split(np.arange(len(inputs["input_ids"])), -(-len(inputs["input_ids"]) // 128))
        return np.concatenate([answer(model(**tensors(inputs, chosen, trim=False))).numpy() for chosen in places])


def tensors(arrays: Arrays, chosen: Any, *, trim: bool = True) -> dict[str, torch.Tensor]:
    """The chosen rows; ``trim`` leaves out the positions where all of them are padding."""
    mask = arrays["attention_mask"][chosen]
    used = mask.reshape(-1, mask.shape[-1]).any(0) if trim else slice(None)
    shape, found = arrays["attention_mask"].shape, {}
    for name, array in arrays.items():
        rows = array[chosen]
        found[name] = torch.from_numpy(rows[..., used] if array.shape == shape else rows).long()
    return found
