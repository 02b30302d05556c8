"""Arguments that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from roformer_edge.cli.output import print_json, remark, say, say_lines
from roformer_edge.cli.texts import add_fields, field_names
from roformer_edge.deploy import defaults
from roformer_edge.deploy.targets import TARGETS, get_target
from roformer_edge.formats import DEFAULT_FORMAT, FORMATS
from roformer_edge.quantize.recipe import AUTO, RECIPES
from roformer_edge.sentence import POOLER, POOLINGS, TOKENS
from roformer_edge.tasks import TASKS

if TYPE_CHECKING:
    from roformer_edge.deploy.options import Deployment, DeployOptions


def add_source(parser: argparse.ArgumentParser, description: str) -> None:
    """Add the positional source of an export."""
    parser.add_argument("source", type=Path, metavar="SOURCE", help=f"{description}; or owner/model on a hub")
    add_revision(parser)


def add_revision(parser: argparse._ActionsContainer) -> None:
    """Add which state of a checkpoint on a model hub is meant."""
    parser.add_argument("--revision", metavar="NAME", help="of owner/model: a branch, tag or commit (default: main)")


def add_target(parser: argparse.ArgumentParser, *others: str) -> None:
    """Add what is made, and where it goes; ``others`` are formats of the command that are none of bundles."""
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the bundle to write")
    parser.add_argument("--overwrite", action="store_true", help="replace a bundle that is there already")
    parser.add_argument("--task", help=f"one of: {', '.join(TASKS)} (default: what the source's own files name)")
    formats = ", ".join((*FORMATS, *others))
    parser.add_argument("--format", help=f"of the model file; one of: {formats} (default: {DEFAULT_FORMAT})")
    parser.add_argument(
        "--runtime",
        help="what the bundle is to run on; "
        + "; ".join(f"{row.name}: {', '.join(row.runtimes)}" for row in FORMATS.values()),
    )
    parser.add_argument(
        "--lengths",
        type=numbers,
        metavar="N,N",
        help="tokens that a TFLite model is made for, for delegates that want to know (default: any number)",
    )
    add_reading(parser)
    parser.add_argument(
        "--prune-vocab",
        type=Path,
        metavar="FILE",
        help="leave out the tokens that the texts of a file (JSON Lines, CSV or TSV of the task's inputs) do not need, "
        "but for single characters and special tokens: their answers stay the same, and the model becomes smaller",
    )
    add_fields(parser)
    parser.add_argument(
        "--inputs", help="integer type of the graph's inputs: int64 or int32 (default: int64 in ONNX, int32 in TFLite)"
    )


def add_reading(parser: argparse._ActionsContainer) -> None:
    """Add how a checkpoint is read where its own files are not to count."""
    parser.add_argument(
        "--tokenizer",
        default="auto",
        help="slow, fast, bert, plain, or auto for the one that the checkpoint was trained with (default: auto)",
    )
    parser.add_argument(
        "--max-length",
        type=int,
        metavar="N",
        help="the most tokens of a text (default: the model's positions; more of them follow from a formula)",
    )
    parser.add_argument(
        "--pooling",
        metavar="NAME",
        help="of feature-extraction: the graph makes one vector of a text; one of: "
        f"{', '.join((POOLER, *POOLINGS))}, or {TOKENS} for the states of all tokens (default: what the source's own "
        "files say)",
    )
    parser.add_argument(
        "--ignore-weights",
        action="append",
        default=[],
        metavar="PATTERN",
        help="leave out tensors of the checkpoint that match, though they may change answers, such as 'lstm.*'; may be "
        "given more than once",
    )


def add_recipe(parser: argparse.ArgumentParser) -> None:
    """Add how it is quantised."""
    parser.add_argument(
        "--target",
        metavar="NAME",
        help=f"take format, runtime, recipe and lengths that suit a kind of device; one of: {', '.join(TARGETS)}",
    )
    parser.add_argument(
        "--recipe",
        help=f"{', '.join(RECIPES)}, the path of a recipe.json, such as a bundle's own, or {AUTO}: the smallest that "
        f"keeps --max-drop on half of --eval (default: {defaults.RECIPE})",
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
    """Add what static ranges are measured on."""
    group = parser.add_argument_group("calibration (recipes with the static scheme)")
    group.add_argument("--calibration", type=Path, metavar="FILE", help="JSON Lines, CSV or TSV of the task's inputs")
    group.add_argument("--calibration-texts", type=int, metavar="N", help="how many to use (default: 512)")
    group.add_argument("--observer", help="minmax, percentile or mse (default: percentile)")
    parser.add_argument("--truncate", action="store_true", help="cut texts that are longer than the model allows")


def add_machine(parser: argparse.ArgumentParser) -> None:
    """Add the choice by measurement."""
    group = parser.add_argument_group("choice by measurement")
    group.add_argument(
        "--for-this-machine",
        action="store_true",
        help="try the formats, recipes and presets that are not asked for, time them here in turns on texts of --eval "
        "or --calibration, and make the quickest that keeps --max-drop, or else the error of what is made by default",
    )
    group.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="of the engine, in those timings (default: one a core that may be used)",
    )


def add_validation(parser: argparse.ArgumentParser) -> None:
    """Add what the loss is measured on, and how large it may be."""
    group = parser.add_argument_group("validation")
    group.add_argument("--eval", type=Path, metavar="FILE", help="labelled examples to measure the loss on")
    add_slices(group)
    group.add_argument(
        "--max-drop",
        type=float,
        metavar="POINTS",
        help="refuse to write the bundle (exit code 3) when the metric drops by more percentage points",
    )
    add_gates(group)
    add_baseline(group)
    group.add_argument(
        "--max-size",
        type=float,
        metavar="MB",
        help=f"with --recipe {AUTO}: refuse (exit code 3) a model file of more megabytes",
    )
    group.add_argument("--report", type=Path, metavar="DIR", help="write report.json, report.md and report.html here")
    add_language(group)


def add_gates(parser: argparse._ActionsContainer) -> None:
    """Add what a build stops on besides the budget."""
    parser.add_argument(
        "--gate",
        action="append",
        default=[],
        metavar="GATE",
        help="exit with 3 where a figure is beyond its limit, such as 'macro_f1 drop <= 0.5', 'latency p50 <= 1.2x' or "
        "'size <= 20MB'; may be given more than once",
    )


def add_language(parser: argparse._ActionsContainer) -> None:
    """Add the language of the page."""
    parser.add_argument("--language", metavar="NAME", help="of report.html: en or zh (default: en)")


def add_baseline(parser: argparse._ActionsContainer) -> None:
    """Add the earlier report that is compared with."""
    parser.add_argument(
        "--baseline",
        type=Path,
        metavar="FILE",
        help="a report.json of an earlier run on the same data: the report says what became better and what worse",
    )


def add_slices(parser: argparse._ActionsContainer) -> None:
    """Add what a report cuts the data by."""
    parser.add_argument(
        "--slice",
        action="append",
        default=[],
        metavar="KEY",
        help="show the figures by length, or by a key of the data; may be given more than once",
    )


def export_options(args: argparse.Namespace) -> DeployOptions:
    """Read the options of a float32 export."""
    from roformer_edge.deploy.options import DeployOptions

    return DeployOptions(
        revision=args.revision,
        task=args.task,
        max_length=args.max_length,
        format=DEFAULT_FORMAT if args.format is None else args.format,
        runtime=args.runtime,
        lengths=args.lengths or (),
        recipe="fp32",
        index_dtype=args.inputs,
        tokenizer=args.tokenizer,
        overwrite=args.overwrite,
        ignore_weights=tuple(args.ignore_weights),
        pooling=args.pooling,
        prune_vocab=args.prune_vocab,
        fields=field_names(args),
        keep_weights=not args.no_weights,
    )


def deploy_options(args: argparse.Namespace) -> DeployOptions:
    """Read the options of ``deploy`` and ``quantize``."""
    from roformer_edge.deploy.options import DeployOptions

    asked = {name: getattr(args, name) for name in ("format", "recipe", "lengths", "runtime")}
    chosen = {name: value for name, value in asked.items() if value is not None}
    make: Callable[..., DeployOptions] = DeployOptions
    if args.target is not None:
        make = partial(DeployOptions.for_target, args.target)
    options = make(
        **chosen,
        revision=args.revision,
        task=args.task,
        max_length=args.max_length,
        keep_float=tuple(args.keep_float),
        preset=args.preset,
        observer=args.observer,
        index_dtype=args.inputs,
        tokenizer=args.tokenizer,
        calibration=args.calibration,
        calibration_texts=args.calibration_texts,
        evaluation=args.eval,
        fields=field_names(args),
        slices=tuple(args.slice),
        max_drop=args.max_drop,
        gates=tuple(args.gate),
        baseline=args.baseline,
        language=args.language,
        max_size=args.max_size,
        report=args.report,
        truncation=args.truncate,
        overwrite=args.overwrite,
        ignore_weights=tuple(args.ignore_weights),
        pooling=args.pooling,
        prune_vocab=args.prune_vocab,
        for_this_machine=args.for_this_machine,
        threads=args.threads,
    )
    if args.target is not None:
        remark(f"note: {get_target(args.target)}")
    return options


def add_json(parser: argparse.ArgumentParser) -> None:
    """Output for machines."""
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output, and nothing else")


def print_deployment(deployment: Deployment, *, as_json: bool) -> None:
    """Say what was made, for people or as one JSON object; what is to be noted goes to standard error."""
    manifest, parity, report = deployment.manifest, deployment.manifest.parity, deployment.report
    for note in manifest.notes:
        remark(f"note: {note}")
    for warning in deployment.warnings:
        remark(f"warning: {warning}")
    if as_json:
        print_json(deployment.to_dict())
        return
    if deployment.searched is not None:
        for step in deployment.searched.found.steps:
            mixed = "".join(f", {scope} in {scheme}" for scope, scheme in step.exceptions.items())
            outcome, verdict = step.outcome, "within" if step.within else "beyond"
            say(f"tried: {step.recipe}{mixed}: {outcome.bytes / 1e6:.1f} MB, drop {outcome.drop:.2f}, {verdict}")
    if deployment.selection is not None:
        from roformer_edge.deploy.candidates import as_lines

        for line in as_lines(deployment.selection):
            say(line)
    if report is not None:
        from roformer_edge.validate.render.terminal import summary_table

        say_lines(summary_table(report))
    size = f"{manifest.total_bytes / 1e6:.1f} MB"
    say(f"bundle: {deployment.bundle} ({manifest.task}, {manifest.format}, {manifest.recipe.name}, {size})")
    if parity.checked:
        far = f"{parity.absolute_difference:.1e} absolute, {parity.relative_difference:.1e} relative at most"
        say(f"parity: {far}, from {parity.reference}")
    else:
        say(f"parity: not checked: {parity.reason}")
    for file in deployment.report_files:
        say(f"report: {file}")


def numbers(value: str) -> tuple[int, ...]:
    """Read whole numbers of at least 1 with commas between."""
    parts = value.split(",")
    if not all(part.isdecimal() and int(part) >= 1 for part in parts):
        raise argparse.ArgumentTypeError(f"must be whole numbers of at least 1 with commas between, found {value!r}")
    return tuple(map(int, parts))
