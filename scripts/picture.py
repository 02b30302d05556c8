"""Makes the picture in the README, docs/pictures/report.png: the top of the report of the demo's ONNX bundle.

    .venv/bin/python scripts/picture.py

The report is made here as ``roformer-edge demo`` makes it, but without latencies, so that no busy machine stands in the
picture. Needs a Chromium, which takes the picture without a window.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from roformer_edge.demo.embedded import embedded_checkpoint, embedded_evaluation
from roformer_edge.demo.journey import MAX_DROP, RECIPE, TASK
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.deploy.reference import open_reference
from roformer_edge.validate.data.examples import read_examples
from roformer_edge.validate.openers import open_predictor
from roformer_edge.validate.options import CompareOptions
from roformer_edge.validate.render import write_reports
from roformer_edge.validate.runner import compare
from roformer_edge.validate.tasks import measure_of

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "pictures" / "report.png"
# down to the end of the row of figures, in CSS pixels
SIZE = "1100,510"
MOST_BYTES = 150_000


def main() -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("picture: no chromium and no google-chrome was found")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_report(folder)
        picture = folder / "report.png"
        flags = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run")
        places = (f"--user-data-dir={folder}/profile", f"--window-size={SIZE}", f"--screenshot={picture}")
        command = [browser, *flags, *places, (folder / "report" / "report.html").as_uri()]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        size = picture.stat().st_size
        if size > MOST_BYTES:
            sys.exit(f"picture: {size:,} bytes are more than the {MOST_BYTES:,} that a README should load")
        PICTURE.parent.mkdir(exist_ok=True)
        shutil.copyfile(picture, PICTURE)
    print(f"{PICTURE}: {size:,} bytes")


def write_report(folder: Path) -> None:
    """Deploy the embedded checkpoint and put the bundle beside it."""
    with (
        embedded_checkpoint() as checkpoint,
        embedded_evaluation() as data,
        open_reference(checkpoint, TASK) as reference,
    ):
        bundle = deploy_checkpoint(checkpoint, folder / "onnx", DeployOptions(task=TASK, recipe=RECIPE)).bundle
        examples = tuple(read_examples(data, measure_of(TASK, reference.labels, reference.problem_type)))
        options = CompareOptions(task=TASK, data_name=data.name, max_drop=MAX_DROP, timed=0)
        report = compare(reference, open_predictor(bundle), examples, options)
        write_reports([report], folder / "report")


if __name__ == "__main__":
    main()
