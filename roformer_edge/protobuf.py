"""Protobuf's wire format: fields read where they lie in a file, and written piece by piece.

The library for it reads and writes whole messages in memory, weights and all, and is no dependency of the runtime.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import IO, NamedTuple, TypeAlias

Pieces: TypeAlias = list["bytes | memoryview"]

# how the content of a field is written, in the lowest three bits of its tag
VARINT, EIGHT_BYTES, LENGTH, FOUR_BYTES = 0, 1, 2, 5
_WIDEST_VARINT = 63
# Tags and lengths are numbers of 32 bits. Of what meets more, some readers drop the upper bits and find another field.
_SHORT_BYTES = 5
_MOST_TAG, _MOST_LENGTH = (1 << 32) - 1, (1 << 31) - 1
_WINDOW = 4096


class MalformedError(Exception):
    """The bytes are not what the format allows."""


class Field(NamedTuple):
    """One field of a message: its number, how it is written, and where it lies.

    Attributes:
        number: Its number in the message.
        wire: ``VARINT``, ``EIGHT_BYTES``, ``LENGTH`` or ``FOUR_BYTES``.
        value: The number that a ``VARINT`` is; of others 0.
        start: Where its tag begins.
        content: Where its content begins.
        end: Where its content ends.
    """

    number: int
    wire: int
    value: int
    start: int
    content: int
    end: int


class Source:
    """Bytes of a stream by their places, read in small windows."""

    def __init__(self, stream: IO[bytes] | io.RawIOBase) -> None:
        self._stream = stream
        self.size = stream.seek(0, io.SEEK_END)
        self._start = 0
        self._window = b""

    def read(self, start: int, end: int) -> bytes:
        """Read the bytes from ``start`` to ``end``.

        Raises:
            MalformedError: There are not so many.
        """
        if self._start <= start and end <= self._start + len(self._window):
            return self._window[start - self._start : end - self._start]
        self._stream.seek(start)
        pieces = []
        while start < end:
            piece = self._stream.read(end - start)
            if not piece:
                raise MalformedError
            pieces.append(piece)
            start += len(piece)
        return b"".join(pieces)

    def fields(self, place: int, end: int) -> Iterator[Field]:
        """Walk through the fields of the message from ``place`` to ``end``, in their order.

        Raises:
            MalformedError: There is no message.
        """
        while place < end:
            start = place
            tag, place = self._short(start, _MOST_TAG)
            number, wire, value, content = tag >> 3, tag & 7, 0, place
            if wire == LENGTH:
                length, content = self._short(place, _MOST_LENGTH)
                place = content + length
            elif wire == VARINT:
                value, place = self._varint(place)
            elif wire in (EIGHT_BYTES, FOUR_BYTES):
                place += 8 if wire == EIGHT_BYTES else 4
            else:
                raise MalformedError
            # a field that reaches over the end of its message belongs to no message at all
            if not number or place > end:
                raise MalformedError
            yield Field(number, wire, value, start, content, place)

    def _short(self, place: int, most: int) -> tuple[int, int]:
        value, end = self._varint(place)
        if value > most or end - place > _SHORT_BYTES:
            raise MalformedError
        return value, end

    def _varint(self, place: int) -> tuple[int, int]:
        """Return a number of protobuf and the place behind it."""
        at = place - self._start
        # most are one byte of what has been read; a model has thousands of them
        if 0 <= at < len(self._window) and self._window[at] < 0x80:
            return self._window[at], place + 1
        value = shift = 0
        while True:
            byte = self._byte(place)
            value |= (byte & 0x7F) << shift
            place, shift = place + 1, shift + 7
            if byte < 0x80:
                return value, place
            if shift > _WIDEST_VARINT:
                raise MalformedError

    def _byte(self, place: int) -> int:
        at = place - self._start
        if not 0 <= at < len(self._window):
            if not 0 <= place < self.size:
                raise MalformedError
            self._stream.seek(place)
            self._start, self._window = place, self._stream.read(_WINDOW) or b""
            at = 0
            if not self._window:
                raise MalformedError
        return self._window[at]


def field(number: int, content: Sequence[bytes | memoryview]) -> Pieces:
    """Write a field of a message whose content is counted in bytes: its tag, the count, the content."""
    return [varint(number << 3 | LENGTH) + varint(sum(map(len, content))), *content]


def varint(value: int) -> bytes:
    """Write a number in groups of 7 bits, the lowest first, each but the last marked."""
    groups = []
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])
