"""``run --engine ray``: answer files with many workers, into a folder."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roformer_edge.bulk.job import Answer, JobFolder, JobRecord, ShardWriter, describe_files
from roformer_edge.bulk.ray_data import Cluster, compute, require_ray
from roformer_edge.bulk.shards import Shard, check_readable, cut_files, find_files
from roformer_edge.bundle.reader import open_bundle
from roformer_edge.cli.answering import Skip, answer_lines, notes_on, pipeline_options
from roformer_edge.cli.engines import SHARD_ROWS
from roformer_edge.cli.output import print_json, remark
from roformer_edge.cli.progress import ProgressLine
from roformer_edge.cli.texts import field_names
from roformer_edge.errors import OptionError
from roformer_edge.escape import as_json
from roformer_edge.runtime.loading import load
from roformer_edge.runtime.session import AUTO
from roformer_edge.validate.data.fields import FieldNames
from roformer_edge.validate.data.inputs import read_inputs

if TYPE_CHECKING:
    from roformer_edge.runtime.pipelines.base import Pipeline


@dataclass(frozen=True, kw_only=True)
class Answering:
    """What every worker does, in a form that can be sent to it.

    Attributes:
        load: Loads the bundle as it was loaded here.
        options: What the pipeline is told.
        fields: Which key of the files is which field.
        form: How the files are written, whatever their endings say.
    """

    load: Callable[[], Pipeline]
    options: dict[str, Any]
    fields: FieldNames
    form: str | None

    def __call__(self) -> Answer:
        """Load the bundle, and return what answers a shard as ``run`` prints it."""
        pipeline = self.load()
        task = pipeline.model.task.name

        def answer(shard: Shard, skip: Skip) -> Iterator[bytes]:
            questions = read_inputs(shard.path, task, self.fields, skip=skip, form=self.form, span=shard.span)
            for line in answer_lines(pipeline, questions, skip, **self.options):
                yield f"{as_json(json.dumps(line, ensure_ascii=False))}\n".encode("utf-8", "backslashreplace")

        return answer


def run_on_ray(args: argparse.Namespace) -> int:
    """Answer every row of the input that is not answered yet, and say how many were."""
    _check(args)
    require_ray()
    with ProgressLine() as progress:
        progress.stage("load")
        with open_bundle(args.bundle) as bundle:
            digest = bundle.digest
        pipeline = load(
            args.bundle, threads=args.threads or 1, delegate=args.delegate, digest=digest, self_test=args.self_test
        )
        with pipeline:
            origin = pipeline.origin
            assert origin is not None, "it was loaded from a bundle"
            for note in notes_on(pipeline.backend_report()):
                remark(f"note: {note}")
            answering = Answering(
                load=origin.again,
                options={"batch_size": args.batch_size, **pipeline_options(args, pipeline)},
                fields=field_names(args),
                form=args.input_format,
            )
            progress.stage("read")
            files = [file.absolute() for file in find_files(args.input, args.input_format)]
            shards = cut_files(files, args.input_format, args.shard_rows or SHARD_ROWS)
            check_readable(shards, pipeline.model.task.name, answering.fields)
        folder = JobFolder(args.out.absolute())
        folder.claim(_record(args, digest, answering, files))
        missing = folder.missing(shards)
        folder.forget_attempts(missing)
        progress.stage("answer")
        answers = bad = 0
        cluster = Cluster(workers=args.workers, threads=args.threads or 1)
        computed = compute(missing, ShardWriter(folder=folder, opened=answering), cluster)
        for done, (_, counts) in enumerate(computed, len(shards) - len(missing) + 1):
            answers, bad = answers + counts.answers, bad + counts.bad
            progress.step(done, len(shards))
    if bad:
        remark(f"note: {bad} rows could not be answered; bad-*.jsonl in {args.out} say why")
    print_json({"out": str(args.out), "shards": len(shards), "computed": len(missing), "answers": answers, "bad": bad})
    return 0


def _check(args: argparse.Namespace) -> None:
    """Refuse what means nothing to many workers, or nothing at all.

    Raises:
        OptionError: There is such an option.
    """
    if args.texts:
        raise OptionError("--engine", args.engine, "left out where texts are given as arguments")
    if args.out is None:
        raise OptionError("--out", None, "a folder for the answers, with --engine ray")
    if args.on_error == "stop":
        raise OptionError("--on-error", "stop", "left out with --engine ray: bad rows go to files of their own")
    if args.threads == AUTO:
        raise OptionError("--threads", AUTO, "a number with --engine ray: workers would measure side by side")
    for name in ("workers", "shard_rows", "batch_size"):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise OptionError(f"--{name.replace('_', '-')}", value)


def _record(args: argparse.Namespace, digest: str, answering: Answering, files: Sequence[Path]) -> JobRecord:
    """Describe the job; what is not in it may differ when the job is gone on with."""
    return JobRecord(
        bundle=digest,
        options={
            **answering.options,
            "fields": dict(answering.fields.given),
            "input_format": args.input_format,
            "delegate": None if args.delegate is None else list(args.delegate),
        },
        rows=args.shard_rows or SHARD_ROWS,
        inputs=describe_files(files),
    )
