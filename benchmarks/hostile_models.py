"""The models of :mod:`benchmarks.accuracy_models` with outlier channels, as large pretrained encoders have them.

    python -m benchmarks.hostile_models [NAME ...] [--variant values|rotary_pairs|norms ...]

Three kinds, each of a model that was trained:

- ``values``: a few value channels times 60, undone in the product that reads them;
- ``rotary_pairs``: a few rotated pairs of the query times 60, those of the key divided by as much;
- ``norms``: three channels of every layer norm times 9 to 24, what reads them divided by as much, and then trained as
  long as the model was before: the sum around each sublayer makes it another function.

The first two compute what the model computed. They are written to ``.cache/accuracy/NAME.VARIANT``.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

import roformer_edge
from benchmarks.accuracy_models import CACHE, MODELS, Model, model, read, train
from roformer_edge.checkpoint.loading import load_architecture
from roformer_edge.checkpoint.saving import save_checkpoint
from roformer_edge.config import RoFormerConfig
from roformer_edge.tokenizer import RoFormerTokenizer

FACTOR = 60.0
# channel -> how many times as large the layer norms make it
NORM_CHANNELS = {17: 24.0, 101: 15.0, 202: 9.0}
# the rows whose models are the encoder, fine-tuned: their channels are those that are named here
FINE_TUNED = {name: row for name, row in MODELS.items() if isinstance(row, Model)}
Arrays = dict[str, np.ndarray]


def values(arrays: Arrays, config: RoFormerConfig) -> None:
    """Make three value channels of every layer large, and the columns that read them small."""
    for layer in range(config.num_hidden_layers):
        prefix, rng = f"roformer.encoder.layer.{layer}.attention", np.random.default_rng(layer)
        chosen = rng.choice(config.hidden_size, 3, replace=False)
        for name in (f"{prefix}.self.value.weight", f"{prefix}.self.value.bias"):
            arrays[name][chosen] *= FACTOR
        arrays[f"{prefix}.output.dense.weight"][:, chosen] /= FACTOR


def rotary_pairs(arrays: Arrays, config: RoFormerConfig) -> None:
    """Make four rotated pairs of every layer's query large, and those of its key small."""
    for layer in range(config.num_hidden_layers):
        prefix, rng = f"roformer.encoder.layer.{layer}.attention.self", np.random.default_rng(layer)
        pairs = rng.choice(config.hidden_size // 2, 4, replace=False)
        chosen = np.concatenate([2 * pairs, 2 * pairs + 1])
        for part in ("weight", "bias"):
            arrays[f"{prefix}.query.{part}"][chosen] *= FACTOR
            arrays[f"{prefix}.key.{part}"][chosen] /= FACTOR


def norms(arrays: Arrays, config: RoFormerConfig) -> None:
    """Make three channels of every layer norm large, and the columns of the products that read them small."""
    channels, factors = np.array(list(NORM_CHANNELS)), np.array(list(NORM_CHANNELS.values()), np.float32)
    signs = np.where(np.arange(len(channels)) % 2, -1, 1).astype(np.float32)
    for norm, readers in _norms(arrays, config):
        arrays[f"{norm}.weight"][channels] *= factors
        arrays[f"{norm}.bias"][channels] = arrays[f"{norm}.bias"][channels] * factors + signs * factors / 2
        for reader in readers:
            arrays[f"{reader}.weight"][:, channels] /= factors


def _norms(arrays: Arrays, config: RoFormerConfig) -> Iterator[tuple[str, list[str]]]:
    """Every layer norm of the encoder with the linear layers that read it."""
    heads = ("classifier.dense", "classifier", "cls.predictions.transform.dense", "qa_outputs")
    head = [name for name in heads if f"{name}.weight" in arrays]
    layers = [f"roformer.encoder.layer.{layer}" for layer in range(config.num_hidden_layers)]
    projections = [[f"{layer}.attention.self.{part}" for part in ("query", "key", "value")] for layer in layers]
    yield "roformer.embeddings.LayerNorm", projections[0]
    for layer, after in zip(layers, [*projections[1:], head], strict=True):
        yield f"{layer}.attention.output.LayerNorm", [f"{layer}.intermediate.dense"]
        yield f"{layer}.output.LayerNorm", after


# variant -> (what changes the arrays, whether the model is trained afterwards)
VARIANTS: dict[str, tuple[Callable[[Arrays, RoFormerConfig], None], bool]] = {
    "values": (values, False),
    "rotary_pairs": (rotary_pairs, False),
    "norms": (norms, True),
}


def hostile(name: str, variant: str) -> Path:
    """The checkpoint of a model in a variant, made when it is not there."""
    folder = CACHE / f"{name}.{variant}"
    if not folder.exists():
        draft = CACHE / f".{folder.name}"
        shutil.rmtree(draft, ignore_errors=True)
        _make(name, variant, draft)
        draft.rename(folder)
    return folder


def _make(name: str, variant: str, folder: Path) -> None:
    change, trained = VARIANTS[variant]
    row, start = FINE_TUNED[name], model(name)
    checkpoint = load_architecture(start, row.architecture)
    arrays = {key: np.array(array) for key, array in checkpoint.arrays.items()}
    change(arrays, checkpoint.config)
    tokenizer = RoFormerTokenizer.from_pretrained(str(start))
    if not trained:
        save_checkpoint(folder, checkpoint.config, row.architecture, arrays)
    else:
        torch.manual_seed(1)
        network = getattr(roformer_edge, row.architecture).from_arrays(checkpoint.config, arrays)
        rows = read(row.data, "train")
        labels = row.labels(rows)
        data = row.arrays(tokenizer, rows[:: row.every], labels, row)
        train(network, data, batch=row.batch, rate=row.rate, seed=1)
        network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(FINE_TUNED))
    parser.add_argument("--variant", action="append", choices=VARIANTS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name in args.names or FINE_TUNED:
        for variant in args.variant or VARIANTS:
            print(f"{name}.{variant}: {hostile(name, variant)}", flush=True)


if __name__ == "__main__":
    main()
