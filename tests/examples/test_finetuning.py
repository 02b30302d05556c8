"""Each fine-tuning example on a handful of rows: it ends with its figure and leaves a checkpoint of its task."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from roformer_edge.checkpoint.loading import load_checkpoint
from roformer_edge.tasks import get_task
from roformer_edge.tokenizer import RoFormerTokenizer

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("ROFORMER_EDGE_DATA") or ROOT.parent / "shared" / "data")
FRAMEWORKS_PYTHON = ROOT / ".venv-frameworks" / "bin" / "python"
SCRIPTS = ROOT / "examples" / "finetuning"
FIGURE = re.compile(r"\S.* \d\.\d{3} \(.* \d\.\d{3}\) on \d+ \S.*")
# end of the script's name -> task of the checkpoint
TASKS = {
    "text_classification": "text-classification",
    "token_classification": "token-classification",
    "question_answering": "question-answering",
    "multiple_choice": "multiple-choice",
    "masked_lm": "fill-mask",
    "causal_lm": "text-generation",
}

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the data is not there: {DATA}")


@needs_data
@pytest.mark.slow
@pytest.mark.parametrize("script", sorted(path.stem for path in SCRIPTS.glob("torch_*_*.py")))
def test_torch_example(script: str, tmp_path: Path) -> None:
    check(Path(sys.executable), script, tmp_path)


@needs_data
@pytest.mark.slow
@pytest.mark.skipif(not FRAMEWORKS_PYTHON.exists(), reason="make .venv-frameworks of envs/frameworks.txt first")
@pytest.mark.parametrize(
    "script", sorted(path.stem for pattern in ("tensorflow_*.py", "flax_*_*.py") for path in SCRIPTS.glob(pattern))
)
def test_example_of_another_framework(script: str, tmp_path: Path) -> None:
    check(FRAMEWORKS_PYTHON, script, tmp_path)


def test_every_task_has_an_example_in_every_framework() -> None:
    names = {path.stem for path in SCRIPTS.glob("*.py")}
    wanted = {f"{framework}_{task}" for framework in ("torch", "tensorflow", "flax") for task in TASKS}
    assert wanted - names == {"flax_causal_lm"}


def test_examples_are_short() -> None:
    for task in TASKS:
        for path in SCRIPTS.glob(f"*_{task}.py"):
            lines = [line for line in path.read_text("utf-8").splitlines() if line.strip()]
            assert 10 <= len(lines) <= 40, f"{path.name} has {len(lines)} lines"


def check(python: Path, script: str, folder: Path) -> None:
    done = subprocess.run(
        [python, SCRIPTS / f"{script}.py", "--epochs", "1", "--examples", "8", "--out", folder],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert FIGURE.fullmatch(done.stdout.splitlines()[-1]), done.stdout
    task = get_task(TASKS[script.partition("_")[2]])
    checkpoint = load_checkpoint(folder, task)
    assert checkpoint.config.is_decoder is task.causal
    assert len(RoFormerTokenizer.from_pretrained(folder)) == checkpoint.config.vocab_size
