"""``export``: checkpoint in, float32 bundle or TensorFlow SavedModel out."""

from __future__ import annotations

import argparse
import os

from roformer_edge.cli import options
from roformer_edge.cli.output import print_json, remark, say
from roformer_edge.cli.progress import ProgressLine
from roformer_edge.cli.texts import field_names
from roformer_edge.errors import OptionError
from roformer_edge.records import to_values

# beside the formats of bundles: the Keras model for TensorFlow's own tools
SAVED_MODEL = "saved-model"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    options.add_source(parser, "checkpoint directory: config.json, weights, vocab.txt")
    options.add_target(parser, SAVED_MODEL)
    options.add_json(parser)
    parser.add_argument(
        "--no-weights",
        action="store_true",
        help="leave out the weights beside the graph: half the size, and `quantize` then needs the checkpoint",
    )


def run(args: argparse.Namespace) -> int:
    """Export in float32 and print what was made."""
    if args.format == SAVED_MODEL:
        return _run_saved_model(args)
    from roformer_edge.deploy.journey import deploy_checkpoint

    with ProgressLine() as progress:
        deployment = deploy_checkpoint(args.source, args.out, options.export_options(args), progress=progress)
    options.print_deployment(deployment, as_json=args.json)
    return 0


def _run_saved_model(args: argparse.Namespace) -> int:
    """Export a SavedModel; refuse options that are for bundles."""
    from roformer_edge.deploy.options import check_max_length
    from roformer_edge.deploy.saved_model import export_saved_model
    from roformer_edge.deploy.source import open_source

    for name in ("runtime", "lengths", "prune_vocab", "no_weights"):
        if getattr(args, name):
            raise OptionError(name, getattr(args, name), f"left out with the format {SAVED_MODEL}")
    if field_names(args).given:
        raise OptionError("fields", args.fields, f"left out with the format {SAVED_MODEL}")
    check_max_length(args.max_length)
    # TensorFlow tells of the machine in a dozen lines otherwise; what fails is raised all the same
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    opened = open_source(
        args.source,
        args.task,
        args.tokenizer,
        max_length=args.max_length,
        ignore_weights=tuple(args.ignore_weights),
        pooling=args.pooling,
        revision=args.revision,
    )
    with ProgressLine() as progress, opened as source:
        made = export_saved_model(
            source, args.out, index_dtype=args.inputs, overwrite=args.overwrite, progress=progress
        )
        task = source.task.name
    for note in made.notes:
        remark(f"note: {note}")
    if args.json:
        values = {"saved_model": str(made.directory), "task": task, "format": SAVED_MODEL, "bytes": made.bytes}
        print_json({**values, "parity": to_values(made.parity), "notes": list(made.notes)})
        return 0
    say(f"SavedModel: {made.directory} ({task}, {made.bytes / 1e6:.1f} MB)")
    far = f"{made.parity.absolute_difference:.1e} absolute, {made.parity.relative_difference:.1e} relative at most"
    say(f"parity: {far}, from {made.parity.reference}")
    return 0
