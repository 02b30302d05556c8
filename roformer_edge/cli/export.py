"""``export``: checkpoint in, float32 bundle out."""

from __future__ import annotations

import argparse

from roformer_edge.cli import options
from roformer_edge.cli.progress import ProgressLine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    options.add_source(parser, "checkpoint directory: config.json, weights, vocab.txt")
    options.add_target(parser)
    options.add_json(parser)
    parser.add_argument(
        "--no-weights",
        action="store_true",
        help="leave out the weights beside the graph: half the size, and `quantize` then needs the checkpoint",
    )


def run(args: argparse.Namespace) -> int:
    """Export in float32 and print what was made."""
    from roformer_edge.deploy.journey import deploy_checkpoint

    with ProgressLine() as progress:
        deployment = deploy_checkpoint(args.source, args.out, options.export_options(args), progress=progress)
    options.print_deployment(deployment, as_json=args.json)
    return 0
