"""The folder of a job's answers: one file a shard, whole or not there, and a record of what they are answers to.

``job.json`` says which input, bundle and options; ``part-00000.jsonl`` holds the answers to a shard, in the order of
its rows; ``bad-00000.jsonl`` holds the rows of it that could not be answered, where there are any. A shard is done when
its part has its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

from roformer_edge._version import __version__
from roformer_edge.bulk.shards import Shard, bad_rows, digest_of_file, names_of
from roformer_edge.errors import BackendError, OutputError, RoFormerEdgeError
from roformer_edge.records import Count, PositiveInt, Sha256, parse_object, read_record, to_json
from roformer_edge.temporary import TemporaryPath, replace_file, writable, write_file

RECORD_NAME = "job.json"
# Workers that may be lost over a shard. Ray gives it to another one each time, and a row that is the end of whoever
# computes it would be given away for ever.
MOST_ATTEMPTS = 5

# hears what is wrong with a row
Skip = Callable[[RoFormerEdgeError], None]
# a shard and who hears of bad rows -> the lines of its answers, as bytes
Answer = Callable[[Shard, Skip], Iterator[bytes]]


@dataclass(frozen=True, kw_only=True)
class InputFile:
    """A file of the input: its path within it, its size and its digest."""

    name: str
    bytes: Count
    sha256: Sha256


@dataclass(frozen=True, kw_only=True)
class JobRecord:
    """What decides the answers of a job; two jobs with the same record have the same files.

    Attributes:
        job_version: The version of this layout.
        package: The version of roformer-edge.
        bundle: The digest of the bundle.
        options: What else was asked for.
        rows: The most rows of a shard.
        inputs: The files, in their order.
    """

    job_version: Literal[1] = 1
    package: str = __version__
    bundle: Sha256
    options: Mapping[str, Any]
    rows: PositiveInt
    inputs: tuple[InputFile, ...]


# field of a record -> how people call it
_WORDS = {
    "package": "the version of roformer-edge",
    "bundle": "the bundle",
    "rows": "the rows of a shard",
    "inputs": "the input files",
}


class Counts(NamedTuple):
    """Rows of a shard that were answered, and those that could not be."""

    answers: int
    bad: int


def describe_files(files: Sequence[Path]) -> tuple[InputFile, ...]:
    """Describe the files of an input; all of them are read.

    Raises:
        DatasetError: One cannot be read.
    """
    return tuple(
        InputFile(name=name, sha256=digest_of_file(file), bytes=file.stat().st_size)
        for file, name in zip(files, names_of(files), strict=True)
    )


class JobFolder:
    """The folder of a job.

    Args:
        path: Where it is, or is to be.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def claim(self, record: JobRecord) -> None:
        """Make the folder this job's, or see that it is.

        Raises:
            OutputError: It holds something else, or cannot be written.
        """
        known = self.path / RECORD_NAME
        if known.is_file():
            self._refuse_other(_read_record(known), record)
        elif self.path.exists() and not (self.path.is_dir() and not any(self.path.iterdir())):
            raise OutputError(f"{self.path} is there, and no folder of a job; choose another place for the answers")
        else:
            replace_file(known, to_json(record).encode())

    def _refuse_other(self, found: JobRecord, record: JobRecord) -> None:
        differing = [
            name for name in ("package", "bundle", "rows", "inputs") if getattr(found, name) != getattr(record, name)
        ]
        names = {*found.options, *record.options}
        differing += sorted(name for name in names if found.options.get(name) != record.options.get(name))
        if differing:
            words = ", ".join(_WORDS.get(name, name) for name in differing)
            raise OutputError(
                f"{self.path} holds answers of another job, and the same folder can only go on with the same one; "
                f"what differs: {words}; choose another folder, or remove that one"
            )

    def part(self, shard: Shard) -> Path:
        """Name the file of a shard's answers."""
        return self.path / f"part-{shard.number:05}.jsonl"

    def bad(self, shard: Shard) -> Path:
        """Name the file of a shard's bad rows."""
        return self.path / f"bad-{shard.number:05}.jsonl"

    def _attempts(self, shard: Shard) -> Path:
        return self.path / f".attempts-{shard.number:05}"

    def _count_attempt(self, shard: Shard) -> None:
        """Note that a shard is begun, before it can be the end of this process."""
        with writable(self.path), self._attempts(shard).open("ab") as file:
            file.write(b".")
            attempts = file.tell()
        if attempts > MOST_ATTEMPTS:
            span = shard.span
            raise BackendError(
                f"{shard.name}, lines {span.first + 1} to {span.first + span.lines}: {MOST_ATTEMPTS} workers were lost "
                "while they answered them; is there enough memory, and does a single process answer them?"
            )

    def missing(self, shards: Sequence[Shard]) -> list[Shard]:
        """List the shards that are still to be computed."""
        return [shard for shard in shards if not self.part(shard).is_file()]

    def forget_attempts(self, shards: Sequence[Shard]) -> None:
        """Begin to count anew how often shards were begun."""
        for shard in shards:
            self._attempts(shard).unlink(missing_ok=True)

    def write(self, shard: Shard, answer: Answer) -> Counts:
        """Answer a shard; its files appear whole, those of bad rows first.

        Raises:
            BackendError: It was begun too often, and the process lost each time.
            OutputError: They cannot be written.
            RoFormerEdgeError: The shard cannot be answered, not for the sake of single rows.
        """
        self._count_attempt(shard)
        errors: list[RoFormerEdgeError] = []
        answered = 0

        def lines() -> Iterator[bytes]:
            nonlocal answered
            for answered, line in enumerate(answer(shard, errors.append), 1):  # noqa: B007 - it is what is counted
                yield line

        part = self.part(shard)
        with TemporaryPath(part) as temporary:
            write_file(temporary.path, lines(), part)
            if errors:
                replace_file(self.bad(shard), b"".join(bad_rows(shard, errors)))
            temporary.publish()
        self.forget_attempts([shard])
        return Counts(answers=answered, bad=len(errors))


@dataclass(frozen=True, kw_only=True)
class ShardWriter:
    """Opens whatever answers, and writes shards with it; the work of a worker, see ``ray_data.compute``.

    Attributes:
        folder: Where the answers go; every worker must see it, and the input, under the same path.
        opened: Opens whatever answers.
    """

    folder: JobFolder
    opened: Callable[[], Answer]

    def __call__(self) -> Callable[[Shard], Counts]:
        """Open it, and return what writes a shard."""
        return partial(self.folder.write, answer=self.opened())


def _read_record(path: Path) -> JobRecord:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise OutputError(f"{path}: cannot be read: {error.strerror or error}") from None
    return read_record(JobRecord, parse_object(data, str(path), OutputError), str(path), OutputError)
