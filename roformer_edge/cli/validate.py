"""``validate``: compare bundles with their reference on labelled data."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roformer_edge.cli.engines import RAY, add_engines_of_comparison, refuse_ray_options
from roformer_edge.cli.options import (
    add_baseline,
    add_gates,
    add_json,
    add_language,
    add_reading,
    add_revision,
    add_slices,
)
from roformer_edge.cli.output import print_json, remark, say, say_lines, tell
from roformer_edge.cli.progress import ProgressLine
from roformer_edge.cli.texts import add_fields, field_names
from roformer_edge.records import to_values
from roformer_edge.tasks import TASKS

if TYPE_CHECKING:
    from roformer_edge.validate.baseline import Since
    from roformer_edge.validate.data.examples import Example
    from roformer_edge.validate.data.fields import FieldNames
    from roformer_edge.validate.options import CompareOptions
    from roformer_edge.validate.report import Report
    from roformer_edge.validate.runner import Answering
    from roformer_edge.validate.tasks.measure import Measure


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "bundles",
        nargs="+",
        metavar="BUNDLE",
        help="a candidate: a bundle's directory, .rfe archive or .tflite file; several are put side by side",
    )
    parser.add_argument(
        "--reference", required=True, metavar="SOURCE", help="checkpoint directory, its name on a hub, or a bundle"
    )
    group = parser.add_argument_group("the reference, where it is a checkpoint")
    add_revision(group)
    add_reading(group)
    parser.add_argument(
        "--data", required=True, metavar="FILE", help="labelled JSON Lines, CSV or TSV; - is JSON Lines on stdin"
    )
    parser.add_argument("--task", help=f"one of: {', '.join(TASKS)} (default: the first bundle's own)")
    add_fields(parser)
    add_slices(parser)
    parser.add_argument(
        "--max-drop",
        type=float,
        metavar="POINTS",
        help="exit with 3 when the metric of a candidate drops by more percentage points",
    )
    add_gates(parser)
    add_baseline(parser)
    parser.add_argument("--report", type=Path, metavar="DIR", help="write report.json, report.md and report.html here")
    add_language(parser)
    parser.add_argument(
        "--junit", type=Path, metavar="FILE", help="write JUnit XML with a test for each gate, for build servers"
    )
    parser.add_argument(
        "--answers", type=Path, metavar="FILE", help="write CSV with all answers of both sides, one example a row"
    )
    parser.add_argument(
        "--annotations",
        metavar="NAME",
        help="mark the run on a build server: github or none (default: github where GITHUB_ACTIONS is set)",
    )
    parser.add_argument("--limit", type=int, metavar="N", help="use the first N examples only")
    parser.add_argument("--batch-size", type=int, default=1, metavar="N", help="inputs a candidate computes at once")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="of every engine (default: 1)")
    add_engines_of_comparison(parser)
    add_json(parser)
    parser.add_argument("--truncate", action="store_true", help="cut texts that are longer than the model allows")


def run(args: argparse.Namespace) -> int:
    """Compare, print the summary, write the report, and keep the budget."""
    from roformer_edge.validate.report import check_budget

    _check_files(args)
    options = _options(args)
    with ProgressLine() as progress:
        reports, examples = _compare(args, options, progress)
    files: list[str] = []
    try:
        _write_files(args, reports, examples, files)
    finally:  # what was measured is shown, whatever becomes of its files
        _show(args, reports, files)
    for report in reports:
        check_budget(report)
    return 0


def _check_files(args: argparse.Namespace) -> None:
    """Refuse, before any work, what could not be written, and tests without anything to be tested."""
    from roformer_edge.bundle.reader import is_bundle
    from roformer_edge.errors import OptionError
    from roformer_edge.validate.language import checked_language
    from roformer_edge.validate.render import answers, check_file, check_report, junit
    from roformer_edge.validate.render.annotations import checked_annotations

    for name in ("limit", "workers"):
        if getattr(args, name) is not None and getattr(args, name) < 1:
            raise OptionError(f"--{name}", getattr(args, name))
    if args.engine == RAY:
        from roformer_edge.bulk.ray_data import require_ray

        require_ray()
    else:
        refuse_ray_options(args, "workers")
    checked_annotations(args.annotations)
    if args.language is not None:
        checked_language(args.language)
        if args.report is None:
            raise OptionError("--language", args.language, "left out without --report: it is that of the page")
    if args.junit is not None and args.max_drop is None and not args.gate:
        raise OptionError("--junit", args.junit, "left out without --max-drop or --gate: there is nothing to fail")
    _check_distinct(args)
    for bundle in (*args.bundles, *([args.reference] if is_bundle(args.reference) else [])):
        if args.report is not None:
            check_report(args.report, bundle)
        for name, mark in (("junit", junit.MARK), ("answers", answers.MARK)):
            if (path := getattr(args, name)) is not None:
                check_file(name, path, bundle, mark)


def _check_distinct(args: argparse.Namespace) -> None:
    """Refuse two files of one name, of which the second would fail when all the work is done."""
    from roformer_edge.errors import OptionError
    from roformer_edge.validate.render import RENDERERS

    taken = {} if args.report is None else {args.report / row.file_name: "--report" for row in RENDERERS.values()}
    names = {path.resolve(): option for path, option in taken.items()}
    for option, path in (("--junit", args.junit), ("--answers", args.answers)):
        if path is not None and (other := names.setdefault(path.resolve(), option)) != option:
            raise OptionError(option, str(path), f"another file than that of {other}")


def _options(args: argparse.Namespace) -> CompareOptions:
    from roformer_edge.validate.openers import task_of_bundle
    from roformer_edge.validate.options import CompareOptions
    from roformer_edge.validate.report import read_report

    return CompareOptions(
        task=args.task or task_of_bundle(args.bundles[0]),
        data_name=args.data,
        max_drop=args.max_drop,
        batch_size=args.batch_size,
        slices=tuple(args.slice),
        gates=tuple(args.gate),
        baseline=None if args.baseline is None else read_report(args.baseline),
    )


def _compare(
    args: argparse.Namespace, options: CompareOptions, progress: ProgressLine
) -> tuple[Sequence[Report], Sequence[Example]]:
    """Open all sides, read the data and compare; whatever could be refused is refused before a side answers."""
    from roformer_edge.bundle.reader import is_bundle
    from roformer_edge.deploy.reference import open_reference
    from roformer_edge.tasks import get_task
    from roformer_edge.validate.baseline import check_baseline
    from roformer_edge.validate.data.examples import check_inputs
    from roformer_edge.validate.gates import resolve_gates
    from roformer_edge.validate.openers import open_predictor, pooling_of_bundle
    from roformer_edge.validate.runner import compare_all
    from roformer_edge.validate.tasks import measure_of

    task, fields = get_task(options.task), field_names(args)
    progress.stage("read")
    candidates = [
        open_predictor(bundle, task=task.name, threads=args.threads, truncate=args.truncate) for bundle in args.bundles
    ]
    with open_reference(
        args.reference,
        task.name,
        tokenizer=args.tokenizer,
        threads=args.threads,
        truncation=args.truncate,
        max_length=args.max_length,
        pooling=args.pooling or (None if is_bundle(args.reference) else pooling_of_bundle(args.bundles[0])),
        ignore_weights=args.ignore_weights,
        revision=args.revision,
    ) as reference:
        # an index in the data counts along the labels of the reference
        measure = measure_of(task.name, reference.labels, reference.problem_type)
        limit = None if args.limit is None else min(args.limit, sys.maxsize)
        examples = tuple(islice(_read_data(args, measure, fields), limit))
        resolve_gates(options.gates, measure, examples)
        check_baseline(options.baseline, measure, examples)
        for side in (reference, *candidates):
            if side.find_problem is not None:
                check_inputs(examples, side.find_problem)
        reports = compare_all(reference, candidates, examples, options, progress, answering=_answering(args))
    for note in reference.notes:
        remark(f"note: {note}")
    return reports, examples


def _read_data(args: argparse.Namespace, measure: Measure[Any, Any], fields: FieldNames) -> Iterator[Example]:
    from roformer_edge.validate.data.examples import read_examples
    from roformer_edge.validate.data.lines import STANDARD_INPUT

    if args.engine != RAY or args.data == STANDARD_INPUT:
        return read_examples(args.data, measure, fields)
    from roformer_edge.bulk.shards import find_files

    return chain.from_iterable(read_examples(file, measure, fields) for file in find_files(args.data))


def _answering(args: argparse.Namespace) -> Answering | None:
    """Choose who answers; nobody but this process, where nothing else is asked for."""
    if args.engine != RAY:
        return None
    from roformer_edge.bulk.comparison import OnRay
    from roformer_edge.bulk.ray_data import Cluster

    return OnRay(cluster=Cluster(workers=args.workers, threads=args.threads))


def _write_files(
    args: argparse.Namespace, reports: Sequence[Report], examples: Sequence[Example], files: list[str]
) -> None:
    """Write what was asked for, and put the names of what was written into ``files``."""
    from roformer_edge.validate.language import ENGLISH
    from roformer_edge.validate.render import answers, junit, write_beside, write_reports

    if args.report is not None:
        files += map(str, write_reports(reports, args.report, language=args.language or ENGLISH))
    if args.junit is not None:
        files.append(str(write_beside(args.junit, junit.to_junit(reports), junit.MARK)))
    if args.answers is not None:
        table = answers.to_csv(examples, reports)
        files.append(str(write_beside(args.answers, table, answers.MARK, answers.ENCODING)))


def _show(args: argparse.Namespace, reports: Sequence[Report], files: list[str]) -> None:
    """Print the summary, and annotations on standard error, where build servers look for them, too."""
    from roformer_edge.validate.render.annotations import annotation_lines
    from roformer_edge.validate.render.terminal import overview_table

    if args.json:
        print_json(_summary(args.bundles, reports, files))
    else:
        say_lines(overview_table(reports))
        for path in files:
            say(f"report: {path}")
    for line in annotation_lines(args.annotations, reports):
        tell(line)


def _since(since: Since) -> dict[str, object]:
    """Say what changed since an earlier report, its texts left to the report."""
    return {
        "name": since.name,
        "created": since.created,
        "differences": to_values(since.differences),
        "figures": to_values(since.figures),
        "answers": {row.effect: row.count for row in since.counts},
    }


def _summary(bundles: Sequence[str], reports: Sequence[Report], files: list[str]) -> dict[str, object]:
    """Say what a build asks; of one candidate without a list around it."""
    found = [
        {
            "candidate": bundle,
            "passed": report.passed,
            "figures": to_values(report.figures),
            "gates": to_values(report.all_gates),
            **({} if report.since is None else {"since": _since(report.since)}),
        }
        for bundle, report in zip(bundles, reports, strict=True)
    ]
    alone = {name: value for name, value in found[0].items() if name != "candidate"}
    return {**(alone if len(found) == 1 else {"candidates": found}), "report": files}
