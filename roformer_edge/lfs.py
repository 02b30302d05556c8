"""Git LFS pointers: the three lines of text that a clone without Git LFS leaves in the place of a large file."""

from __future__ import annotations

from pathlib import Path

_START = b"version https://git-lfs.github.com/spec/"
# a pointer is three short lines
_LONGEST = 1024


def is_pointer(start: bytes) -> bool:
    """Return whether a file that begins with these bytes is a Git LFS pointer."""
    return start.startswith(_START)


def find_pointer(path: Path) -> bool:
    """Return whether a file is a Git LFS pointer; one that is longer than pointers are is not opened."""
    if path.stat().st_size > _LONGEST:
        return False
    with path.open("rb") as file:
        return is_pointer(file.read(len(_START)))


def pointer_message(path: object) -> str:
    """Say what a pointer is and how its file is had."""
    return (
        f"{path} is a Git LFS pointer, not the file itself: run git lfs pull where it was cloned, or download the file"
    )
