"""``.rfe``: a bundle as one zip archive, the same bytes for the same bundle on every machine."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from roformer_edge.bundle.manifest import MANIFEST_NAME, MAX_FILE_BYTES, FileEntry
from roformer_edge.bundle.reader import Bundle, open_bundle
from roformer_edge.bundle.storage import MODEL_NAME
from roformer_edge.bundle.writer import check_target
from roformer_edge.errors import BundleError, exists_already
from roformer_edge.formats import get_format
from roformer_edge.temporary import TemporaryPath, writable, write_file

ARCHIVE_SUFFIX = ".rfe"
# of a TFLite model with the other files in an archive at its end
MODEL_SUFFIX = ".tflite"
# the earliest time that a zip entry can have
_EPOCH = (1980, 1, 1, 0, 0, 0)
# where the name of an archive's first entry begins, and how it and its content begin in every archive written here
_FIRST_NAME, _FIRST = 30, MANIFEST_NAME.encode() + b'{\n  "schema_version"'


def pack_directory(directory: str | Path, out: str | Path, *, overwrite: bool = False) -> Path:
    """Verify the bundle in ``directory`` and write it as one archive.

    Entries are stored uncompressed, in the order of the manifest and without times, so the archive depends on the
    bundle only, and a phone can map the model straight from it. Weights hardly shrink anyway.

    Args:
        directory: The bundle.
        out: The file to write. One that ends in ``.tflite`` is the TFLite model of the bundle, with the archive of the
            other files behind it: engines read it as a model, and ``unzip`` as an archive.
        overwrite: Replace what is there, if it is such a file of a bundle.

    Returns:
        The archive's path.

    Raises:
        BundleError: The bundle is broken, is not of TFLite where ``out`` is to be a model, ``out`` exists and
            ``overwrite`` is not set, lies in the bundle, or would exceed 2 GiB.
        OutputError: It cannot be written.
    """
    out = Path(out)
    _check_free(out, overwrite=overwrite)
    if out.resolve().is_relative_to(Path(directory).resolve()):
        raise BundleError(f"{out} lies in the bundle that is to be packed; choose a place outside")
    with open_bundle(directory) as bundle, TemporaryPath(out) as temporary:
        bundle.verify()
        if bundle.manifest.total_bytes > MAX_FILE_BYTES - (1 << 22):
            raise BundleError(f"{directory} is larger than the 2 GiB that a {ARCHIVE_SUFFIX} archive may have")
        check_packed(out, bundle.manifest.format, overwrite=overwrite)
        model = bundle.entry("model") if out.suffix == MODEL_SUFFIX else None
        if model is not None and model.path != MODEL_NAME:
            raise BundleError(
                f"{directory} calls its model {model.path}, and a model that stands alone is {MODEL_NAME}"
            )
        with writable(out), temporary.path.open("xb") as stream:
            if model is not None:
                stream.writelines(bundle.pieces(model))
            with zipfile.ZipFile(stream, "w") as archive:
                for path, pieces in _contents(bundle, without=model):
                    with archive.open(_entry(path), "w") as entry:
                        for piece in pieces:
                            entry.write(piece)
            stream.flush()
            os.fsync(stream.fileno())
        return temporary.publish(partial(_check_free, out, overwrite=overwrite))


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
        return temporary.publish(partial(check_target, Path(out), overwrite=overwrite))


def check_packed(out: Path, format_name: str, *, overwrite: bool) -> None:
    """Make sure that a bundle of a format may be written as the file ``out``.

    Raises:
        BundleError: Something is there, or the name is that of a TFLite model and the format is another.
    """
    _check_free(out, overwrite=overwrite)
    if out.suffix == MODEL_SUFFIX and get_format(format_name).file_name != MODEL_NAME:
        raise BundleError(
            f"{out} is to be a TFLite model, and the bundle is one of {format_name}; choose a name that ends in "
            f"{ARCHIVE_SUFFIX}"
        )


def _check_free(out: Path, place: Path | None = None, *, overwrite: bool) -> None:
    place = place or out
    if not os.path.lexists(place):
        return
    if not overwrite:
        raise BundleError(exists_already(out))
    if place.is_symlink() or not place.is_file() or not _is_ours(place):
        raise BundleError(f"{out} is no archive of a bundle, so it will not be overwritten; choose another place")


def _is_ours(file: Path) -> bool:
    """Tell whether a file is an archive of a bundle, the rest of one that was cut, or empty."""
    with file.open("rb") as stream:
        beginning = stream.read(_FIRST_NAME + len(_FIRST))
    if not beginning or beginning[_FIRST_NAME:] == _FIRST:
        return True
    try:
        open_bundle(file, verify=False).close()
    except BundleError:
        return False
    return True


def _contents(
    bundle: Bundle, *, without: FileEntry | None = None
) -> Iterator[tuple[str, Iterable[bytes | memoryview]]]:
    yield MANIFEST_NAME, (bundle.manifest_bytes,)
    for entry in bundle.manifest.files:
        if entry is not without:
            yield entry.path, bundle.pieces(entry)


def _entry(path: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(path, date_time=_EPOCH)
    info.create_system = 3  # Unix, wherever it is written
    info.external_attr = 0o100644 << 16
    return info
