"""Calibration: run texts through the float graph and note which values the inputs of its products take."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from roformer_edge.errors import CalibrationError
from roformer_edge.progress import SILENT, ProgressListener
from roformer_edge.quantize.affine import FloatArray, Grid
from roformer_edge.quantize.observers import Observer, ObserverFactory, Range, get_observer

Arrays: TypeAlias = Mapping[str, NDArray[Any]]
Run: TypeAlias = Callable[[Arrays], Arrays]

MASK = "attention_mask"


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What calibration saw, small enough to be saved beside a recipe.

    Attributes:
        ranges: Tensor name -> the range to quantise.
        channel_maxima: Tensor name -> the largest magnitude in each channel (last axis); empty where not recorded.
        texts: Number of texts.
        tokens: Number of their tokens, padding left out.
        observer: The method with its parameters, such as ``percentile(99.99)``.
        grid: The grid that the ranges were chosen for.
        digest: SHA-256, in hexadecimal, of the token ids seen and of the settings. It does not depend on the order
            of the texts, nor on how they were batched and padded.
    """

    ranges: Mapping[str, Range]
    channel_maxima: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    texts: int
    tokens: int
    observer: str
    grid: Grid
    digest: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as data that JSON can hold, for the record in a bundle."""
        return {
            "observer": self.observer,
            "grid": asdict(self.grid),
            "texts": self.texts,
            "tokens": self.tokens,
            "digest": self.digest,
            "ranges": {name: list(bounds) for name, bounds in self.ranges.items()},
            "channel_maxima": {name: list(maxima) for name, maxima in self.channel_maxima.items()},
        }


def calibrate(
    run: Run,
    batches: Iterable[Arrays],
    tensors: Sequence[str],
    *,
    observer: str | ObserverFactory = "percentile",
    grid: Grid | None = None,
    channels: bool = True,
    multipliers: Mapping[str, FloatArray] | None = None,
    progress: ProgressListener = SILENT,
) -> Calibration:
    """Find the range of every tensor over some texts.

    Padding is left out, and nothing is kept from one batch to the next but counts: memory does not grow with the
    number of texts. How the texts are batched, padded and ordered does not matter, beyond what floating point noise
    in ``run`` does.

    Args:
        run: The float graph: feeds -> tensors, at least those named. They have the shape
            ``[batch, sequence, ...]``, or ``[batch, width]`` after pooling.
        batches: Feeds, integers of shape ``[batch, sequence]``, one of them ``attention_mask`` with 0 at padding.
        tensors: The names of the tensors to watch.
        observer: A row of ``OBSERVERS``, or what makes an observer from a tensor's name and the grid.
        grid: The grid that the tensors will be quantised to; asymmetric uint8 where None.
        channels: Note the largest magnitude of every channel as well.
        multipliers: Tensor name -> what its channels are multiplied by before they are watched, ``[width]``.
        progress: Told after each batch how many texts were seen.

    Raises:
        CalibrationError: There were no texts, no tokens or no tensors, a tensor is missing, has another shape or
            holds NaN or infinity, or a batch has no ``attention_mask``.
        UnknownNameError: There is no such observer.
    """
    if not tensors:
        raise CalibrationError("calibration was asked for no tensor at all")
    grid = Grid() if grid is None else grid
    make = get_observer(observer) if isinstance(observer, str) else observer
    watches = {tensor: _Watch(tensor, make(tensor, grid), channels) for tensor in tensors}
    seen = _Seen()
    for feeds in batches:
        mask = _mask_of(feeds)
        if not mask.any():
            continue
        seen.add(feeds, mask)
        outputs = run(feeds)
        for tensor, watch in watches.items():
            if tensor not in outputs:
                raise CalibrationError(f"the graph has no output {tensor!r}; it has: {', '.join(outputs)}")
            values = _without_padding(tensor, outputs[tensor], mask)
            watch.update(values * multipliers[tensor] if multipliers and tensor in multipliers else values)
        progress.step(seen.texts, None)
    if not seen.tokens:
        raise CalibrationError("calibration saw no tokens; give it texts like those the model will meet")
    ranges = {tensor: watch.observer.range() for tensor, watch in watches.items()}
    settings = sorted({watch.observer.settings for watch in watches.values()})
    return Calibration(
        ranges=ranges,
        channel_maxima={tensor: watch.maxima() for tensor, watch in watches.items()} if channels else {},
        texts=seen.texts,
        tokens=seen.tokens,
        observer=", ".join(settings),
        grid=grid,
        digest=seen.digest({"observer": settings, "grid": asdict(grid), "tensors": sorted(tensors)}),
    )


class _Watch:
    """One tensor's observer and the largest magnitude of each of its channels."""

    def __init__(self, tensor: str, observer: Observer, channels: bool) -> None:
        self.tensor = tensor
        self.observer = observer
        self._channels = channels
        self._maxima: FloatArray | None = None

    def update(self, values: FloatArray) -> None:
        self.observer.update(values)
        if not self._channels:
            return
        others = tuple(range(values.ndim - 1))
        maxima = np.maximum(values.max(axis=others), -values.min(axis=others)).astype(np.float32)
        if self._maxima is not None and self._maxima.shape != maxima.shape:
            raise CalibrationError(
                f"{self.tensor!r} had {self._maxima.size} channels in one batch and {maxima.size} in another"
            )
        self._maxima = maxima if self._maxima is None else np.maximum(self._maxima, maxima)

    def maxima(self) -> tuple[float, ...]:
        return () if self._maxima is None else tuple(self._maxima.tolist())


