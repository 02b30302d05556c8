"""Put faults into a copy of the package, one at a time, and see whether a test dies: prints a table.

Each fault breaks a promise of the documentation. The tests named beside it must fail; where they pass, the promise is
not tested, and the exit code is 1.

    python scripts/faults.py [PATTERN]
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]


class Fault(NamedTuple):
    """A promise, the place that keeps it, what stands there, what is put in its place, and the tests of it."""

    promise: str
    file: str
    before: str
    after: str
    tests: str


FAULTS = (
    Fault(
        "weights of the default preset are exact on every x86: pairs stay within bounds",
        "quantize/presets.py",
        'weights=Grid(dtype="int8", symmetric=True, bounded_pairs=True)',
        'weights=Grid(dtype="int8", symmetric=True)',
        "tests/quantize tests/export",
    ),
    Fault(
        "the recorded drop is what was lost",
        "deploy/contents.py",
        "drop=figure.drop,",
        "drop=-figure.drop,",
        "tests/deploy",
    ),
    Fault(
        "as many calibration texts are seen as were asked for",
        "deploy/inputs.py",
        "options.calibration_texts or defaults.CALIBRATION_TEXTS",
        "defaults.CALIBRATION_TEXTS",
        "tests/deploy",
    ),
    Fault(
        "a file that is not the one listed is refused",
        "bundle/reader.py",
        "        if found != entry.sha256:",
        "        if False:",
        "tests/bundle",
    ),
    Fault(
        "an unknown key of the manifest is refused",
        "records.py",
        '("has the unknown", value.keys() - readers.keys())',
        '("has the unknown", set())',
        "tests/test_records.py tests/bundle",
    ),
    Fault(
        "a bundle is refused by an engine that is too old",
        "runtime/loading.py",
        "if version_tuple(version) < version_tuple(needed):",
        "if False:",
        "tests/runtime/test_loading.py",
    ),
    Fault(
        "the self-test fails where outputs differ by more than its tolerance",
        "runtime/self_test.py",
        "if worst > test.tolerance:",
        "if worst > 1e9:",
        "tests/runtime",
    ),
    Fault(
        "an export that differs from the reference is refused",
        "export/parity.py",
        "if not difference.scaled <= task.tolerance:",
        "if not difference.scaled <= 1e9:",
        "tests/export",
    ),
    Fault(
        "parity looks at absolute differences as well as relative ones",
        "export/parity.py",
        "        absolute_difference=largest.absolute,",
        "        absolute_difference=largest.relative,",
        "tests/export",
    ),
    Fault(
        "a drop beyond the budget fails, and the bundle is not written",
        "deploy/journey.py",
        "        check_budget(report)\n",
        "        pass\n",
        "tests/cli tests/deploy",
    ),
    Fault(
        "answers of an int8 bundle do not depend on their neighbours",
        "runtime/loading.py",
        'batch_size=1 if manifest.batching == "single" else DEFAULT_BATCH',
        "batch_size=DEFAULT_BATCH",
        "tests/runtime/test_neighbours.py",
    ),
    Fault(
        "padding never changes an answer",
        "export/onnx/emitter.py",
        'graph.node("Where", "mask", [keep, zero, low])',
        'graph.node("Where", "mask", [keep, zero, zero])',
        "tests/export",
    ),
    Fault(
        "what is not used of a checkpoint stands in the manifest",
        "deploy/contents.py",
        "        notes=model.notes,\n",
        "",
        "tests/cli tests/deploy",
    ),
    Fault(
        "a conditional random field decides the labels",
        "deploy/contents.py",
        "    if model.checkpoint.crf is not None:",
        "    if False:",
        "tests/deploy",
    ),
    Fault(
        "positions beyond the stored rotary table follow its formula",
        "checkpoint/rotary_table.py",
        "rotary_table(positions, table.shape[1])[len(table) :]",
        "rotary_table(positions, table.shape[1])[: positions - len(table)]",
        "tests/checkpoint tests/end_to_end/test_longer_texts.py",
    ),
    Fault(
        "a label such as E-mail is a name",
        "tagging.py",
        "if tag.name in known}",
        "if tag.name}",
        "tests/test_tagging.py",
    ),
    Fault(
        "threads by default are no more than the process may use",
        "processors.py",
        'affinity = getattr(os, "sched_getaffinity", None)',
        "affinity = None",
        "tests/test_processors.py",
    ),
    Fault(
        "the engine tells nobody",
        "__init__.py",
        'os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")',
        "pass",
        "tests/attacks/test_telemetry.py",
    ),
    Fault(
        "token types that a tokenizer leaves out are 0",
        "tokenizer/base.py",
        "template.row(first, second, True, self.uses_token_types)",
        "template.row(first, second, True, True)",
        "tests/tokenizer tests/deploy/test_token_types.py",
    ),
    Fault(
        "nothing is left where a deployment fails",
        "temporary.py",
        "            _remove(leftover)\n",
        "            pass\n",
        "tests/test_temporary.py tests/bundle",
    ),
    Fault(
        "what a process of its own answers is compared before there is a bundle",
        "deploy/journey.py",
        "parity=parity_record(comparing() if parity is None else parity)",
        "parity=parity_record(parity) if parity else manifest.parity",
        "tests/deploy/test_journey.py",
    ),
    Fault(
        "deploy --for-this-machine keeps the best of those within the budget",
        "deploy/candidates.py",
        "    within = [one for one in judged if one.within]\n",
        "    within = judged\n",
        "tests/deploy/test_candidates.py",
    ),
    Fault(
        "a candidate whose outputs are not finite stops no other",
        "deploy/selection.py",
        "    except BackendError as error:\n",
        "    except FloatingPointError as error:\n",
        "tests/deploy/test_selection.py",
    ),
    Fault(
        "a worker of a Pool that is lost is told, and no text is left out",
        "runtime/pool.py",
        "            outer.set_exception(PoolError(_LOST) if isinstance(error, BrokenProcessPool) else error)\n",
        "            outer.set_result(_Outcomes([]))\n",
        "tests/runtime/test_pool.py",
    ),
    Fault(
        "run --engine ray goes on by shard",
        "bulk/job.py",
        "if not self.part(shard).is_file()]",
        "if True]",
        "tests/bulk/test_job.py",
    ),
    Fault(
        "run --engine ray computes a shard again that was begun and lost",
        "bulk/job.py",
        "if not self.part(shard).is_file()]",
        "if not self._attempts(shard).is_file() and not self.part(shard).is_file()]",
        "tests/bulk/test_job.py",
    ),
    Fault(
        'load(verify="changed") compares a file anew that changed',
        "bundle/comparisons.py",
        'place.read_text(encoding="ascii") == _note(digest, identity)',
        "place.is_file()",
        "tests/bundle/test_comparisons.py",
    ),
    Fault(
        'threads="auto" takes more threads only where they are quicker',
        "runtime/thread_choice.py",
        "        if then <= WORTH * now:\n",
        "        if then <= 2 * now:\n",
        "tests/runtime/test_thread_choice.py",
    ),
    Fault(
        "what an ONNX model answered that was written to meanwhile is refused",
        "runtime/backends/onnxruntime.py",
        "            mapped.check_unchanged()\n        return {spec",
        "            pass\n        return {spec",
        "tests/runtime/backends/test_weights_in_place.py",
    ),
    Fault(
        "weights are mapped only where such numbers may lie",
        "runtime/backends/weights_in_place.py",
        "raw[0].content % alignment == 0",
        "alignment > 0",
        "tests/runtime/backends/test_weights_in_place.py",
    ),
)


def main(pattern: str = "") -> int:
    """Try the faults whose promise holds the pattern."""
    survivors = 0
    print("| promise that is broken | in | tests |\n|---|---|---|", flush=True)
    for fault in (fault for fault in FAULTS if pattern in fault.promise):
        outcome = _try(fault)
        survivors += outcome != "fail"
        print(f"| {fault.promise} | `{fault.file}` | {outcome} |", flush=True)
    return int(survivors > 0)


def _try(fault: Fault) -> str:
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        copy = Path(folder)
        for name in ("roformer_edge", "roformer_edge_demo", "tests", "docs", "examples", "scripts", "benchmarks"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        for path in (*ROOT.glob("*.toml"), *ROOT.glob("*.md"), *ROOT.glob("*.txt"), ROOT / "Makefile"):
            shutil.copy(path, copy)
        for environment in ROOT.glob(".venv*"):
            (copy / environment.name).symlink_to(environment.resolve())
        place = copy / "roformer_edge" / fault.file
        text = place.read_text(encoding="utf-8")
        if text.count(fault.before) != 1:
            return f"not tried: what is replaced stands there {text.count(fault.before)} times"
        place.write_text(text.replace(fault.before, fault.after), encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *fault.tests.split()]
        environment_variables = {**os.environ, "PYTHONPATH": str(copy)}
        done = subprocess.run(command, cwd=copy, env=environment_variables, check=False, capture_output=True, text=True)
    return {0: "pass: the promise is not tested", 1: "fail"}.get(done.returncode, f"not run: {done.stdout[-200:]!r}")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
