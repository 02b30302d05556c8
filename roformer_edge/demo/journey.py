"""What ``roformer-edge demo`` does: the embedded checkpoint becomes int8 bundles, which are measured, and answer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roformer_edge.demo.embedded import embedded_checkpoint, embedded_evaluation
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import Deployment, DeployOptions
from roformer_edge.deploy.reference import open_reference
from roformer_edge.errors import MissingDependencyError
from roformer_edge.formats import DEFAULT_FORMAT, FORMATS
from roformer_edge.progress import SILENT, ProgressListener
from roformer_edge.runtime.bench import BenchOptions, ColdStart, measure_cold_start
from roformer_edge.runtime.loading import load
from roformer_edge.runtime.pipelines.text_classification import Classification
from roformer_edge.validate.data.examples import read_examples
from roformer_edge.validate.data.fields import BY_NAME
from roformer_edge.validate.openers import open_predictor
from roformer_edge.validate.options import CompareOptions
from roformer_edge.validate.render import check_report, write_reports
from roformer_edge.validate.report import Report
from roformer_edge.validate.runner import compare_all
from roformer_edge.validate.tasks import measure_of

TASK = "text-classification"
RECIPE = "int8-dynamic"
# percentage points of accuracy that int8 may lose before the demo says that it failed
MAX_DROP = 0.5
# what the demo asks the bundle; none of them is in the evaluation set
SENTENCES = (
    "我到家了，把客厅的灯打开",
    "有点闷，帮我开一下书房的窗户",
    "卧室空调调到二十六度",
    "车库门关好了没有",
    "煮面，帮我定个八分钟",
    "这首听腻了，换一首吧",
    "让扫地机器人回去充电",
    "明天出门用不用带伞",
    "算了，没什么事",
)


@dataclass(frozen=True, kw_only=True)
class Demo:
    """What a demo made and heard.

    Attributes:
        deployments: One for each format whose engine is installed: the bundle and its manifest.
        reports: What each of them lost, in the same order.
        report_files: What puts them side by side.
        cold_starts: The cold start of each of them, in fresh processes with nothing but the runtime.
        answers: The answers of each of them to each of ``SENTENCES``, in order.
        left_out: A line for each format that was not made.
    """

    deployments: tuple[Deployment, ...]
    reports: tuple[Report, ...]
    report_files: tuple[Path, ...]
    cold_starts: tuple[ColdStart, ...]
    answers: tuple[tuple[str, tuple[Classification, ...]], ...]
    left_out: tuple[str, ...]


def run_demo(out_dir: str | Path, progress: ProgressListener = SILENT) -> Demo:
    """Deploy the embedded checkpoint to int8 in every format, validate it on the embedded evaluation set, and ask it.

    Needs no network and no training framework.

    Args:
        out_dir: Gets a bundle for each format (``onnx/``, ``tflite/``) and ``report/`` (JSON, Markdown, HTML); those of
            an earlier demo are replaced.
        progress: Is told how far it has come.

    Raises:
        MissingDependencyError: The packages of the extra ``export`` are not installed.
        BudgetExceededError: int8 lost more than ``MAX_DROP`` points of accuracy.
    """
    out = Path(out_dir)
    check_report(out / "report", out / DEFAULT_FORMAT)
    made: list[Deployment] = []
    left_out: list[str] = []
    with embedded_checkpoint() as checkpoint, embedded_evaluation() as evaluation:
        for name in FORMATS:
            asked: Any = {"task": TASK, "format": name}  # of tables, and so what the options may be
            options = DeployOptions(**asked, recipe=RECIPE, evaluation=evaluation, max_drop=MAX_DROP, overwrite=True)
            try:
                made.append(deploy_checkpoint(checkpoint, out / name, options, progress=_Under(name, progress)))
            except MissingDependencyError as error:
                if name == DEFAULT_FORMAT:
                    raise
                left_out.append(f"{name}: {error}")
        with open_reference(checkpoint, TASK) as reference:
            examples = tuple(
                read_examples(evaluation, measure_of(TASK, reference.labels, reference.problem_type), BY_NAME)
            )
            candidates = [open_predictor(deployment.bundle) for deployment in made]
            options_of_all = CompareOptions(task=TASK, data_name=str(evaluation), max_drop=MAX_DROP)
            reports = compare_all(reference, candidates, examples, options_of_all, _Under("side by side", progress))
    cold_starts = [
        measure_cold_start(one.bundle, BenchOptions(threads=1), SENTENCES[0], progress=_Under(name, progress))
        for name, one in ((one.manifest.format, one) for one in made)
    ]
    answers = [load(deployment.bundle, self_test=True)(list(SENTENCES)) for deployment in made]
    return Demo(
        deployments=tuple(made),
        reports=reports,
        report_files=tuple(write_reports(reports, out / "report")),
        cold_starts=tuple(cold_starts),
        answers=tuple(zip(SENTENCES, zip(*answers, strict=True), strict=True)),
        left_out=tuple(left_out),
    )


class _Under:
    """A listener that puts the name of a part of the work before its stages."""

    def __init__(self, name: str, listener: ProgressListener) -> None:
        self._name, self._listener = name, listener

    def stage(self, name: str) -> None:
        self._listener.stage(f"{self._name}: {name}")

    def step(self, done: int, total: int | None) -> None:
        self._listener.step(done, total)
