"""``quantize``: checkpoint or float32 bundle in, quantised bundle out."""

from __future__ import annotations

import argparse

from roformer_edge.cli import options
from roformer_edge.cli.progress import ProgressLine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    options.add_source(parser, "checkpoint directory, or a float32 bundle that `export` made")
    options.add_target(parser)
    options.add_json(parser)
    options.add_recipe(parser)
    options.add_machine(parser)
    options.add_calibration(parser)
    options.add_validation(parser)


def run(args: argparse.Namespace) -> int:
    """Quantise and print what was made."""
    from roformer_edge.deploy.journey import deploy_checkpoint

    with ProgressLine() as progress:
        deployment = deploy_checkpoint(args.source, args.out, options.deploy_options(args), progress=progress)
    options.print_deployment(deployment, as_json=args.json)
    return 0
