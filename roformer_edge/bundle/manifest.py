"""``manifest.json``: what a bundle is, what lies in it and how it was made."""

from __future__ import annotations

import dataclasses
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from roformer_edge.errors import BundleFormatError
from roformer_edge.records import (
    Constraint,
    Count,
    DottedVersion,
    PositiveInt,
    Sha256,
    one_of,
    parse_object,
    read_record,
    to_json,
    to_values,
)
from roformer_edge.signatures import BATCHING, DEFAULT, Signature, alternatives

MANIFEST_NAME = "manifest.json"
# names that model files point to
VOCABULARY_NAME = "vocab.txt"
LABELS_NAME = "labels.txt"
SCHEMA_VERSION: Final = 2
# role -> what the file is; of each role but "notice" there is one file at most
ROLES = {
    "model": "the graph that the engine runs",
    "weights": "the canonical arrays beside a float graph, so that it can be quantised; no engine reads them",
    "vocabulary": "one token a line",
    "words": "the dictionary of the word segmenter",
    "unicode": "what characters are and become, for the tokenizer",
    "config": "the architecture, as Hugging Face writes it",
    "recipe": "which scheme every part of the network got, and why",
    "crf": "the transitions between labels of tokens",
    "sentence": "how the graph makes one vector of a text",
    "selftest": "texts with the ids and outputs that they must give",
    "labels": "the labels, one a line in the order of the logits, for readers of TFLite's own metadata",
    "card": "the model card",
    "notice": "the licence of something in the bundle",
}

# Limits that hold before anything is parsed.
MAX_MANIFEST_BYTES = 1 << 20
MAX_FILES = 64
MAX_FILE_BYTES = (1 << 31) - 1  # what one protobuf or flatbuffer file can hold

