"""``manifest.json``: what a bundle is, what lies in it and how it was made."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from roformer_edge.bundle import fields
from roformer_edge.errors import BundleFormatError
from roformer_edge.tasks import TensorSpec

MANIFEST_NAME = "manifest.json"
SCHEMA_VERSION = 1
FORMATS = ("onnx", "tflite")
# role -> what the file is; of each role but "notice" there is one file at most
ROLES = {
    "model": "the graph that the engine runs",
    "weights": "the canonical arrays beside a float graph, so that it can be quantised; no engine reads them",
    "vocabulary": "one token a line",
    "words": "the dictionary of the word segmenter",
    "config": "the architecture, as Hugging Face writes it",
    "recipe": "which scheme every part of the network got, and why",
    "selftest": "texts with the ids and outputs that they must give",
    "card": "the model card",
    "notice": "the licence of something in the bundle",
}

# Limits that hold before anything is parsed.
MAX_MANIFEST_BYTES = 1 << 20
MAX_FILES = 64
MAX_FILE_BYTES = (1 << 31) - 1  # what one protobuf or flatbuffer file can hold

_PART = re.compile(r"[A-Za-z0-9_-]([A-Za-z0-9._-]*[A-Za-z0-9_-])?")


@dataclass(frozen=True, kw_only=True)
class FileEntry:
    """One file of the bundle: its path with forward slashes, its role, its size in bytes and its SHA-256."""

    path: str
    role: str
    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class RecipeReference:
    """Which quantisation recipe was applied: its name, and the SHA-256 of its canonical JSON."""

    name: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class CalibrationRecord:
    """What the ranges of a static recipe were measured on.

    Attributes:
        texts: How many texts were seen.
        sha256: Of those texts.
        observer: The name of the method that made ranges of what it saw.
    """

    texts: int
    sha256: str
    observer: str


@dataclass(frozen=True, kw_only=True)
class ParityRecord:
    """Whether the float32 graph was compared with a reference before it was quantised.

    Attributes:
        checked: False where no reference was at hand; ``reason`` then says why, and the rest is ``None``.
        reference: What the graph was compared with.
        tolerance: The largest absolute difference allowed.
        worst_tensor: The output that differed most.
        max_difference: By how much it differed.
        reason: Why parity was not checked.
    """

    checked: bool
    reference: str | None = None
    tolerance: float | None = None
    worst_tensor: str | None = None
    max_difference: float | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        figures = (self.reference, self.tolerance, self.worst_tensor, self.max_difference)
        if self.checked:
            consistent = None not in figures and self.reason is None
        else:
            consistent = figures == (None,) * 4 and self.reason is not None
        if not consistent:
            raise BundleFormatError(
                "parity that was checked has a reference, a tolerance, a worst tensor and a difference, and no reason; "
                "parity that was not checked has a reason only"
            )


@dataclass(frozen=True, kw_only=True)
class MeasuredLoss:
    """What quantisation cost on labelled data. Scores, drops and agreement are percentages.

    Attributes:
        metric: The figure of merit, such as ``"accuracy"``.
        reference: Its value for the model before quantisation.
        candidate: Its value for the model in the bundle.
        drop: ``reference - candidate``.
        drop_low: Lower end of the drop's 95 % confidence interval.
        drop_high: Upper end of it.
        agreement: Share of the examples that both answer alike.
        examples: How many examples were compared.
        data: Name of the data file.
        data_sha256: SHA-256 of the data file.
    """

    metric: str
    reference: float
    candidate: float
    drop: float
    drop_low: float | None
    drop_high: float | None
    agreement: float
    examples: int
    data: str
    data_sha256: str


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where the bundle comes from.

    Attributes:
        version: Of roformer-edge.
        source: The name of the checkpoint, without the folders above it.
        checkpoint_sha256: Of its weights.
        created: UTC, such as ``2025-01-31T23:59:59Z``; see :func:`creation_time`.
        tools: Versions of the packages that took part.
    """

    version: str
    source: str
    checkpoint_sha256: str
    created: str
    tools: Mapping[str, str]

    def __post_init__(self) -> None:
        if re.search(r"[/\\]", self.source):
            raise BundleFormatError(f"source is a name without folders, found {self.source!r:.80}")
        try:
            time.strptime(self.created, "%Y-%m-%dT%H:%M:%SZ")
        except ValueError:
            raise BundleFormatError(
                f"created must look like 2025-01-31T23:59:59Z, found {self.created!r:.40}"
            ) from None


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The content of ``manifest.json``.

    Attributes:
        schema_version: Of this layout; a reader refuses a newer one.
        task: A name of ``tasks.TASKS``.
        format: Of the model file.
        recipe: The quantisation recipe.
        labels: Names of the classes in the order of the logits; empty for a task without classes.
        inputs: Of the graph, with the dtype that it really takes.
        outputs: Of the graph.
        max_length: The most tokens that one input may have, special tokens included.
        length_buckets: The lengths that inputs are padded to, ascending; empty where the length is dynamic.
        tokenizer: Settings that the tokenizer is rebuilt from.
        files: Every file but the manifest itself.
        calibration: ``None`` where the recipe needed none.
        parity: Of the float32 graph with the reference.
        measured: ``None`` where no labelled data was given.
        minimum_runtime: Package name -> lowest version that runs the model, digits and dots only.
        provenance: Where all this comes from.
    """

    task: str
    format: Literal["onnx", "tflite"]
    recipe: RecipeReference
    labels: tuple[str, ...]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    max_length: int
    tokenizer: Mapping[str, Any]
    parity: ParityRecord
    minimum_runtime: Mapping[str, str]
    provenance: Provenance
    length_buckets: tuple[int, ...] = ()
    calibration: CalibrationRecord | None = None
    measured: MeasuredLoss | None = None
    files: tuple[FileEntry, ...] = ()
    schema_version: int = SCHEMA_VERSION

    @classmethod
    def from_dict(cls, values: object) -> Manifest:
        """Check the parsed content of a ``manifest.json`` and keep it.

        Raises:
            BundleFormatError: A key is missing, unknown or of the wrong type, a path is not allowed, the listing
                contradicts itself, or the schema is newer than this version reads.
        """
        version = fields.anything(values, MANIFEST_NAME).get("schema_version")
        if type(version) is int and version > SCHEMA_VERSION:
            raise BundleFormatError(
                f"{MANIFEST_NAME} is of schema {version}, and this version reads up to {SCHEMA_VERSION}: "
                "upgrade roformer-edge"
            )
        manifest = cls(**fields.read_record(values, _MANIFEST, MANIFEST_NAME))
        _check_lengths(manifest)
        _check_files(manifest.files)
        return manifest

    @classmethod
    def from_json(cls, data: bytes) -> Manifest:
        """:meth:`from_dict` of UTF-8 JSON."""
        return cls.from_dict(fields.parse_object(data, MANIFEST_NAME))

    def to_dict(self) -> dict[str, Any]:
        """The manifest as JSON-able data, every key in the order of docs/bundle.md."""
        values = dataclasses.asdict(self)
        return {key: values[key] for key in _MANIFEST}

    def to_json(self) -> str:
        """:meth:`to_dict` as stable, indented JSON with a final newline."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=2, allow_nan=False) + "\n"

    def replace(self, **changes: Any) -> Manifest:
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    def find(self, role: str) -> FileEntry | None:
        """The file with this role, or ``None``; of several notices the first."""
        return next((entry for entry in self.files if entry.role == role), None)

    @property
    def total_bytes(self) -> int:
        """Size of all listed files."""
        return sum(entry.bytes for entry in self.files)


