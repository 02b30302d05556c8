"""Sentences drawn from a small grammar file, such as ``spoken_requests.txt``.

Notation of one line: ``(a|b)`` one of, ``{a|b}`` one of them or nothing, ``x?`` or ``(a|b)?`` perhaps, ``<name>`` one
entry of a named list, a bare ``|`` separates alternatives of the whole line.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Node = Callable[[random.Random], str]
CHANCE_OF_OPTION = 0.45

_TOKENS = re.compile(r"<\w+>|[(){}|?]|[^<>(){}|?]")
_CLOSING = {"(": ")", "{": "}"}


@dataclass(frozen=True, kw_only=True)
class Grammar:
    """Named lists, and lines of requests by label; every line counts the same, however many sentences it stands for."""

    lists: dict[str, Node]
    lines: dict[str, tuple[Node, ...]]

    @classmethod
    def read(cls, path: Path) -> Grammar:
        """Parse a grammar file; a mistake in it raises ValueError with the line's number."""
        lists: dict[str, Node] = {}
        lines: dict[str, list[Node]] = {}
        label = None
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            try:
                if text.startswith("["):
                    label = text.strip("[]")
                    lines[label] = []
                elif label is None:
                    name, _, body = text.partition("=")
                    lists[name.strip()] = _parse(body.replace(" ", ""), lists)
                else:
                    lines[label].append(_parse(text.replace(" ", ""), lists))
            except (ValueError, KeyError) as error:
                raise ValueError(f"{path}:{number}: {error}") from None
        return cls(lists=lists, lines={name: tuple(nodes) for name, nodes in lines.items()})

    def draw(self, label: str, rng: random.Random) -> str:
        """One sentence with this label."""
        return rng.choice(self.lines[label])(rng)


def _parse(text: str, lists: dict[str, Node]) -> Node:
    tokens = _TOKENS.findall(text)
    if "".join(tokens) != text:
        raise ValueError(f"unreadable notation in {text!r}")
    node, rest = _alternatives(tokens, 0, lists)
    if rest != len(tokens):
        raise ValueError(f"{tokens[rest]!r} closes nothing in {text!r}")
    return node


def _alternatives(tokens: list[str], at: int, lists: dict[str, Node]) -> tuple[Node, int]:
    branches, node = [], None
    while node is None or (at < len(tokens) and tokens[at] == "|"):
        node, at = _sequence(tokens, at if node is None else at + 1, lists)
        branches.append(node)
    return (lambda rng: rng.choice(branches)(rng)), at


def _sequence(tokens: list[str], at: int, lists: dict[str, Node]) -> tuple[Node, int]:
    parts: list[Node] = []
    while at < len(tokens) and tokens[at] not in ("|", ")", "}"):
        part, at = _atom(tokens, at, lists)
        parts.append(part)
    return (lambda rng: "".join(part(rng) for part in parts)), at


def _atom(tokens: list[str], at: int, lists: dict[str, Node]) -> tuple[Node, int]:
    token = tokens[at]
    if token in _CLOSING:
        node, at = _alternatives(tokens, at + 1, lists)
        if at == len(tokens) or tokens[at] != _CLOSING[token]:
            raise ValueError(f"{token!r} is not closed")
    elif token == "?":
        raise ValueError("'?' follows nothing")
    elif token.startswith("<"):
        # looked up while parsing: a list stands above its first use, and a typo shows at once
        node = lists[token[1:-1]]
    else:
        node = lambda rng: token  # noqa: E731
    at += 1
    if token == "{" or (at < len(tokens) and tokens[at] == "?"):
        at += at < len(tokens) and tokens[at] == "?"
        return (lambda rng: node(rng) if rng.random() < CHANCE_OF_OPTION else ""), at
    return node, at
