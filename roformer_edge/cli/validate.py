"""``validate``: compare a bundle with its reference on labelled data."""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path

from roformer_edge.cli.options import add_json, add_revision, add_slices
from roformer_edge.cli.progress import ProgressLine
from roformer_edge.cli.texts import add_fields, field_names, print_json
from roformer_edge.records import to_values
from roformer_edge.tasks import TASKS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("bundle", metavar="BUNDLE", help="the candidate: a bundle's directory or .rfe archive")
    parser.add_argument(
        "--reference", required=True, metavar="SOURCE", help="checkpoint directory, its name on a hub, or a bundle"
    )
    add_revision(parser)
    parser.add_argument(
        "--data", required=True, metavar="FILE", help="labelled JSON Lines, CSV or TSV; - is JSON Lines on stdin"
    )
    parser.add_argument("--task", help=f"one of: {', '.join(TASKS)} (default: the bundle's own)")
    add_fields(parser)
    add_slices(parser)
    parser.add_argument(
        "--max-drop", type=float, metavar="POINTS", help="exit with 3 when the metric drops by more percentage points"
    )
    parser.add_argument("--report", type=Path, metavar="DIR", help="write report.json, report.md and report.html here")
    parser.add_argument("--limit", type=int, metavar="N", help="use the first N examples only")
    parser.add_argument("--batch-size", type=int, default=1, metavar="N", help="inputs the candidate computes at once")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="of either engine (default: 1)")
    add_json(parser)
    parser.add_argument("--truncate", action="store_true", help="cut texts that are longer than the model allows")


def run(args: argparse.Namespace) -> int:
    """Compare, print the summary, write the report, and keep the budget."""
    from roformer_edge.deploy.reference import open_reference
    from roformer_edge.errors import OptionError
    from roformer_edge.tasks import get_task
    from roformer_edge.validate.data.examples import check_inputs, read_examples
    from roformer_edge.validate.openers import open_predictor, task_of_bundle
    from roformer_edge.validate.options import CompareOptions
    from roformer_edge.validate.render import check_report, write_report
    from roformer_edge.validate.render.terminal import summary_table
    from roformer_edge.validate.report import check_budget
    from roformer_edge.validate.runner import compare
    from roformer_edge.validate.tasks import measure_of

    if args.limit is not None and args.limit < 1:
        raise OptionError("--limit", args.limit)
    if args.report is not None:
        check_report(args.report, args.bundle)
    options = CompareOptions(
        task=args.task or task_of_bundle(args.bundle),
        data_name=args.data,
        max_drop=args.max_drop,
        batch_size=args.batch_size,
        slices=tuple(args.slice),
    )
    task, fields = get_task(options.task), field_names(args)
    with ProgressLine() as progress:
        progress.stage("read")
        candidate = open_predictor(args.bundle, task=task.name, threads=args.threads, truncate=args.truncate)
        with open_reference(
            args.reference, task.name, threads=args.threads, truncation=args.truncate, revision=args.revision
        ) as reference:
            # an index in the data counts along the labels of the reference
            measure = measure_of(task.name, reference.labels, reference.problem_type)
            examples = tuple(islice(read_examples(args.data, measure, fields), args.limit))
            for side in (reference, candidate):
                if side.find_problem is not None:
                    check_inputs(examples, side.find_problem)
            report = compare(reference, candidate, examples, options, progress)
    files: list[str] = []
    try:
        if args.report is not None:
            files = [str(path) for path in write_report(report, args.report)]
    finally:  # what was measured is shown, whatever becomes of its files
        if args.json:
            print_json({"passed": report.passed, "figures": to_values(report.figures), "report": files})
        else:
            print(summary_table(report))
            for path in files:
                print(f"report: {path}")
    check_budget(report)
    return 0
