"""``bench``: latency, throughput and memory of a bundle."""

from __future__ import annotations

import argparse
import dataclasses
from typing import TYPE_CHECKING

from roformer_edge.cli.options import numbers
from roformer_edge.cli.output import print_json, say
from roformer_edge.cli.progress import ProgressLine
from roformer_edge.cli.run import add_threads

if TYPE_CHECKING:
    from roformer_edge.runtime.bench import BenchReport


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("bundle", metavar="BUNDLE", help="a bundle's directory or .rfe archive")
    parser.add_argument("--lengths", type=numbers, metavar="N,N", help="in tokens (default: 16,64,128,512 that fit)")
    parser.add_argument("--batch-sizes", type=numbers, default=(1, 8), metavar="N,N", help="(default: 1,8)")
    add_threads(parser)
    parser.add_argument("--runs", type=int, default=30, metavar="N", help="timed runs of each (default: 30)")
    parser.add_argument("--cold-starts", type=int, default=3, metavar="N", help="fresh processes (default: 3)")
    parser.add_argument("--json", action="store_true", help="one JSON line instead of a table")


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    from roformer_edge.runtime.bench import BenchOptions, bench_bundle

    options = BenchOptions(
        lengths=args.lengths,
        batch_sizes=args.batch_sizes,
        threads=args.threads,
        runs=args.runs,
        cold_starts=args.cold_starts,
    )
    with ProgressLine() as progress:
        report = bench_bundle(args.bundle, options, progress=progress)
    if args.json:
        print_json(dataclasses.asdict(report))
    else:
        _print_table(report)
    return 0


def _print_table(report: BenchReport) -> None:
    say(f"{report.bundle}: {report.model_bytes / 1e6:.1f} MB model, {report.bundle_bytes / 1e6:.1f} MB bundle")
    say(f"{report.provider}, threads: {report.threads or 'as the engine chooses'}")
    for line in report.fallbacks:
        say(f"not used: {line}")
    for line in report.notes:
        say(f"note: {line}")
    say()
    say(f"{'tokens':>7} {'batch':>6} {'min ms':>9} {'p50 ms':>9} {'p90 ms':>9} {'p99 ms':>9} {'texts/s':>9}")
    for point in report.points:
        times = (point.fastest, point.p50, point.p90, point.p99)
        cells = " ".join(f"{value:9.2f}" for value in times)
        say(f"{point.length:>7} {point.batch_size:>6} {cells} {point.texts_per_second:9.1f}")
    if report.cold_start is not None:
        seconds, peak = report.cold_start.seconds, report.cold_start.peak_bytes
        middle = seconds[len(seconds) // 2]
        memory = f", at most {peak / 1e6:.0f} MB" if peak else ""
        say()
        say(f"cold start, process to first answer: {1000 * middle:.0f} ms (median of {len(seconds)}){memory}")
