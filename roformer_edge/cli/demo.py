"""``demo``: see it work on the embedded checkpoint."""

from __future__ import annotations

import argparse
from pathlib import Path

from roformer_edge.cli import options
from roformer_edge.cli.progress import ProgressLine
from roformer_edge.cli.texts import print_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("roformer-edge-demo"),
        metavar="DIR",
        help="where bundle and report go (default: roformer-edge-demo)",
    )
    options.add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Deploy, validate, answer; print all three."""
    from roformer_edge.demo.journey import run_demo
    from roformer_edge.validate.render.terminal import summary_table

    with ProgressLine() as progress:
        demo = run_demo(args.out, progress)
    deployment = demo.deployment
    if args.json:
        answers = [{"text": text, **vars(answer)} for text, answer in demo.answers]
        print_json({**options.deployment_values(deployment), "answers": answers})
        return 0
    if deployment.report is not None:
        print(summary_table(deployment.report))
    print("\nasked the int8 bundle:")
    for sentence, answer in demo.answers:
        print(f"  {sentence}  ->  {answer.label} ({100 * answer.score:.1f} %)")
    parity = deployment.manifest.parity
    figure = f"not checked: {parity.reason}"
    if parity.checked:
        figure = f"{parity.absolute_difference:.1e} from {parity.reference}"
    print(f"\nparity of the float32 graph: {figure}")
    print(f"bundle: {deployment.bundle} ({deployment.manifest.total_bytes / 1e6:.1f} MB)")
    for path in deployment.report_files:
        print(f"report: {path}")
    return 0
