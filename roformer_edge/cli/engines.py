"""Options of commands that can compute on several machines."""

from __future__ import annotations

import argparse
from pathlib import Path

from roformer_edge.errors import OptionError

# who computes: this process, or workers of Ray
PROCESS, RAY = "process", "ray"
ENGINES = (PROCESS, RAY)
SHARD_ROWS = 10_000


def add_engines(parser: argparse.ArgumentParser) -> None:
    """Add who answers, and where answers go that are too many for standard output."""
    group = parser.add_argument_group("many files, or many machines")
    _add_engine(group, "--input is then a file, a folder or a pattern of files, Parquet among them")
    group.add_argument("--out", type=Path, metavar="DIR", help="of --engine ray: where the answers go, a file a shard")
    group.add_argument(
        "--shard-rows", type=int, metavar="N", help=f"of --engine ray: rows of a shard (default: {SHARD_ROWS})"
    )


def add_engines_of_comparison(parser: argparse.ArgumentParser) -> None:
    """Add who answers for both sides of a comparison."""
    group = parser.add_argument_group("much data, or many machines")
    _add_engine(group, "--data may then be a folder or a pattern of files, too; latency and memory are measured here")
    group.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="of --engine ray: processes that answer; each opens both sides (default: as many as there are processors)",
    )


def _add_engine(group: argparse._ArgumentGroup, then: str) -> None:
    group.add_argument(
        "--engine",
        choices=ENGINES,
        default=PROCESS,
        help="who computes: this process, or workers of Ray, on the cluster that RAY_ADDRESS names or on this machine; "
        f"{then} (default: process)",
    )


def refuse_ray_options(args: argparse.Namespace, *names: str) -> None:
    """Refuse options of Ray where this process computes.

    Args:
        args: The arguments.
        names: The options, as attributes of ``args``.

    Raises:
        OptionError: One was given.
    """
    for name in names:
        if getattr(args, name) is not None:
            raise OptionError(f"--{name.replace('_', '-')}", str(getattr(args, name)), "left out without --engine ray")
