"""A weight file once it is opened: its tensors by name, whatever format they are stored in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roformer_edge.errors import CheckpointError, RoFormerEdgeError, shown

Array = NDArray[np.float32]

# The types that weights may be stored in; they are read as float32.
FLOATS = ("float64", "float32", "float16", "bfloat16")


@dataclass(frozen=True, kw_only=True)
class StoredTensor:
    """One tensor of an opened file, not read yet.

    Attributes:
        name: Its name in the file.
        dtype: The stored type: one of ``FLOATS``, or another one under the name that the format gives it.
        shape: The stored dimensions.
        load: Reads it, at each call anew.
        transposed: Whether the file holds the transpose of what PyTorch would.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    load: Callable[[], NDArray[Any]]
    transposed: bool = False


class WeightFile:
    """An opened weight file.

    It is opened once and stays open until :meth:`close`. A tensor is read from it every time it is asked for and never
    kept, so that whoever goes through a model of any size holds one tensor at a time.

    Attributes:
        path: The file.
        layer_norm_eps: The constant of its norms, where the framework that wrote it asks no config for it.
        notes: Sentences on what else the file holds.
    """

    def __init__(
        self,
        path: Path,
        tensors: Mapping[str, StoredTensor],
        *,
        close: Callable[[], object] | None = None,
        layer_norm_eps: float | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        """Hold what a format's opener found.

        Args:
            path: The file.
            tensors: The tensors by the names that PyTorch would give them, in the order of the file.
            close: Lets go of the file.
            layer_norm_eps: See the class.
            notes: See the class.
        """
        self.path = path
        self.layer_norm_eps = layer_norm_eps
        self.notes = tuple(notes)
        self._tensors: Mapping[str, StoredTensor] | None = tensors
        self._close = close

    def names(self) -> Collection[str]:
        """Return the names that PyTorch would use, in the order of the file."""
        return self._opened().keys()

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of what :meth:`read` gives, without reading it."""
        tensor = self._opened()[name]
        return tensor.shape[::-1] if tensor.transposed else tensor.shape

    def dtype(self, name: str) -> str:
        """Return the type that a tensor is stored in: one of ``FLOATS``, or what the format calls it."""
        return self._opened()[name].dtype

    def read(self, name: str) -> Array:
        """Read a tensor as a float32 array of its own, matrices ``[out, in]``.

        Raises:
            CheckpointError: It is not stored as floating-point numbers, holds one that is not finite, or the file was
                closed or has become shorter.
        """
        tensor = self._opened()[name]
        place = f"{self.path}: tensor '{shown(tensor.name)}'"
        if tensor.dtype not in FLOATS:
            raise CheckpointError(
                f"{place} is stored as {shown(tensor.dtype)}; weights must be one of: {', '.join(FLOATS)} "
                "(a quantised checkpoint cannot be the source)"
            )
        with foreign_reader(self.path):
            stored = tensor.load()
            array: Array = np.asarray(stored.T if tensor.transposed else stored, dtype=np.float32, order="C")
        # the extremes carry NaN and infinity without a mask as long as the tensor
        if array.size and not (np.isfinite(array.min()) and np.isfinite(array.max())):
            raise CheckpointError(f"{place} holds NaN or infinity; the checkpoint is broken")
        return array

    def close(self) -> None:
        """Let go of the file; whoever reads from it later is told so."""
        self._tensors = None
        if self._close is not None:
            self._close()
            self._close = None

    def _opened(self) -> Mapping[str, StoredTensor]:
        if self._tensors is None:
            raise CheckpointError(f"{self.path} was closed; load the checkpoint again to read from it")
        return self._tensors


def damaged(path: Path) -> CheckpointError:
    """Make the error for a file that its library cannot read."""
    return CheckpointError(f"{path} is truncated or not what its name says; copy or download it again")


@contextmanager
def foreign_reader(path: Path) -> Iterator[None]:
    """Turn whatever a library stumbles over in a file into an error that names the file.

    Libraries raise errors of any type at damaged files and at files that were made to harm.
    """
    try:
        yield
    except RoFormerEdgeError:
        raise
    except MemoryError:
        raise CheckpointError(
            f"{path} asks for more memory than there is: it is damaged, or too large for this machine"
        ) from None
    except Exception:  # noqa: BLE001 - untrusted files; what the library said means nothing to people
        raise damaged(path) from None