def creation_time() -> str:
    """The time to record in :class:`Provenance`: now in UTC, or SOURCE_DATE_EPOCH where that is set.

    Raises:
        BundleFormatError: SOURCE_DATE_EPOCH is not a number of seconds.
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(None if epoch is None else int(epoch)))
    except (ValueError, OverflowError, OSError):
        raise BundleFormatError(f"SOURCE_DATE_EPOCH must be whole seconds since 1970, found {epoch!r}") from None


def check_path(value: object, where: str) -> str:
    """A path that means one file on every system, and never one outside the bundle.

    Raises:
        BundleFormatError: Absolute, with a part that begins or ends with a dot, with anything but ASCII letters, digits
            and ``._-`` (so no backslash, drive or control character), or of more than 200 characters.
    """
    path = fields.text(value, where)
    if len(path) > 200 or not all(_PART.fullmatch(part) for part in path.split("/")):
        raise BundleFormatError(
            f"{where} {path!r:.80} is not allowed: a path is relative, of parts separated by '/', and a part is made "
            "of ASCII letters, digits, '.', '_' and '-', with no '.' at either end"
        )
    return path


def version_tuple(value: str) -> tuple[int, ...]:
    """``"1.20.0"`` -> ``(1, 20, 0)``; what follows the last number, such as ``rc1``, is left out."""
    return tuple(int(part) for part in re.match(r"[\d.]*", value)[0].split(".") if part)  # type: ignore[index]


def _version(value: object, where: str) -> str:
    version = fields.text(value, where)
    if not re.fullmatch(r"\d+(\.\d+)*", version, re.ASCII):
        raise BundleFormatError(f"{where} must be numbers separated by dots, found {version!r:.40}")
    return version


def _check_lengths(manifest: Manifest) -> None:
    buckets = manifest.length_buckets
    if list(buckets) != sorted(set(buckets)) or (buckets and buckets[-1] != manifest.max_length):
        raise BundleFormatError(
            f"{MANIFEST_NAME}: length_buckets must ascend and end with max_length {manifest.max_length}, "
            f"found {list(buckets)}"
        )


def _check_files(files: tuple[FileEntry, ...]) -> None:
    if len(files) > MAX_FILES:
        raise BundleFormatError(f"{MANIFEST_NAME} lists {len(files)} files; {MAX_FILES} are allowed")
    taken = {MANIFEST_NAME: MANIFEST_NAME}
    for entry in files:
        # names that differ in case only are one file on many systems
        other = taken.setdefault(entry.path.lower(), entry.path)
        if other is not entry.path:
            raise BundleFormatError(f"{MANIFEST_NAME} lists {entry.path!r}, and {other!r} is the same file")
        if entry.bytes > MAX_FILE_BYTES:
            raise BundleFormatError(
                f"{MANIFEST_NAME}: {entry.path} is said to be of {entry.bytes} bytes; {MAX_FILE_BYTES} are allowed"
            )
    roles = [entry.role for entry in files if entry.role != "notice"]
    for role in roles:
        if roles.count(role) > 1:
            raise BundleFormatError(f"{MANIFEST_NAME} lists {roles.count(role)} files with the role {role!r}")
    if "model" not in roles:
        raise BundleFormatError(f"{MANIFEST_NAME} lists no file with the role 'model'")


_FILE = {
    "path": check_path,
    "role": fields.one_of(*ROLES),
    "bytes": fields.count,
    "sha256": fields.digest,
}
_TENSOR = {"name": fields.text, "dtype": fields.text, "axes": fields.list_of(fields.text)}
_TENSORS = fields.list_of(fields.record(TensorSpec, _TENSOR))
_RECIPE = {"name": fields.text, "sha256": fields.digest}
_CALIBRATION = {"texts": fields.positive, "sha256": fields.digest, "observer": fields.text}
_PARITY = {
    "checked": fields.flag,
    "reference": fields.optional(fields.text),
    "tolerance": fields.optional(fields.number),
    "worst_tensor": fields.optional(fields.text),
    "max_difference": fields.optional(fields.number),
    "reason": fields.optional(fields.text),
}
_MEASURED = {
    "metric": fields.text,
    "reference": fields.number,
    "candidate": fields.number,
    "drop": fields.number,
    "drop_low": fields.optional(fields.number),
    "drop_high": fields.optional(fields.number),
    "agreement": fields.number,
    "examples": fields.positive,
    "data": fields.text,
    "data_sha256": fields.digest,
}
_PROVENANCE = {
    "version": fields.text,
    "source": fields.text,
    "checkpoint_sha256": fields.digest,
    "created": fields.text,
    "tools": fields.mapping_of(fields.text),
}
# in the order in which they are written
_MANIFEST = {
    "schema_version": fields.exactly(SCHEMA_VERSION),
    "task": fields.text,
    "format": fields.one_of(*FORMATS),
    "recipe": fields.record(RecipeReference, _RECIPE),
    "labels": fields.list_of(fields.text),
    "inputs": _TENSORS,
    "outputs": _TENSORS,
    "max_length": fields.positive,
    "length_buckets": fields.list_of(fields.positive),
    "tokenizer": fields.anything,
    "files": fields.list_of(fields.record(FileEntry, _FILE)),
    "calibration": fields.optional(fields.record(CalibrationRecord, _CALIBRATION)),
    "parity": fields.record(ParityRecord, _PARITY),
    "measured": fields.optional(fields.record(MeasuredLoss, _MEASURED)),
    "minimum_runtime": fields.mapping_of(_version),
    "provenance": fields.record(Provenance, _PROVENANCE),
}
