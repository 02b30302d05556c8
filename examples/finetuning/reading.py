"""What every example begins and ends with: its options, JSON Lines, a small vocabulary, and a saved tokenizer."""

from __future__ import annotations

import argparse
import json
import os
import string
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roformer_edge.tokenizer import RoFormerTokenizer, Vocabulary
from roformer_edge.tokenizer.segment import WordSegmenter

ROOT = Path(__file__).resolve().parents[2]
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
Row = dict[str, Any]

# An encoder that one processor core trains in minutes. Every size is an argument of RoFormerConfig.
SMALL: dict[str, Any] = {
    "embedding_size": 128,
    "hidden_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 512,
    "max_position_embeddings": 512,
    "initializer_range": 0.05,  # 0.02 suits 768 units; so few learn quicker from larger numbers
    "attention_probs_dropout_prob": 0.0,
}


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the command line says; ``examples`` is the number of rows of each split, ``None`` for all."""

    data: Path
    out: Path
    epochs: int
    examples: int | None


def read_options(description: str, *, epochs: int) -> Options:
    """The options of the running script: ``--data``, ``--out``, ``--epochs`` and ``--examples``."""
    name = Path(sys.argv[0]).stem.replace("_", "-")
    data = os.environ.get("ROFORMER_EDGE_DATA") or ROOT.parent / "shared" / "data"
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(data), help="the folder with the data (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=ROOT / ".cache" / "examples" / name, help="the checkpoint to write")
    parser.add_argument("--epochs", type=int, default=epochs, help="how often to read the data (default: %(default)s)")
    parser.add_argument("--examples", type=int, help="read so many rows of each split only, to try the script")
    return Options(**vars(parser.parse_args()))


def read_rows(options: Options, folder: str, split: str) -> list[Row]:
    """The rows of one split, such as ``read_rows(options, "qa/cmrc2018", "train")``.

    Where ``shipped_data.py`` made the data, they are its requests of the same kind.
    """
    path = options.data / folder / f"{split}.jsonl"
    if not path.exists():
        path = options.data / Path(folder).parent / "requests" / f"{split}.jsonl"
    if not path.exists():
        sys.exit(
            f"{options.data} has no {folder}: say with --data or ROFORMER_EDGE_DATA where the data lies, or make some"
            " with python examples/finetuning/shipped_data.py and say --data .cache/requests"
        )
    # not splitlines: a text may hold other line separators
    lines = path.read_text(encoding="utf-8").split("\n")[: options.examples]
    return [json.loads(line) for line in lines if line]


def new_tokenizer(texts: Iterable[str], *, character: int = 2, word: int | None = None) -> RoFormerTokenizer:
    """A tokenizer whose vocabulary is made of the characters, and the words, that are frequent in ``texts``.

    Args:
        texts: The training texts.
        character: How often a character must occur to be in the vocabulary.
        word: How often a word must occur; ``None`` for no words, so that every character is a token.
    """
    texts = [text.lower() for text in texts]
    ascii_pieces = [*string.punctuation, *string.digits, *string.ascii_lowercase]
    tokens = [*SPECIAL, *ascii_pieces, *("##" + piece for piece in string.digits + string.ascii_lowercase)]
    characters = Counter(character for text in texts for character in text if not character.isspace())
    tokens += [token for token, count in characters.most_common() if count >= character]
    if word is not None:
        # only what the tokenizer's own segmenter cuts can ever be looked up
        cut = WordSegmenter().cut
        words = Counter(piece for text in texts for piece in cut(text) if len(piece) > 1 and not piece.isascii())
        tokens += [token for token, count in words.most_common() if count >= word and " " not in token]
    return RoFormerTokenizer(Vocabulary.from_tokens(list(dict.fromkeys(tokens))), model_max_length=512)
