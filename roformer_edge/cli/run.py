"""``run``: answer what a bundle is for."""

from __future__ import annotations

import argparse
import inspect
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from roformer_edge.cli.answering import answer_lines, notes_on, pipeline_options
from roformer_edge.cli.engines import PROCESS, add_engines, refuse_ray_options
from roformer_edge.cli.output import print_json, remark
from roformer_edge.cli.progress import ProgressLine
from roformer_edge.cli.texts import add_texts, read_questions
from roformer_edge.errors import OptionError, RoFormerEdgeError
from roformer_edge.progress import SILENT
from roformer_edge.runtime.delegates import DELEGATES
from roformer_edge.runtime.session import AUTO
from roformer_edge.tasks import input_rows

if TYPE_CHECKING:
    from roformer_edge.progress import ProgressListener
    from roformer_edge.runtime.pipelines.base import Pipeline
    from roformer_edge.runtime.pool import Pool
    from roformer_edge.validate.data.inputs import Inputs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("bundle", metavar="BUNDLE", help="a bundle's directory or .rfe archive")
    add_texts(
        parser,
        "what the task answers to: text, or text and text_pair; question, context; or context, question, choices",
    )
    add_engine(parser)
    parser.add_argument("--top-k", type=int, metavar="K", help="the K best answers to each input, as a list")
    parser.add_argument("--batch-size", type=int, default=1, metavar="N", help="inputs computed at once (default: 1)")
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes that answer, for long inputs or with --engine ray; each loads the bundle, and is given 32 "
        "batches, or a shard, at a time (default: this process alone; with Ray as many as there are processors)",
    )
    parser.add_argument(
        "--truncate", action="store_true", default=None, help="cut texts that are longer than the model allows"
    )
    parser.add_argument(
        "--pooling",
        metavar="NAME",
        help="of feature-extraction: mean or first (default: every token, or the vector that the bundle makes)",
    )
    parser.add_argument(
        "--threshold",
        type=float,
        metavar="P",
        help="only labels or entities with a larger score, from 0 to 1, as a list; 0.5 for the labels of a text that "
        "may have several",
    )
    parser.add_argument(
        "--normalize", action="store_true", default=None, help="of feature-extraction: vectors of length 1"
    )
    parser.add_argument("--max-new-tokens", type=int, metavar="N", help="of text-generation (default: 20)")
    parser.add_argument("--num-beams", type=int, metavar="N", help="of text-generation: search with so many beams")
    parser.add_argument(
        "--num-return-sequences",
        type=int,
        metavar="N",
        help="of text-generation: so many of the beams, or of what is drawn, as a list",
    )
    parser.add_argument("--do-sample", action="store_true", default=None, help="of text-generation: draw tokens")
    parser.add_argument("--top-p", type=float, metavar="P", help="of text-generation: draw from the likeliest, to P")
    parser.add_argument("--seed", type=int, metavar="N", help="of text-generation: of what is drawn")
    parser.add_argument(
        "--on-error",
        choices=("stop", "skip"),
        help="at an input that cannot be used: stop, or skip it and say why on standard error (default: stop)",
    )
    parser.add_argument(
        "--self-test",
        action="store_true",
        default=None,
        help="first compare the engine with the recorded answers, though nothing speaks against it",
    )
    add_engines(parser)


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Add how the engine is to run."""
    add_threads(parser)
    parser.add_argument(
        "--delegate",
        type=lambda value: tuple(value.split(",")),
        metavar="NAMES",
        help=f"what is to compute, most wanted first, with commas between: {', '.join(DELEGATES)}, a name as the "
        "engine knows it, or the path of a delegate library (default: cpu)",
    )


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Add how many threads the engine is to have."""
    parser.add_argument(
        "--threads",
        # what is no number is refused by whoever starts the engine
        type=lambda value: int(value) if value.lstrip("-").isdecimal() else value,
        metavar="N",
        help="of the engine, or auto to measure for a second which number is quickest (default: one a core that may be "
        "used)",
    )


def run(args: argparse.Namespace) -> int:
    """Answer every input with one JSON line, in order."""
    from roformer_edge.runtime.loading import load

    if args.engine != PROCESS:
        from roformer_edge.cli.run_ray import run_on_ray

        return run_on_ray(args)
    refuse_ray_options(args, "out", "shard_rows")
    if args.workers is not None and args.workers < 1:
        raise OptionError("--workers", args.workers)
    if args.workers is not None and args.threads == AUTO:
        raise OptionError("--threads", AUTO, "a number beside --workers, which would measure beside each other")
    with ProgressLine() as progress:
        progress.stage("load")
        pipeline = load(args.bundle, threads=args.threads, delegate=args.delegate, self_test=args.self_test)
    with pipeline:
        task = pipeline.model.task
        options = pipeline_options(args, pipeline)
        for note in notes_on(pipeline.backend_report()):
            remark(f"note: {note}")
        skipped = _Skipped() if args.on_error == "skip" else None
        with nullcontext(SILENT) if _is_typed(args) else ProgressLine() as progress:
            progress.stage("check")
            _check_lengths(args, pipeline)
            with nullcontext() if args.workers is None else _start_workers(args, pipeline, progress) as pool:
                progress.stage("answer")
                questions = read_questions(args, task, skip=skipped)
                options["batch_size"] = args.batch_size
                for number, line in enumerate(answer_lines(pipeline, questions, skipped, pool=pool, **options), 1):
                    print_json(line)
                    progress.step(number, None)
    if skipped:
        remark(f"note: {skipped.count} inputs were skipped")
    return 0


def _start_workers(args: argparse.Namespace, pipeline: Pipeline, progress: ProgressListener) -> Pool:
    """Start the processes that answer in the place of this one's pipeline, whose graph is given back."""
    from roformer_edge.runtime.pool import Pool

    progress.stage("start workers")
    pipeline.close()
    return Pool(
        args.bundle, workers=args.workers, threads=args.threads, delegate=args.delegate, self_test=args.self_test
    )


def _is_typed(args: argparse.Namespace) -> bool:
    """Tell whether somebody types what is asked: nothing may move under the cursor."""
    return not args.texts and args.input == "-" and sys.stdin.isatty()


def _check_lengths(args: argparse.Namespace, pipeline: Pipeline) -> None:
    """Refuse a file with texts that are too long before the first is answered; a stream can be read but once.

    Raises:
        DatasetError: There are such texts, which are neither to be cut nor to be skipped; says where the first stands.
    """
    from roformer_edge.validate.data.examples import check_inputs
    from roformer_edge.validate.data.inputs import Problem, find_length_problem

    cuts = "truncation" in inspect.signature(pipeline.__call__).parameters
    if args.truncate or not cuts or args.on_error == "skip" or args.texts or not Path(args.input).is_file():
        return
    task, tokenizer = pipeline.model.task, pipeline.model.tokenizer

    def find_problem(inputs: Inputs) -> Problem | None:
        encodings = (tokenizer.encode_text(*row) for row in input_rows(task, inputs))
        problems = (find_length_problem(encoding, task, pipeline.max_length) for encoding in encodings)
        return next(filter(None, problems), None)

    # what is wrong with other lines is said when their turn comes
    check_inputs(read_questions(args, task, skip=lambda error: None), find_problem)


class _Skipped:
    """Counts what is left out, and says why."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, error: RoFormerEdgeError) -> None:
        self.count += 1
        remark(f"skipped: {error}")

    def __bool__(self) -> bool:
        return self.count > 0
