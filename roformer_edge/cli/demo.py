"""``demo``: see it work on the embedded checkpoint."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from roformer_edge.cli import options
from roformer_edge.cli.output import print_json, remark, say, say_lines
from roformer_edge.cli.progress import ProgressLine

if TYPE_CHECKING:
    from roformer_edge.bundle.manifest import ParityRecord


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("roformer-edge-demo"),
        metavar="DIR",
        help="where bundles and report go (default: roformer-edge-demo)",
    )
    options.add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Deploy, validate, answer; print all three."""
    from roformer_edge.demo.journey import run_demo
    from roformer_edge.validate.render.terminal import aligned, overview_table

    with ProgressLine() as progress:
        demo = run_demo(args.out, progress)
    if args.json:
        print_json(
            {
                "deployments": [deployment.to_dict() for deployment in demo.deployments],
                "left_out": list(demo.left_out),
                "answers": [{"text": text, "answers": [vars(one) for one in found]} for text, found in demo.answers],
                "report": [str(path) for path in demo.report_files],
            }
        )
        return 0
    for line in demo.left_out:
        remark(f"note: left out: {line}")
    say_lines(overview_table(demo.reports))
    formats = [deployment.manifest.format for deployment in demo.deployments]
    starts = [
        (
            name,
            f"{deployment.manifest.total_bytes / 1e6:.1f} MB",
            f"{1000 * start.seconds[0]:.0f} ms",
            "unknown" if start.peak_bytes is None else f"{start.peak_bytes / 1e6:.0f} MB",
            parity_figure(deployment.manifest.parity),
        )
        for name, deployment, start in zip(formats, demo.deployments, demo.cold_starts, strict=True)
    ]
    head = ("", "bundle", "process start to answer", "memory by then", "parity of float32")
    say_lines("\n".join(aligned([head, *starts], align="<>>>>")))
    say()
    say(f"asked the int8 bundles ({', '.join(formats)}):")
    for sentence, answers in demo.answers:
        shown = ", ".join(f"{answer.label} ({100 * answer.score:.1f} %)" for answer in answers)
        say(f"  {sentence}  ->  {shown}")
    for deployment in demo.deployments:
        say(f"bundle: {deployment.bundle}")
    for path in demo.report_files:
        say(f"report: {path}")
    return 0


def parity_figure(parity: ParityRecord) -> str:
    """Say how far the float32 graph was from the reference, in one figure."""
    return f"{parity.absolute_difference:.1e}" if parity.checked else "not checked"
