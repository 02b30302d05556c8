"""Ways to spoil bytes and JSON, the same way for the same seed."""

from __future__ import annotations

import json
import random
from typing import Any

# what stands in the place of something else in JSON
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 1.5,
    1e308, -1e-308, 10**18, 10**30, -(10**400), float("nan"), float("inf"), "", "x",
    "\ud800", "\u202e\x1b[0m\n", "长" * 3000, "9" * 5000, "../x", "/etc/passwd", "a\0b", [], {}, [[]], [None], ["x", 3],
    {"": 0}, {"a": []}, {"a": [1]}, [1e400], {"0": {"0": {"0": {}}}}, [[[[[[[[]]]]]]]], "1" + ".1" * 3000,
)  # fmt: skip
# numbers that formats keep sizes and offsets in
_SIZES = (
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    1 << 40,
    (1 << 63) - 1,
    (1 << 64) - 1,
)


class Mutator(random.Random):
    """Spoils things."""

    def spoil_bytes(self, data: bytes) -> bytes:
        """Flip, cut, repeat, insert or overwrite; more than one of these now and then."""
        whole = bytearray(data)
        for _ in range(self.choice((1, 1, 1, 2, 3, 8))):
            at = self.randrange(len(whole) + 1)
            what = self.random()
            if what < 0.35 and whole:
                whole[at % len(whole)] ^= 1 << self.randrange(8)
            elif what < 0.5 and whole:
                whole[at % len(whole)] = self.randrange(256)
            elif what < 0.65:
                width = self.choice((1, 2, 4, 8))
                number = self.choice(_SIZES) % (1 << 8 * width)
                whole[at : at + width] = number.to_bytes(width, self.choice(("little", "big")))
            elif what < 0.75:
                del whole[at : at + self.choice((1, 4, 100, len(whole)))]
            elif what < 0.85:
                whole[at:at] = self.randbytes(self.choice((1, 4, 64)))
            elif what < 0.95:
                start = self.randrange(len(whole) + 1)
                whole[at:at] = whole[start : start + self.choice((1, 8, 200))]
            else:
                del whole[at:]
        return bytes(whole)

    def spoil_value(self, value: Any) -> Any:
        """Put something odd somewhere into JSON values."""
        if isinstance(value, dict) and value and self.random() < 0.9:
            copy, key, what = dict(value), self.choice(list(value)), self.random()
            if what < 0.1:
                del copy[key]
            elif what < 0.2:
                copy[self.choice((key.upper(), "x", "\ud800", "9" * 40, "\x1b[2J\n"))] = copy[key]
            else:
                copy[key] = self.spoil_value(copy[key])
            return copy
        if isinstance(value, list) and value and self.random() < 0.8:
            at = self.randrange(len(value))
            return [*value[:at], self.spoil_value(value[at]), *value[at + self.randrange(2) :]]
        return self.choice(ODD)

    def spoil_json(self, data: bytes) -> bytes:
        """Spoil values three times of four, else the bytes."""
        if self.random() < 0.25:
            return self.spoil_bytes(data)
        value = json.loads(data)
        for _ in range(self.choice((1, 1, 2))):
            value = self.spoil_value(value)
        text = json.dumps(value, ensure_ascii=self.random() < 0.5)
        if self.random() < 0.05:
            text = text.replace("{", '{"twice": 1, "twice": 2, ', 1)
        return text.encode("utf-8", "surrogatepass")

    def text(self) -> str:
        """A text of strange characters in strange order."""
        pieces = (
            "今天", "天气", "好", "ab",
            "C", " ", "\n", "\t", "\u3000", "\u200d", "é", "e\u0301", "ß", "İ", "ﬁ", "\u1100\u1161\u11a8",
            "\U0001f468\u200d\U0001f469",
            "[MASK]", "[UNK]", "[CL", "##a", "\u202e", "\x1b", "\x7f", "\ufffd", "9.9", "𠀀", "\ufeff",
        )  # fmt: skip
        parts = []
        for _ in range(self.choice((0, 1, 3, 10, 60))):
            what = self.random()
            if what < 0.7:
                parts.append(self.choice(pieces) * self.choice((1, 1, 1, 2, 40)))
            else:
                code = self.choice((self.randrange(0x300), self.randrange(0x3000, 0xA000), self.randrange(0x110000)))
                parts.append(chr(code))
        return "".join(parts)
