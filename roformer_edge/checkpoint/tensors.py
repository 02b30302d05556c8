"""All stored tensors of a checkpoint under their canonical names, and the arrays that models are made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from roformer_edge.checkpoint.adapters import Adapter
from roformer_edge.checkpoint.aliases import canonical_names
from roformer_edge.checkpoint.leftovers import matching
from roformer_edge.checkpoint.names import ROTARY_TABLE, Shapes
from roformer_edge.checkpoint.rotary_table import fit_rotary_table, rotary_table
from roformer_edge.checkpoint.weight_file import Array, WeightFile
from roformer_edge.errors import CheckpointError, OptionError, UnsupportedModelError, shown


class StoredTensors:
    """The tensors of several opened files, and of an adapter on them.

    Attributes:
        shapes: Canonical name -> shape of every tensor.
    """

    def __init__(self, files: Sequence[WeightFile], adapter: Adapter | None) -> None:
        self._files = files
        self._adapter = adapter
        self._places: dict[str, list[tuple[WeightFile, str]]] = {}
        canonical = canonical_names(stored for file in files for stored in file.names())
        for file in files:
            for stored in file.names():
                self._places.setdefault(canonical[stored], []).append((file, stored))
        if adapter is not None:
            self._places |= {name: [(adapter.file, stored)] for name, stored in adapter.replaced.items()}
        self.shapes: Shapes = {name: file.shape(stored) for name, [(file, stored), *_] in self._places.items()}
        if adapter is not None:
            self._check_changes(adapter)

    def read(self, name: str) -> Array:
        """Read a tensor, with what the adapter adds to it."""
        file, stored = self._places[name][0]
        array = file.read(stored)
        return array if self._adapter is None else self._adapter.merge(name, array)

    def dtype(self, name: str) -> str:
        """Return the type that a tensor is stored in."""
        file, stored = self._places[name][0]
        return file.dtype(stored)

    def leave_out(self, patterns: Sequence[str]) -> list[str]:
        """Forget the tensors whose canonical names match shell-style patterns, and list them.

        Raises:
            OptionError: A pattern matches no name.
        """
        for pattern in patterns:
            if not matching(self.shapes, [pattern]):
                raise OptionError("ignore_weights", pattern, "a pattern of names that the checkpoint's tensors have")
        names = matching(self.shapes, patterns)
        self.shapes = {name: shape for name, shape in self.shapes.items() if name not in names}
        return names

    def check_single(self, names: Sequence[str]) -> None:
        """Check that tensors are stored once, or alike: under an alias, with a wrapper and without, in two shards.

        Raises:
            CheckpointError: Two that differ claim to be the same tensor.
        """
        for name in names:
            for other, alias in self._places.get(name, [])[1:]:
                file, stored = self._places[name][0]
                if not np.array_equal(file.read(stored), other.read(alias)):
                    raise CheckpointError(
                        f"{file.path} holds two tensors for {name} that differ: '{shown(stored)}' and "
                        f"'{shown(alias)}' of {other.path.name}; keep the model that is meant"
                    )

    def close(self) -> None:
        """Close every file."""
        for file in self._files:
            file.close()
        if self._adapter is not None:
            self._adapter.close()

    def _check_changes(self, adapter: Adapter) -> None:
        for name, shape in adapter.changes().items():
            found = self.shapes.get(name)
            if found != shape:
                has = "no such weight" if found is None else f"one of {shown(list(found))}"
                raise UnsupportedModelError(
                    f"{adapter.file.path} changes '{shown(name)}' of {list(shape)}, and the base has {has}; "
                    "adapter and base do not belong together"
                )


class LazyArrays(Mapping[str, Array]):
    """Canonical arrays, read when asked for and never kept."""

    def __init__(self, tensors: StoredTensors, expected: Shapes, more: Mapping[str, Array] | None = None) -> None:
        """Show some of the stored tensors.

        Args:
            tensors: What is stored.
            expected: The names to show, in this order, with their shapes. The rotary table is cut or continued to its
                shape; what is not stored is the table by its formula, or a bias of zeros.
            more: Small arrays of other files, which are kept.
        """
        self._tensors = tensors
        self._expected = expected
        self._more = more or {}

    def __getitem__(self, name: str) -> Array:
        if name in self._more:
            return self._more[name]
        shape = self._expected[name]
        if name in self._tensors.shapes:
            array = self._tensors.read(name)
            return fit_rotary_table(array, shape[0]) if name == ROTARY_TABLE else array
        return rotary_table(*shape) if name == ROTARY_TABLE else np.zeros(shape, np.float32)

    def __iter__(self) -> Iterator[str]:
        yield from self._expected
        yield from self._more

    def __len__(self) -> int:
        return len(self._expected) + len(self._more)

    def close(self) -> None:
        """Close every file."""
        self._tensors.close()
