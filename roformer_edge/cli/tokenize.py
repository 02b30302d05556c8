"""``tokenize``: show the tokens of texts."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from roformer_edge.cli.output import print_json
from roformer_edge.cli.texts import add_texts, read_inputs

if TYPE_CHECKING:
    from roformer_edge.tokenizer import Tokenizer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "source", type=Path, metavar="SOURCE", help="a checkpoint directory with vocab.txt, or a bundle"
    )
    add_texts(parser)
    parser.add_argument(
        "--tokenizer", default="auto", help="slow, fast, or auto for what the source says (default: auto)"
    )


def run(args: argparse.Namespace) -> int:
    """Print tokens, ids and offsets of every text as one JSON line."""
    tokenizer = _open(args.source, args.tokenizer)
    for text in read_inputs(args):
        encoding = tokenizer.encode_text(text)
        print_json(
            {
                "text": text,
                "tokens": list(encoding.tokens),
                "ids": list(encoding.ids),
                "offsets": [list(span) for span in encoding.offsets],
            }
        )
    return 0


def _open(source: Path, mode: str) -> Tokenizer:
    from roformer_edge.bundle.reader import is_bundle, open_bundle
    from roformer_edge.errors import OptionError
    from roformer_edge.runtime.loading import tokenizer_of_bundle
    from roformer_edge.tokenizer import load_tokenizer

    if not is_bundle(source):
        return load_tokenizer(source, mode=mode)
    if mode != "auto":
        raise OptionError("--tokenizer", mode, "left out for a bundle, which knows its own")
    with open_bundle(source) as bundle:
        tokenizer = tokenizer_of_bundle(bundle)
        bundle.check_unchanged()
        return tokenizer
