"""What ``roformer-edge demo`` does: the embedded checkpoint becomes an int8 bundle, is measured, and answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from roformer_edge.demo.embedded import embedded_checkpoint, embedded_evaluation
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import Deployment, DeployOptions
from roformer_edge.progress import SILENT, ProgressListener
from roformer_edge.runtime.loading import load
from roformer_edge.runtime.pipelines.text_classification import Classification

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
        deployment: The bundle, its manifest, the report and the report's files.
        answers: The bundle's answer to each of ``SENTENCES``, in order.
    """

    deployment: Deployment
    answers: tuple[tuple[str, Classification], ...]


def run_demo(out_dir: str | Path, progress: ProgressListener = SILENT) -> Demo:
    """Deploy the embedded checkpoint to int8 ONNX, validate it on the embedded evaluation set, and ask it something.

    Needs no network and no training framework.

    Args:
        out_dir: Gets ``bundle/`` and ``report/`` (JSON, Markdown, HTML); those of an earlier demo are replaced.
        progress: Is told how far it has come.

    Raises:
        MissingDependencyError: The packages of the extra ``export`` are not installed.
        BudgetExceededError: int8 lost more than ``MAX_DROP`` points of accuracy.
    """
    out = Path(out_dir)
    with embedded_checkpoint() as checkpoint, embedded_evaluation() as evaluation:
        options = DeployOptions(
            task=TASK,
            recipe=RECIPE,
            evaluation=evaluation,
            max_drop=MAX_DROP,
            report=out / "report",
            overwrite=True,
        )
        deployment = deploy_checkpoint(checkpoint, out / "bundle", options, progress=progress)
    classify = load(deployment.bundle, self_test=True)
    answers = classify(list(SENTENCES))
    return Demo(deployment=deployment, answers=tuple(zip(SENTENCES, answers, strict=True)))