_PART = r"[A-Za-z0-9_-]([A-Za-z0-9._-]*[A-Za-z0-9_-])?"
# a path that means one file on every system, and never one outside the bundle
_PATH = Constraint(
    "a relative path of 200 characters at most, of parts separated by '/', each of ASCII letters, digits, '.', '_' and "
    "'-', with no '.' at either end",
    re.compile(rf"(?=.{{1,200}}\Z){_PART}(/{_PART})*").fullmatch,
)
# owner/model
_HUB_NAME = re.compile(rf"{_PART}/{_PART}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class FileEntry:
    """One file of the bundle: its path with forward slashes, its role, its size in bytes and its SHA-256."""

    path: Annotated[str, _PATH]
    role: Annotated[str, one_of(ROLES)]
    bytes: Count
    sha256: Sha256


@dataclass(frozen=True, kw_only=True)
class RecipeReference:
    """Which quantisation recipe was applied: its name, and the SHA-256 of its canonical JSON."""

    name: str
    sha256: Sha256


@dataclass(frozen=True, kw_only=True)
class CalibrationRecord:
    """What the ranges of a static recipe were measured on.

    Attributes:
        texts: How many texts were seen.
        sha256: SHA-256 of those texts.
        observer: The name of the method that made ranges of what it saw.
    """

    texts: PositiveInt
    sha256: Sha256
    observer: str


@dataclass(frozen=True, kw_only=True)
class ParityRecord:
    """Whether the float32 graph was compared with a reference before it was quantised.

    Attributes:
        checked: False where no reference was at hand; ``reason`` then says why, and the rest is ``None``.
        reference: What the graph was compared with.
        tolerance: What was allowed for the smaller of the two differences, in every tensor that was compared.
        worst_tensor: The tensor that came closest to the tolerance.
        absolute_difference: The largest absolute difference of any of its values.
        relative_difference: That difference, divided by the reference's largest absolute value of the tensor.
        reason: Why parity was not checked.
    """

    checked: bool
    reference: str | None = None
    tolerance: float | None = None
    worst_tensor: str | None = None
    absolute_difference: float | None = None
    relative_difference: float | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        figures = (self.tolerance, self.absolute_difference, self.relative_difference)
        facts = (self.reference, self.worst_tensor, *figures)
        if self.checked:
            consistent = None not in facts and self.reason is None
        else:
            consistent = set(facts) == {None} and self.reason is not None
        if not consistent:
            raise BundleFormatError(
                "parity that was checked has a reference, a tolerance, a worst tensor and its differences, and no "
                "reason; parity that was not checked has a reason only"
            )


@dataclass(frozen=True, kw_only=True)
class MeasuredLoss:
    """What quantisation cost on labelled data, by the metric of the task.

    Attributes:
        metric: The figure of merit, such as ``"accuracy"``.
        unit: The unit of the figures of the metric, such as ``"%"``; empty for a pure number.
        reference: The metric of the model before quantisation.
        candidate: The metric of the model in the bundle.
        drop: How much worse the candidate is, in that unit; below 0 where it is better.
        low: Lower end of the drop's 95 % confidence interval, or ``None`` where there is none.
        high: Upper end of it.
        agreement: Share of the answers that both give alike, in percent, or ``None`` where answers are not alike or
            unlike.
        examples: How many examples were compared.
        data: Name of the data file.
        data_sha256: SHA-256 of the data.
    """

    metric: str
    unit: str
    reference: float
    candidate: float
    drop: float
    low: float | None
    high: float | None
    agreement: float | None
    examples: PositiveInt
    data: str
    data_sha256: Sha256


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where the bundle comes from.

    Attributes:
        version: The version of roformer-edge that made it.
        source: The name of the checkpoint, without the folders above it; ``owner/model`` of one from a model hub.
        checkpoint_sha256: SHA-256 of its weights.
        created: UTC, such as ``2025-01-31T23:59:59Z``; see :func:`creation_time`.
        tools: Versions of the packages that took part.
    """

    version: str
    source: str
    checkpoint_sha256: Sha256
    created: str
    tools: Mapping[str, str]

    def __post_init__(self) -> None:
        if re.search(r"[/\\]", self.source) and not _HUB_NAME.fullmatch(self.source):
            raise BundleFormatError(f"source is a name without folders, or owner/model, found {self.source!r:.80}")
        try:
            # the digits are looked at first, because fromisoformat takes other spellings too; not strptime, whose
            # import takes longer than all the rest of this module
            datetime.fromisoformat(self.created[:-1] if _TIME.fullmatch(self.created) else "")
        except ValueError:
            raise BundleFormatError(
                f"created must look like 2025-01-31T23:59:59Z, found {self.created!r:.40}"
            ) from None


@dataclass(frozen=True, kw_only=True, repr=False)
class Manifest:
    """The content of ``manifest.json``.

    Attributes:
        schema_version: The version of this layout; a reader refuses any other.
        task: A name of ``tasks.TASKS``.
        format: The format of the model file, a name of ``formats.FORMATS``.
        recipe: The quantisation recipe.
        labels: Names of the classes in the order of the logits; empty for a task without classes.
        signatures: Name -> what the graph takes and gives when it is called so, with the dtypes that it really takes.
            One is called ``default``; those that compute the same differ in fixed sizes.
        max_length: The most tokens that one input may have, special tokens included.
        tokenizer: Settings that the tokenizer is rebuilt from.
        session: Option of the engine -> its value, for the options that answers depend on.
        batching: Which rows are computed together where nobody asks for more; a key of ``signatures.BATCHING``.
        files: Every file but the manifest itself.
        calibration: What calibration saw; ``None`` where the recipe needed none.
        parity: How far the float32 graph is from the reference.
        measured: What quantisation cost; ``None`` where no labelled data was given.
        notes: What is worth saying of the checkpoint's files, a sentence each: what is not used of them, and what
            decided where they contradict each other.
        minimum_runtime: Package name -> lowest version that runs the model, digits and dots only.
        provenance: Where all this comes from.
    """

    schema_version: Literal[2] = SCHEMA_VERSION
    task: str
    format: str
    recipe: RecipeReference
    labels: tuple[str, ...]
    signatures: Mapping[str, Signature]
    max_length: PositiveInt
    tokenizer: Mapping[str, Any]
    session: Mapping[str, str]
    batching: Annotated[str, one_of(BATCHING)] = "any"
    files: tuple[FileEntry, ...] = ()
    calibration: CalibrationRecord | None = None
    parity: ParityRecord
    measured: MeasuredLoss | None = None
    notes: tuple[str, ...] = ()
    minimum_runtime: Mapping[str, DottedVersion]
    provenance: Provenance

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Manifest:
        """Check the parsed content of a ``manifest.json`` and keep it.

        Raises:
            BundleFormatError: A key is missing, unknown or of the wrong type, a path is not allowed, the listing
                contradicts itself, or the schema is not the one that this version reads.
        """
        version = values.get("schema_version")
        if type(version) is int and version > SCHEMA_VERSION:
            raise BundleFormatError(
                f"{MANIFEST_NAME} is of schema {version}, and this version reads schema {SCHEMA_VERSION}: "
                "upgrade roformer-edge"
            )
        if type(version) is int and version == 1:
            raise BundleFormatError(
                f"{MANIFEST_NAME} is of schema 1, so the bundle was made by roformer-edge 0.1.0.dev, and this version "
                f"reads schema {SCHEMA_VERSION}: deploy the checkpoint again"
            )
        manifest = read_record(cls, values, MANIFEST_NAME, BundleFormatError)
        _check_signatures(manifest)
        _check_files(manifest.files)
        return manifest

    @classmethod
    def from_json(cls, data: bytes) -> Manifest:
        """Read :meth:`from_dict`'s values from UTF-8 JSON."""
        return cls.from_dict(parse_object(data, MANIFEST_NAME, BundleFormatError))

    def to_dict(self) -> dict[str, Any]:
        """Write the manifest as JSON values, every key in the order of docs/bundle.md."""
        return to_values(self)  # type: ignore[no-any-return]  # a dataclass becomes an object

    def to_json(self) -> str:
        """Write :meth:`to_dict` as stable, indented JSON with a final newline."""
        return to_json(self)

    def replace(self, **changes: Any) -> Manifest:
        """Make a copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    def __repr__(self) -> str:
        return (
            f"Manifest(task={self.task!r}, format={self.format!r}, recipe={self.recipe.name!r}, "
            f"labels={len(self.labels)}, files={len(self.files)}, bytes={self.total_bytes})"
        )

    def find(self, role: str) -> FileEntry | None:
        """Find the file with this role, or ``None``; of several notices the first."""
        return next((entry for entry in self.files if entry.role == role), None)

    @property
    def lengths(self) -> tuple[int, ...]:
        """The lengths in tokens that the graph is made for, ascending; empty where any length will do."""
        found = [one.length for one in alternatives(self.signatures).values()]
        return tuple(length for length in found if length is not None)

    @property
    def total_bytes(self) -> int:
        """Size of all listed files."""
        return sum(entry.bytes for entry in self.files)


def creation_time() -> str:
    """Tell the time to record in :class:`Provenance`: now in UTC, or SOURCE_DATE_EPOCH where that is set.

    Raises:
        BundleFormatError: SOURCE_DATE_EPOCH is not a number of seconds.
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(None if epoch is None else int(epoch)))
    except (ValueError, OverflowError, OSError):
        raise BundleFormatError(f"SOURCE_DATE_EPOCH must be whole seconds since 1970, found {epoch!r}") from None


