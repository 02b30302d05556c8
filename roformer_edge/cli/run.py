"""``run``: answer texts with a bundle."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from roformer_edge.cli.texts import add_texts, print_json, read_inputs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("bundle", metavar="BUNDLE", help="a bundle's directory or .rfe archive")
    add_texts(parser)
    add_engine(parser)
    parser.add_argument("--top-k", type=int, metavar="K", help="the K best answers of each text, as a list")
    parser.add_argument("--batch-size", type=int, default=1, metavar="N", help="texts computed at once (default: 1)")
    parser.add_argument("--truncate", action="store_true", help="cut texts that are longer than the model allows")
    parser.add_argument("--self-test", action="store_true", help="first compare the engine with the recorded answers")


def add_engine(parser: argparse.ArgumentParser) -> None:
    """How the engine is to run."""
    parser.add_argument("--threads", type=int, metavar="N", help="of the engine (default: one a physical core)")
    parser.add_argument(
        "--providers",
        type=lambda value: tuple(value.split(",")),
        metavar="NAMES",
        help="of the engine, most wanted first, with commas between (default: CPUExecutionProvider)",
    )


def run(args: argparse.Namespace) -> int:
    """Answer every text with one JSON line, in order."""
    from roformer_edge.runtime.loading import load

    with load(args.bundle, threads=args.threads, providers=args.providers, self_test=args.self_test) as pipeline:
        asked: list[str] = []

        def remember() -> Iterator[str]:
            for text in read_inputs(args):
                asked.append(text)
                yield text

        top_k = args.top_k or 1
        for best in pipeline(remember(), top_k, batch_size=args.batch_size, truncation=args.truncate):
            answers = [{"label": answer.label, "score": round(answer.score, 6)} for answer in best]
            line: dict[str, object] = {"text": asked.pop(0)}
            print_json(line | (answers[0] if args.top_k is None else {"answers": answers}))
    return 0
