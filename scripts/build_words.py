"""Pack the dictionary of jieba 0.42.1 into ``roformer_edge/tokenizer/data/words.bin``.

    python scripts/build_words.py            # needs: pip install jieba==0.42.1
    python scripts/build_words.py --check    # fails when the packed file differs from the one in the tree

The file is a trie in breadth-first order: the children of a node are neighbours, sorted by label. Little-endian:

    bytes 0-7    b"rfwords1"
    bytes 8-11   u32 N, number of nodes, the root included
    bytes 12-15  u32 S, number of scores
    f64[S]       scores; scores[0] is that of a character that begins no word, 0 - ln T
    u32[N + 1]   first child of every node; the children of node i are first[i] .. first[i + 1] - 1
    u16[N]       label: the code point on the way into the node (0 for the root)
    u16[N]       value: 0 for a node that is no word, else the index of its score, ln f - ln T

where f is a word's frequency and T the sum of all frequencies. The scores are stored and not computed on the device,
because mathematical libraries differ in the last bit of a logarithm, and the last bit decides ties.
"""

from __future__ import annotations

import argparse
import math
import struct
import sys
from array import array
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

JIEBA_VERSION = "0.42.1"
MAGIC = b"rfwords1"
# readers look no further for a word
LONGEST = 64
OUTPUT = Path(__file__).resolve().parent.parent / "roformer_edge" / "tokenizer" / "data" / "words.bin"


def read_dictionary(path: Path) -> dict[str, int]:
    """Words and frequencies of a jieba dictionary; of a doubled word the first line counts."""
    words: dict[str, int] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        word, frequency, _ = line.split(" ")
        words.setdefault(word, int(frequency))
    return words


def pack(words: dict[str, int]) -> bytes:
    """The bytes of ``words.bin``; the module's docstring describes them."""
    if max(map(max, words)) > "\uffff" or min(words.values()) < 1 or max(map(len, words)) > LONGEST:
        raise ValueError(
            f"labels must fit 16 bits, frequencies be positive, and words have at most {LONGEST} characters"
        )
    total = math.log(sum(words.values()))
    index = {frequency: place for place, frequency in enumerate(sorted(set(words.values())), start=1)}
    scores = array("d", [0.0 - total, *(math.log(frequency) - total for frequency in index)])
    first, labels, values = array("I", [1]), array("H", [0]), array("H", [0])
    ordered = sorted(words)
    # the nodes of one depth, each as the slice of the sorted words that begin with its characters
    level, depth = [(0, len(ordered))], 0
    while level:
        below = []
        for start, stop in level:
            for begin, end in split_by_character(ordered, start, stop, depth):
                word = ordered[begin]
                labels.append(ord(word[depth]))
                values.append(index[words[word]] if len(word) == depth + 1 else 0)
                below.append((begin, end))
            first.append(len(labels))
        level, depth = below, depth + 1
    arrays = (scores, first, labels, values)
    if sys.byteorder == "big":
        for numbers in arrays:
            numbers.byteswap()
    return struct.pack("<8sII", MAGIC, len(labels), len(scores)) + b"".join(numbers.tobytes() for numbers in arrays)


def split_by_character(ordered: list[str], start: int, stop: int, depth: int) -> Iterator[tuple[int, int]]:
    """Slices of ``ordered[start:stop]`` of words with one character at ``depth``; shorter words are passed over."""
    while start < stop:
        end = start + 1
        if len(ordered[start]) > depth:
            while end < stop and ordered[end][depth] == ordered[start][depth]:
                end += 1
            yield start, end
        start = end


def find_dictionary() -> Path:
    """The dictionary inside the installed jieba, found without importing the package."""
    from importlib.util import find_spec

    spec = find_spec("jieba")
    if spec is None or spec.origin is None or version("jieba") != JIEBA_VERSION:
        raise SystemExit(f"install the dictionary's package first: pip install jieba=={JIEBA_VERSION}")
    return Path(spec.origin).parent / "dict.txt"


def main() -> None:
    parser = argparse.ArgumentParser(description="Pack the dictionary of jieba into words.bin.")
    parser.add_argument("--check", action="store_true", help="compare with the file in the tree, write nothing")
    check = parser.parse_args().check
    packed = pack(read_dictionary(find_dictionary()))
    if check:
        if OUTPUT.read_bytes() != packed:
            raise SystemExit(f"{OUTPUT} is not what this script builds")
        return
    OUTPUT.write_bytes(packed)
    print(f"{OUTPUT}: {len(packed):,} bytes")


if __name__ == "__main__":
    main()