class _Seen:
    """Counts the texts, and sums up their fingerprints so that the order does not matter."""

    def __init__(self) -> None:
        self.texts = 0
        self.tokens = 0
        self._sum = 0

    def add(self, feeds: Arrays, mask: NDArray[np.bool_]) -> None:
        """Take in one batch; rows that are all padding are no texts."""
        self.texts += int(mask.any(axis=1).sum())
        self.tokens += int(mask.sum())
        inputs = {name: np.asarray(ids) for name, ids in sorted(feeds.items()) if name != MASK}
        for row in np.flatnonzero(mask.any(axis=1)):
            text = hashlib.sha256()
            for name, array in inputs.items():
                if array.shape != mask.shape:
                    continue
                ids = array[row][mask[row]].astype("<i8")
                text.update(f"{name}:{len(ids)}:".encode() + ids.tobytes())
            self._sum = (self._sum + int.from_bytes(text.digest(), "big")) % 2**256

    def digest(self, settings: Mapping[str, Any]) -> str:
        """SHA-256 of the texts and of the settings."""
        whole = {"ids": f"{self._sum:064x}", "texts": self.texts, **settings}
        return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def _mask_of(feeds: Arrays) -> NDArray[np.bool_]:
    if MASK not in feeds:
        raise CalibrationError(f"a batch has no {MASK!r}, so padding cannot be left out; it has: {', '.join(feeds)}")
    mask: NDArray[np.bool_] = np.asarray(feeds[MASK]).astype(np.bool_)
    if mask.ndim != 2:
        raise CalibrationError(f"{MASK!r} must have the shape [batch, sequence], found {list(mask.shape)}")
    return mask


def _without_padding(tensor: str, values: FloatArray, mask: NDArray[np.bool_]) -> FloatArray:
    """Select the vectors of the tokens, ``[tokens, ...]``, or those of the texts where the sequence was pooled."""
    if values.ndim >= 3 and values.shape[:2] == mask.shape:
        return values if mask.all() else values[mask]
    texts: NDArray[np.bool_] = np.any(mask, axis=1)
    if values.ndim == 2 and len(values) == len(mask):
        return values if texts.all() else values[texts]
    raise CalibrationError(
        f"{tensor!r} has the shape {list(values.shape)}; it must start with [batch, sequence] = {list(mask.shape)}, "
        f"or be [batch, width] with a batch of {len(mask)}"
    )
