"""``tokenize``: show the tokens of texts."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from roformer_edge.cli.options import add_revision
from roformer_edge.cli.output import print_json, remark
from roformer_edge.cli.progress import ProgressLine
from roformer_edge.cli.texts import add_texts, read_questions
from roformer_edge.tasks import TASKS

if TYPE_CHECKING:
    from roformer_edge.tokenizer import Tokenizer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "source",
        type=Path,
        metavar="SOURCE",
        help="a checkpoint directory, its name on a hub, or a bundle",
    )
    add_revision(parser)
    add_texts(parser, holds="a text each, or text and text_pair")
    parser.add_argument(
        "--tokenizer", default="auto", help="slow, fast, bert, plain, or auto for what the source says (default: auto)"
    )


def run(args: argparse.Namespace) -> int:
    """Print tokens, ids, type ids and offsets of every text, or pair of texts, as one JSON line."""
    with ProgressLine() as progress:
        progress.stage("load")
        tokenizer = _open(args.source, args.tokenizer, args.revision)
    either = next(task for task in TASKS.values() if "text_pair" in task.optional)  # a text, or two of them
    for placed in read_questions(args, either):
        encoding = tokenizer.encode_text(placed.inputs["text"], placed.inputs.get("text_pair"))
        print_json(
            {
                **placed.inputs,
                "tokens": list(encoding.tokens),
                "ids": list(encoding.ids),
                "type_ids": list(encoding.type_ids),
                "offsets": [list(span) for span in encoding.offsets],
            }
        )
    return 0


def _open(source: Path, mode: str, revision: str | None) -> Tokenizer:
    from roformer_edge.bundle.reader import is_bundle, open_bundle
    from roformer_edge.errors import OptionError
    from roformer_edge.runtime.loading import tokenizer_of_bundle

    if not is_bundle(source):
        return _open_checkpoint(source, mode, revision)
    if revision is not None:
        raise OptionError("--revision", revision, "left out for a bundle; it is for names such as owner/model")
    if mode != "auto":
        raise OptionError("--tokenizer", mode, "left out for a bundle, which knows its own")
    with open_bundle(source) as bundle:
        tokenizer = tokenizer_of_bundle(bundle)
        bundle.check_unchanged()
        return tokenizer


def _open_checkpoint(source: Path, mode: str, revision: str | None) -> Tokenizer:
    """Open the tokenizer as ``deploy`` does; of a model on a hub no weights are downloaded for that."""
    from roformer_edge.checkpoint.finding import find_checkpoint
    from roformer_edge.hub import local_directory
    from roformer_edge.validate.openers import open_tokenizer

    tokenizer = open_tokenizer(find_checkpoint(local_directory(source, revision=revision)), mode)
    for note in tokenizer.notes:
        remark(f"note: {note}")
    return tokenizer
