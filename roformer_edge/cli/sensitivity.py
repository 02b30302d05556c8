"""``sensitivity``: what every part of a model loses when it is quantised."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from roformer_edge.cli import options
from roformer_edge.cli.output import print_json, say
from roformer_edge.cli.progress import ProgressLine
from roformer_edge.cli.texts import add_fields, field_names
from roformer_edge.deploy import defaults
from roformer_edge.formats import DEFAULT_FORMAT, FORMATS
from roformer_edge.quantize.recipe import RECIPES
from roformer_edge.records import to_values
from roformer_edge.tasks import TASKS

if TYPE_CHECKING:
    from roformer_edge.deploy.sensitivity import MeasuredParts

_BAR = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    options.add_source(parser, "checkpoint directory, or a float32 bundle that `export` made")
    parser.add_argument("--data", type=Path, required=True, metavar="FILE", help="labelled examples to measure on")
    parser.add_argument("--task", help=f"one of: {', '.join(TASKS)} (default: what the source's own files name)")
    parser.add_argument("--format", default=DEFAULT_FORMAT, help=f"one of: {', '.join(FORMATS)}")
    parser.add_argument(
        "--recipe", default=defaults.RECIPE, help=f"{', '.join(RECIPES)}, or a file (default: {defaults.RECIPE})"
    )
    parser.add_argument("--limit", type=int, default=200, metavar="N", help="the most examples (default: 200)")
    options.add_json(parser)
    options.add_calibration(parser)
    add_fields(parser)


def run(args: argparse.Namespace) -> int:
    """Measure and print a table with a chart, or JSON."""
    from roformer_edge.deploy.options import DeployOptions
    from roformer_edge.deploy.sensitivity import measure_parts

    asked = DeployOptions(
        revision=args.revision,
        task=args.task,
        format=args.format,
        recipe=args.recipe,
        evaluation=args.data,
        calibration=args.calibration,
        calibration_texts=args.calibration_texts,
        observer=args.observer,
        fields=field_names(args),
        truncation=args.truncate,
    )
    with ProgressLine() as progress:
        measured = measure_parts(args.source, asked, limit=args.limit, progress=progress)
    if args.json:
        print_json(to_values(measured))
    else:
        _print_table(measured)
    return 0


def _print_table(measured: MeasuredParts) -> None:
    found = measured.sensitivity
    say(f"{found.recipe}, {measured.examples} examples; error: how far outputs move, drop: points of {measured.metric}")
    say()
    say(f"{'part':<24} {'scheme':<14} {'alone: error':>12} {'drop':>7}   {'all but it: error':>17} {'drop':>7}")
    largest = max(part.alone.error for part in found.parts) or 1.0
    for part in found.parts:
        bar = "#" * round(_BAR * part.alone.error / largest)
        say(
            f"{part.scope:<24} {part.scheme:<14} {part.alone.error:>12.4g} {part.alone.drop:>7.2f}   "
            f"{part.all_but.error:>17.4g} {part.all_but.drop:>7.2f}   {bar}"
        )
    say()
    say(f"all of it: error {found.whole.error:.4g}, drop {found.whole.drop:.2f}, {found.whole.bytes / 1e6:.1f} MB")
    say(f"nothing of it: error {found.floats.error:.2g}, {found.floats.bytes / 1e6:.1f} MB")
