"""Rows of Parquet files, by pyarrow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from roformer_edge._extras import require
from roformer_edge.errors import DatasetError, shown
from roformer_edge.validate.data.spans import Span

# rows that are Python objects at once
_BATCH = 1024


def read_parquet(path: str | Path, name: str, span: Span | None) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read rows with their numbers from 1; a null is no value, like an empty cell of a table.

    Args:
        path: The file.
        name: What messages call it.
        span: The rows to read; all of them where it is ``None``.

    Raises:
        DatasetError: While iterating: it is no Parquet file, or one that is damaged.
        MissingDependencyError: pyarrow is not installed.
    """
    with _opened(path, name) as file:
        begin, end = (0, file.metadata.num_rows) if span is None else (span.first, span.first + span.lines)
        number = 0
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            if number >= end:
                return
            if number + rows <= begin:
                number += rows
                continue
            for batch in file.iter_batches(batch_size=_BATCH, row_groups=[group]):
                wanted = batch.slice(max(begin - number, 0), max(end - max(begin, number), 0))
                for place, row in enumerate(wanted.to_pylist(), 1 + max(begin, number)):
                    yield place, {key: value for key, value in row.items() if value is not None}
                number += batch.num_rows


def count_parquet(path: str | Path, name: str) -> int:
    """Count the rows of a file.

    Raises:
        DatasetError: It is no Parquet file.
        MissingDependencyError: pyarrow is not installed.
    """
    with _opened(path, name) as file:
        return int(file.metadata.num_rows)


@contextmanager
def _opened(path: str | Path, name: str) -> Iterator[Any]:
    parquet, arrow = require("pyarrow.parquet", "to read Parquet"), require("pyarrow", "to read Parquet")
    if not Path(path).is_file():
        raise DatasetError(f"{name}: Parquet is read from a file, and there is none")
    try:
        with parquet.ParquetFile(path) as file:
            yield file
    except arrow.ArrowException as error:
        raise DatasetError(f"{name}: cannot be read as Parquet: {shown(error)}") from None
