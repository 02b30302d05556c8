"""Arguments that several commands share."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roformer_edge.cli.texts import add_fields, field_names, print_json
from roformer_edge.formats import DEFAULT_FORMAT, FORMATS
from roformer_edge.records import to_values
from roformer_edge.tasks import TASKS

if TYPE_CHECKING:
    from roformer_edge.deploy.options import Deployment, DeployOptions


def add_source(parser: argparse.ArgumentParser, description: str) -> None:
    """The positional source of an export."""
    parser.add_argument("source", type=Path, metavar="SOURCE", help=f"{description}; or owner/model on a hub")
    add_revision(parser)


def add_revision(parser: argparse.ArgumentParser) -> None:
    """Which state of a checkpoint on a model hub."""
    parser.add_argument("--revision", metavar="NAME", help="of owner/model: a branch, tag or commit (default: main)")


def add_target(parser: argparse.ArgumentParser) -> None:
    """What is made, and where it goes."""
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the bundle to write")
    parser.add_argument("--overwrite", action="store_true", help="replace a bundle that is there already")
    parser.add_argument("--task", help=f"one of: {', '.join(TASKS)} (default: what the source's own files name)")
    formats = ", ".join(FORMATS)
    parser.add_argument(
        "--format", default=DEFAULT_FORMAT, help=f"of the model file; one of: {formats} (default: {DEFAULT_FORMAT})"
    )
    parser.add_argument(
        "--tokenizer",
        default="auto",
        help="slow, fast, or auto for the one that the checkpoint was trained with (default: auto)",
    )
    parser.add_argument(
        "--max-length",
        type=int,
        metavar="N",
        help="the most tokens of a text (default: the model's positions; more of them follow from a formula)",
    )
    parser.add_argument(
        "--ignore-weights",
        action="append",
        default=[],
        metavar="PATTERN",
        help="leave out tensors of the checkpoint that match, though they may change answers, such as 'lstm.*'; may be "
        "given more than once",
    )
    parser.add_argument("--inputs", default="int64", help="integer type of the graph's inputs: int64 or int32")


def add_recipe(parser: argparse.ArgumentParser, default: str) -> None:
    """How it is quantised."""
    parser.add_argument(
        "--recipe",
        default=default,
        help=f"fp32, int8-embeddings, int8-dynamic, int8-static, or the path of a recipe.json, such as a bundle's own "
        f"(default: {default})",
    )
    parser.add_argument(
        "--keep-float",
        action="append",
        default=[],
        metavar="PATTERN",
        help="leave the parts that match in float32, such as 'layer.3.ffn.*'; may be given more than once",
    )
    parser.add_argument(
        "--preset",
        help="integer types for the target's processor: x86 (right on every processor), x86-vnni, arm, or auto for "
        "this machine's (default: x86)",
    )


def add_calibration(parser: argparse.ArgumentParser) -> None:
    """What static ranges are measured on."""
    group = parser.add_argument_group("calibration (recipes with the static scheme)")
    group.add_argument("--calibration", type=Path, metavar="FILE", help="JSON Lines, CSV or TSV of the task's inputs")
    group.add_argument("--calibration-texts", type=int, metavar="N", help="how many to use (default: 512)")
    group.add_argument("--observer", help="minmax, percentile or mse (default: percentile)")
    parser.add_argument("--truncate", action="store_true", help="cut texts that are longer than the model allows")
    add_fields(parser)


def add_slices(parser: argparse._ActionsContainer) -> None:
    """What a report cuts the data by."""
    parser.add_argument(
        "--slice",
        action="append",
        default=[],
        metavar="KEY",
        help="show the figures by length, or by a key of the data; may be given more than once",
    )


def export_options(args: argparse.Namespace) -> DeployOptions:
    """The options of a float32 export."""
    from roformer_edge.deploy.options import DeployOptions

    return DeployOptions(
        revision=args.revision,
        task=args.task,
        max_length=args.max_length,
        format=args.format,
        recipe="fp32",
        index_dtype=args.inputs,
        tokenizer=args.tokenizer,
        overwrite=args.overwrite,
        ignore_weights=tuple(args.ignore_weights),
        keep_weights=not args.no_weights,
    )


def deploy_options(args: argparse.Namespace) -> DeployOptions:
    """The options of ``deploy`` and ``quantize``; the latter has no arguments for validation."""
    from roformer_edge.deploy.options import DeployOptions

    return DeployOptions(
        revision=args.revision,
        task=args.task,
        max_length=args.max_length,
        format=args.format,
        recipe=args.recipe,
        keep_float=tuple(args.keep_float),
        preset=args.preset,
        observer=args.observer,
        index_dtype=args.inputs,
        tokenizer=args.tokenizer,
        calibration=args.calibration,
        calibration_texts=args.calibration_texts,
        evaluation=getattr(args, "eval", None),
        fields=field_names(args),
        slices=tuple(getattr(args, "slice", ())),
        max_drop=getattr(args, "max_drop", None),
        report=getattr(args, "report", None),
        truncation=args.truncate,
        overwrite=args.overwrite,
        ignore_weights=tuple(args.ignore_weights),
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Output for machines."""
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output, and nothing else")


def print_deployment(deployment: Deployment, *, as_json: bool) -> None:
    """Say what was made, for people or as one JSON object; what is to be noted goes to standard error."""
    manifest, parity, report = deployment.manifest, deployment.manifest.parity, deployment.report
    for note in manifest.notes:
        print(f"note: {note}", file=sys.stderr)
    for warning in deployment.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if as_json:
        print_json(deployment_values(deployment))
        return
    if report is not None:
        from roformer_edge.validate.render.terminal import summary_table

        print(summary_table(report))
    size = f"{manifest.total_bytes / 1e6:.1f} MB"
    print(f"bundle: {deployment.bundle} ({manifest.task}, {manifest.format}, {manifest.recipe.name}, {size})")
    if parity.checked:
        far = f"{parity.absolute_difference:.1e} absolute, {parity.relative_difference:.1e} relative at most"
        print(f"parity: {far}, from {parity.reference}")
    else:
        print(f"parity: not checked: {parity.reason}")
    for file in deployment.report_files:
        print(f"report: {file}")


def deployment_values(deployment: Deployment) -> dict[str, Any]:
    """Tell machines what was made, as JSON values."""
    manifest = deployment.manifest
    return {
        "bundle": str(deployment.bundle),
        "task": manifest.task,
        "format": manifest.format,
        "recipe": manifest.recipe.name,
        "bytes": manifest.total_bytes,
        "parity": to_values(manifest.parity),
        "measured": manifest.measured and to_values(manifest.measured),
        "notes": list(manifest.notes),
        "warnings": list(deployment.warnings),
        "report": [str(path) for path in deployment.report_files],
    }
