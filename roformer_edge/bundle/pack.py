"""``.rfe``: a bundle as one zip archive, the same bytes for the same bundle on every machine."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from roformer_edge.bundle.manifest import MANIFEST_NAME, MAX_FILE_BYTES
from roformer_edge.bundle.reader import Bundle, open_bundle
from roformer_edge.bundle.writer import check_target
from roformer_edge.errors import BundleError
from roformer_edge.temporary import TemporaryPath, writable, write_file

ARCHIVE_SUFFIX = ".rfe"
# the earliest time that a zip entry can have
_EPOCH = (1980, 1, 1, 0, 0, 0)


def pack_directory(directory: str | Path, out: str | Path, *, overwrite: bool = False) -> Path:
    """Verify the bundle in ``directory`` and write it as one archive.

    Entries are stored uncompressed, in the order of the manifest and without times, so the archive depends on the
    bundle only, and a phone can map the model straight from it. Weights hardly shrink anyway.

    Returns:
        The archive's path.

    Raises:
        BundleError: The bundle is broken, ``out`` exists and ``overwrite`` is not set, lies in the bundle, or would
            exceed 2 GiB.
        OutputError: It cannot be written.
    """
    out = Path(out)
    if out.exists() and (not overwrite or not out.is_file()):
        raise BundleError(f"{out} exists already; choose another place, or ask for it to be overwritten")
    if out.resolve().is_relative_to(Path(directory).resolve()):
        raise BundleError(f"{out} lies in the bundle that is to be packed; choose a place outside")
    with open_bundle(directory) as bundle, TemporaryPath(out) as temporary:
        bundle.verify()
        if bundle.manifest.total_bytes > MAX_FILE_BYTES - (1 << 22):
            raise BundleError(f"{directory} is larger than the 2 GiB that a {ARCHIVE_SUFFIX} archive may have")
        with writable(out), temporary.path.open("xb") as stream:
            with zipfile.ZipFile(stream, "w") as archive:
                for path, pieces in _contents(bundle):
                    with archive.open(_entry(path), "w") as entry:
                        for piece in pieces:
                            entry.write(piece)
            stream.flush()
            os.fsync(stream.fileno())
        return temporary.publish()


def unpack(archive: str | Path, out: str | Path, *, overwrite: bool = False) -> Path:
    """Verify an archive file by file while writing it as the directory ``out``; return that directory.

    Raises:
        BundleError: The archive is broken, or ``out`` may not be replaced (see ``BundleWriter``).
        OutputError: It cannot be written.
    """
    check_target(Path(out), overwrite=overwrite)
    with open_bundle(archive) as bundle, TemporaryPath(out) as temporary:
        with writable(Path(out)):
            temporary.path.mkdir()
        for path, pieces in _contents(bundle):
            write_file(temporary.path / path, pieces, Path(out))
        return temporary.publish()


def _contents(bundle: Bundle) -> Iterator[tuple[str, Iterable[bytes]]]:
    yield MANIFEST_NAME, (bundle.manifest_bytes,)
    for entry in bundle.manifest.files:
        yield entry.path, bundle.pieces(entry)


def _entry(path: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(path, date_time=_EPOCH)
    info.create_system = 3  # Unix, wherever it is written
    info.external_attr = 0o100644 << 16
    return info
