"""Writes HDF5 files whose weights lie elsewhere, opens each, and prints what came of it; run where h5py is."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from roformer_edge.checkpoint.keras_h5 import open_keras
from roformer_edge.errors import CheckpointError

NAME = "classifier/dense/kernel:0"
SHAPE = (4, 4)


def external(file: h5py.File, secret: Path, other: Path) -> None:
    file.create_dataset(NAME, SHAPE, "float32", external=[(str(secret), 0, 64)])


def external_in_pieces(file: h5py.File, secret: Path, other: Path) -> None:
    file.create_dataset(NAME, SHAPE, "float32", external=[(str(secret), 0, 32), ("secret.bin", 32, 32)])


def virtual(file: h5py.File, secret: Path, other: Path) -> None:
    layout = h5py.VirtualLayout(SHAPE, "float32")
    layout[:] = h5py.VirtualSource(other, "kernel", SHAPE)
    file.create_virtual_dataset(NAME, layout)


def external_link(file: h5py.File, secret: Path, other: Path) -> None:
    file[NAME] = h5py.ExternalLink(other, "/kernel")


def external_link_at_the_top(file: h5py.File, secret: Path, other: Path) -> None:
    file["classifier"] = h5py.ExternalLink(other, "/")


def external_group_of_weights(file: h5py.File, secret: Path, other: Path) -> None:
    file["model_weights"] = h5py.ExternalLink(other, "/")


def soft_link_to_an_external_one(file: h5py.File, secret: Path, other: Path) -> None:
    file["elsewhere/kernel"] = h5py.ExternalLink(other, "/kernel")
    file["model_weights/" + NAME] = h5py.SoftLink("/elsewhere/kernel")


def external_under_model_weights(file: h5py.File, secret: Path, other: Path) -> None:
    external(file.create_group("model_weights"), secret, other)


def layer_of_names(file: h5py.File, secret: Path, other: Path) -> None:
    file.create_dataset("a/kernel:0", SHAPE, "float32")
    file.attrs["layer_names"] = ["classifier"]
    file["classifier"] = h5py.ExternalLink(other, "/")


WAYS: tuple[Callable[[h5py.File, Path, Path], None], ...] = (
    external, external_in_pieces, virtual, external_link, external_link_at_the_top, external_group_of_weights,
    soft_link_to_an_external_one, external_under_model_weights, layer_of_names,
)  # fmt: skip


def outcome(path: Path) -> str:
    """What reading every tensor of a file ends in; other errors are the caller's to see."""
    try:
        file = open_keras(path)
        read = [file.read(name).tolist() for name in file.names()]
        file.close()
    except CheckpointError as error:
        return str(error)
    return f"read {read}"


def main(folder: Path) -> None:
    """Try every way."""
    secret, other = folder / "secret.bin", folder / "other.h5"
    secret.write_bytes(np.full(SHAPE, 7, np.float32).tobytes())
    with h5py.File(other, "w") as file:
        file["kernel"] = np.full(SHAPE, 7, np.float32)
    found = {}
    for way in WAYS:
        path = folder / f"{way.__name__}.h5"
        with h5py.File(path, "w") as file:
            way(file, secret, other)
        found[way.__name__] = outcome(path)
    with h5py.File(folder / "honest.h5", "w") as file:
        file[NAME] = np.full(SHAPE, 3, np.float32)
    found["honest"] = outcome(folder / "honest.h5")
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
