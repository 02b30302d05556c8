"""Growth: from a thousand to a million texts through ``run``, in one process and on two workers of Ray.

    python -m benchmarks.scale [--sizes 1000 10000 100000 1000000] [--shard-rows 10000]

The texts are those of the embedded evaluation, repeated with a number behind each; the bundle is the embedded one in
int8-dynamic. In runs of 100,000 texts and more on Ray a worker is killed when a quarter of the shards is there. The
answers of both must be the same bytes. Processor time stands beside wall time, because a machine may be shared; memory
is the peak of one process: the only one, or the largest of the driver and its workers.

Needs the environment that ``scripts/make_env.sh ray`` makes. Files lie in a temporary folder, and are deleted.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import record
from benchmarks.process import ROOT, environment

PYTHON = ROOT / ".venv-ray" / "bin" / "python"
WORKERS = 2
# texts from which on a worker is killed
KILLING = 100_000
_TICK = 0.5
_TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    args = parse_args()
    settings = {"shard_rows": args.shard_rows, "threads": 1, "ray": version_of("ray"), "machine": args.machine}
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="scale-", dir=args.scratch) as name:
        folder = Path(name)
        bundle, texts = prepare(folder)
        for size in args.sizes:
            source = folder / "texts.txt"
            source.write_text("".join(f"{texts[i % len(texts)]}{i}\n" for i in range(size)), "utf-8")
            single, digest = in_one_process(bundle, source, folder / "answers.jsonl")
            rows.append({"texts": size, "engine": "one process", **single})
            print(json.dumps(rows[-1]), flush=True)
            killing = size >= KILLING
            found, other = on_ray(bundle, source, folder / "answers", args.shard_rows, killing=killing)
            if (other, found["answers"]) != (digest, single["answers"]):
                raise SystemExit(f"{size} texts: the answers of Ray's workers are not those of one process")
            rows.append({"texts": size, "engine": f"Ray, {WORKERS} workers", **found})
            print(json.dumps(rows[-1]), flush=True)
            print(record.write("scale", settings, rows, args.out))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A thousand to a million texts, in one process and on Ray.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--shard-rows", type=int, default=10_000)
    parser.add_argument("--scratch", type=Path, help="folder for what is deleted again; 300 MB for a million texts")
    parser.add_argument("--machine", default="quiet", help="what else the machine did, for the record")
    parser.add_argument("--out", type=Path, help="folder for the result (default: benchmarks/results)")
    return parser.parse_args()


def prepare(folder: Path) -> tuple[Path, list[str]]:
    """Deploy the embedded checkpoint; return the bundle and the texts of the embedded evaluation."""
    from roformer_edge.demo.embedded import embedded_checkpoint, embedded_evaluation
    from roformer_edge.deploy.journey import deploy_checkpoint
    from roformer_edge.deploy.options import DeployOptions

    with embedded_checkpoint() as checkpoint:
        options = DeployOptions(task="text-classification", recipe="int8-dynamic")
        deploy_checkpoint(checkpoint, folder / "intent", options)
    with embedded_evaluation() as path:
        texts = [json.loads(line)["text"] for line in path.read_text("utf-8").splitlines()]
    return folder / "intent", texts


def in_one_process(bundle: Path, source: Path, out: Path) -> tuple[dict[str, Any], str]:
    command = [PYTHON, "-m", "roformer_edge", "run", bundle, "--input", source, "--threads", "1"]
    with out.open("wb") as stream:
        found = watch(command, stream)
    digest, lines = digest_of([out])
    out.unlink()
    return {"answers": lines, "killed": 0, **found}, digest


def on_ray(bundle: Path, source: Path, out: Path, rows: int, *, killing: bool) -> tuple[dict[str, Any], str]:
    command = [PYTHON, "-m", "roformer_edge", "run", bundle, "--input", source, "--engine", "ray", "--out", out]
    command += ["--workers", str(WORKERS), "--shard-rows", str(rows)]
    killed: list[int] = []
    with source.open("rb") as file:
        shards = -(-sum(1 for _ in file) // rows)

    def kill(workers: list[int]) -> None:
        if killing and not killed and workers and len([*out.glob("part-*")]) >= shards / 4:
            killed.append(workers[0])
            os.kill(workers[0], signal.SIGKILL)

    found = watch(command, subprocess.DEVNULL, kill)
    parts = sorted(out.glob("part-*.jsonl"))
    if len(parts) != shards or len(killed) != killing:
        raise SystemExit(f"{len(parts)} of {shards} shards, {len(killed)} workers killed")
    digest, lines = digest_of(parts)
    for path in [*out.iterdir()]:
        path.unlink()
    out.rmdir()
    return {"answers": lines, "killed": len(killed), **found}, digest


def watch(
    command: list[object], stdout: Any, each: Callable[[list[int]], None] = lambda workers: None
) -> dict[str, Any]:
    """Run a command; tell ``each`` now and then which workers of Ray it has; return its times and the peak memory."""
    words = [str(word) for word in command]
    variables = {**environment(), "OMP_NUM_THREADS": "1", "RAY_worker_niceness": "0"}
    began, peaks, seconds = time.perf_counter(), {}, {}
    child = subprocess.Popen(words, stdout=stdout, stderr=subprocess.PIPE, env=variables)
    ended = 0
    while not ended:
        time.sleep(_TICK)
        workers = []
        for pid in (child.pid, *descendants(child.pid)):
            try:
                works = b"MapWorker" in Path(f"/proc/{pid}/cmdline").read_bytes()
                if not works and pid != child.pid:
                    continue
                status = Path(f"/proc/{pid}/status").read_text()
                times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
            except OSError:  # it has just ended
                continue
            if "VmHWM:" not in status:  # it has ended, and nobody has asked how
                continue
            workers += [pid] if works else []
            peaks[pid] = int(status.partition("VmHWM:")[2].split()[0]) * 1024
            if works:
                seconds[pid] = sum(map(int, times)) / _TICKS
        each(workers)
        ended, status_word, usage = os.wait4(child.pid, os.WNOHANG)
    code = child.returncode = os.waitstatus_to_exitcode(status_word)
    complaint = child.stderr.read().decode("utf-8", "replace")
    child.stderr.close()
    if code:
        raise SystemExit(f"{' '.join(words[:6])} ... failed:\n{complaint}")
    return {
        "wall_s": round(time.perf_counter() - began, 1),
        "processor_s": round(usage.ru_utime + usage.ru_stime + sum(seconds.values()), 1),
        "peak_mb": round(max(peaks.values()) / 1e6, 1),
    }


def descendants(pid: int) -> Iterator[int]:
    """List the processes that a process started, and those that these did."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    todo = [pid]
    while todo:
        found = children.get(todo.pop(), [])
        yield from found
        todo += found


def digest_of(paths: list[Path]) -> tuple[str, int]:
    """Compute the SHA-256 of files one behind the other, and count their lines."""
    digest, lines = hashlib.sha256(), 0
    for path in paths:
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
                lines += piece.count(b"\n")
    return digest.hexdigest(), lines


def version_of(package: str) -> str:
    program = f"import importlib.metadata as m; print(m.version({package!r}))"
    return subprocess.run([PYTHON, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()
