"""What gives the arrays of a trained model outlier channels, as large pretrained encoders have them.

Three kinds, by their names in :data:`VARIANTS`:

- ``values``: a few value channels times 60, undone in the product that reads them;
- ``rotary_pairs``: a few rotated pairs of the query times 60, those of the key divided by as much;
- ``norms``: three channels of every layer norm times 9 to 24, what reads them divided by as much.

The first two compute what the model computed. The third does not, because of the sum around each sublayer, and is to be
trained afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from roformer_edge.config import RoFormerConfig

FACTOR = 60.0
# channel -> how many times as large the layer norms make it; the channels of a model of WIDTH
NORM_CHANNELS = {17: 24.0, 101: 15.0, 202: 9.0}
WIDTH = 256
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
    channels = outlier_channels(config)
    factors = np.array(list(NORM_CHANNELS.values()), np.float32)
    signs = np.where(np.arange(len(channels)) % 2, -1, 1).astype(np.float32)
    for norm, readers in _norms(arrays, config):
        arrays[f"{norm}.weight"][channels] *= factors
        arrays[f"{norm}.bias"][channels] = arrays[f"{norm}.bias"][channels] * factors + signs * factors / 2
        for reader in readers:
            arrays[f"{reader}.weight"][:, channels] /= factors


def outlier_channels(config: RoFormerConfig) -> np.ndarray:
    """Number the channels that :func:`norms` makes large."""
    return np.array(list(NORM_CHANNELS)) * config.hidden_size // WIDTH


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


# variant -> what changes the arrays
VARIANTS: dict[str, Callable[[Arrays, RoFormerConfig], None]] = {
    "values": values,
    "rotary_pairs": rotary_pairs,
    "norms": norms,
}
# those that compute what the model computed
EXACT = ("values", "rotary_pairs")