def check_path(value: str, where: str) -> str:
    """Return a path that means one file on every system, and never one outside the bundle.

    Raises:
        BundleFormatError: Absolute, with a part that begins or ends with a dot, with anything but ASCII letters, digits
            and ``._-`` (so no backslash, drive or control character), or of more than 200 characters.
    """
    if not _PATH.allows(value):
        raise BundleFormatError(f"{where} must be {_PATH.requirement}, found {value!r:.80}")
    return value


def _check_signatures(manifest: Manifest) -> None:
    signatures, where = manifest.signatures, f"{MANIFEST_NAME}: signatures"
    if DEFAULT not in signatures:
        raise BundleFormatError(f"{where} holds no {DEFAULT!r}, by which a graph is called unless there is a reason")
    for name, signature in signatures.items():
        tensors = (*signature.inputs, *signature.outputs)
        if not signature.inputs or not signature.outputs or len({spec.name for spec in tensors}) != len(tensors):
            raise BundleFormatError(f"{where}: {name!r:.40} must have inputs and outputs, each of a name of its own")
        if any(len(spec.axes) < 2 for spec in signature.inputs):
            raise BundleFormatError(f"{where}: {name!r:.40} must have inputs of two axes at least, rows and tokens")
    found, limit = [one.length for one in alternatives(signatures).values()], manifest.max_length
    if len(set(found)) != len(found) or (found[-1] or limit) != limit or max(manifest.lengths, default=0) > limit:
        raise BundleFormatError(
            f"{where}: those that compute the same must be for different lengths, and the longest for max_length "
            f"{limit}; found {', '.join(str(length or 'any') for length in found)}"
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
