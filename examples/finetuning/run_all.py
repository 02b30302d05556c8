"""Run every example whose framework is installed, note what came out, and write the table of docs/examples.md.

    python examples/finetuning/run_all.py                 # all of them
    python examples/finetuning/run_all.py torch_masked_lm # some
    python examples/finetuning/run_all.py --table         # none: the table only

Figures of earlier runs stay in ``results.json`` until their example is run again, so that the frameworks can be run
each in its own environment.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RESULTS, PAGE = HERE / "results.json", ROOT / "docs" / "examples.md"
BEGIN, END = "<!-- table:begin -->", "<!-- table:end -->"
TASKS = (
    "text_classification",
    "token_classification",
    "question_answering",
    "multiple_choice",
    "masked_lm",
    "causal_lm",
)
# framework -> what its figures depend on
FRAMEWORKS = {"torch": ("torch",), "tensorflow": ("tensorflow", "keras"), "flax": ("flax", "jax", "optax")}
REPORT = re.compile(r"(?P<metric>\S.*) (?P<value>[\d.]+) \((?P<guess>.*) (?P<chance>[\d.]+)\) on (?P<tested>\d+ .*)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="such as torch_masked_lm; all when none is named")
    parser.add_argument("--table", action="store_true", help="run nothing, write the table only")
    arguments = parser.parse_args()
    for name in [] if arguments.table else arguments.names or all_names():
        framework = name.split("_")[0]
        if find_spec(framework) is None:
            print(f"{name}: {framework} is not installed")
            continue
        found = run(HERE / f"{name}.py")
        found["versions"] = {package: version(package) for package in (*FRAMEWORKS[framework], "numpy")}
        # read again: another environment may have written meanwhile
        RESULTS.write_text(json.dumps({**results(), name: found}, ensure_ascii=False, indent=2, sort_keys=True) + "\n")
    before, rest = PAGE.read_text("utf-8").split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{table(results())}\n{END}{rest.split(END)[1]}", "utf-8")


def all_names() -> list[str]:
    """Every example, task by task."""
    names = [f"{framework}_{task}" for task in TASKS for framework in FRAMEWORKS]
    return [name for name in names if (HERE / f"{name}.py").exists()]


def results() -> dict[str, dict[str, Any]]:
    """What earlier runs found."""
    found: dict[str, dict[str, Any]] = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    return found


def run(script: Path) -> dict[str, Any]:
    """The figures that one example prints, in their parts, and the processor seconds that it took."""
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{script.stem}:", flush=True)
    done = subprocess.run(
        [sys.executable, script], env={**os.environ, "PYTHONPATH": paths}, stdout=subprocess.PIPE, text=True, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    matches = [match for line in done.stdout.splitlines() if (match := REPORT.fullmatch(line))]
    print(*(f"  {match[0]}" for match in matches), sep="\n", flush=True)
    figures = [
        {**match.groupdict(), "value": float(match["value"]), "chance": float(match["chance"])} for match in matches
    ]
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"figures": figures, "seconds": round(seconds)}


def table(found: dict[str, dict[str, Any]]) -> str:
    """One line an example, in the order of the tasks; below them what they were run with."""
    lines = ["| `python examples/finetuning/...` | tested on | metric | figure | without a model | processor seconds |"]
    lines.append("| --- | --- | --- | ---: | ---: | ---: |")
    for name in all_names():
        row = found.get(name, {"figures": []})
        for figure in row["figures"]:
            lines.append(
                f"| `{name}.py` | {figure['tested']} | {figure['metric']} | {figure['value']:.3f} "
                f"| {figure['chance']:.3f} ({figure['guess']}) | {row['seconds']} |"
            )
    versions = {package: number for row in found.values() for package, number in row["versions"].items()}
    versions.pop("numpy", None)
    listed = ", ".join(f"{package} {number}" for package, number in sorted(versions.items()))
    return "\n".join([*lines, "", f"With {listed}."])


if __name__ == "__main__":
    main()
