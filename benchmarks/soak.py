"""A hundred thousand requests from four threads on each engine, and a Pool of two processes beside one process.

    python -m benchmarks.soak [--requests 100000] [--formats onnx tflite] [--rounds 9]

The bundle is the embedded checkpoint in int8-dynamic, one thread an operation. Requests are texts of five lengths in a
random order, the short ones more often; each length is a class of its own, whose percentiles are those of its requests
alone: a long text takes longer than a short one on a machine without any fault. A request that raises, or whose answer
is not the one that the same text had alone before, is an error. Memory is what the kernel says is resident when a tenth
of the requests is answered, and when all are, after all threads asked for the longest text at once for a while. Beside
the wall time of a request stands the processor time of its thread: where other programs want the cores, the one grows
and the other does not.

A control does the same with no engine: four threads that hash some bytes for as long as a short text takes. Where its
requests are spread as widely, it is the machine that spreads them.

The pool and one process answer one list in turns. Memory of the pools is the proportional one of all workers (PSS).
Everything runs in fresh processes; what is going on is told on standard error.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import record
from benchmarks.artifacts import ours
from benchmarks.checkpoints import CACHE, SHAPES
from benchmarks.process import environment, run

RECIPE = "int8-dynamic"
FORMATS = ("onnx", "tflite")
MEASURED = ("requests", "pool", "memory")
THREADS = 4
WORKERS = 2
# tokens of a text -> how often it is asked, in a hundred requests
MIX = {8: 35, 16: 30, 32: 20, 64: 10, 128: 5}
# different texts of each length
TEXTS_OF_A_LENGTH = 8
# requests for the longest text of each thread, before memory is looked at
WARM_UP = 200
# texts of the list that a pool and one process answer
LISTED = 1000


def main() -> None:
    args = parse_args()
    if args.part:
        print(json.dumps(PARTS[args.part](args.bundle, args)))
        return
    before = measured_before(args.out or record.RESULTS)
    rows: list[dict[str, Any]] = []
    loads = []
    for form in args.formats:
        bundle = demo_bundle(form)
        for part in ("requests", "pool"):
            if part in args.measure:
                loads.append(f"{os.getloadavg()[0]:.1f}")
                rows += [{"part": part, "format": form, **row} for row in in_a_process(part, bundle, args)]
    if "requests" in args.measure:
        rows += [{"part": "requests", "format": "no engine", **row} for row in in_a_process("control", Path(), args)]
    rows += [row for row in before["rows"] if row["part"] not in args.measure]
    for shape in args.shapes if "memory" in args.measure else ():
        for form, way in (*((form, form) for form in args.formats), ("tflite", "tflite, weight_cache")):
            if form in args.formats:
                bundle = ours(shape, RECIPE, form)
                found = in_a_process("packed memory" if "cache" in way else "memory", bundle, args)
                rows += [{"part": "memory", "format": way, "shape": shape, **row} for row in found]
    settings = {
        "recipe": RECIPE,
        "requests": args.requests,
        "from_threads": THREADS,
        "threads of an operation": 1,
        "rounds": args.rounds,
        "load of the machine before each part": " ".join(loads),
    }
    path = record.write("soak", settings, rows, args.out)
    if {*args.measure} != {*MEASURED}:
        keep_origin(path, before, args.measure)
    print(path)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Many requests, and several processes.")
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--formats", nargs="+", default=list(FORMATS), choices=FORMATS)
    parser.add_argument("--shapes", nargs="*", default=list(SHAPES), choices=list(SHAPES), help="for memory of pools")
    parser.add_argument("--measure", nargs="+", default=list(MEASURED), choices=MEASURED, help="and leave the others")
    parser.add_argument("--rounds", type=int, default=9, help="turns of the pool and of one process")
    parser.add_argument("--out", type=Path, help="folder for the result (default: benchmarks/results)")
    parser.add_argument("--part", choices=list(PARTS), help="this part alone, for --bundle, as one JSON line")
    parser.add_argument("--bundle", type=Path)
    return parser.parse_args()


def measured_before(folder: Path) -> dict[str, Any]:
    """Read the result that is there, for what is not measured again."""
    path = folder / "soak.json"
    found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {"rows": [], "settings": {}}
    return found


def keep_origin(path: Path, before: dict[str, Any], measured: list[str]) -> None:
    """Say of a result that most of it is of the run before, and which parts are not."""
    content = json.loads(path.read_text("utf-8"))
    anew = {f"{part} measured": f"{content['date']} on {content['machine']['processor']}" for part in measured}
    content |= {key: before[key] for key in ("date", "machine", "versions")}
    content["settings"] = before["settings"] | anew
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "utf-8")


def demo_bundle(form: str) -> Path:
    """The embedded checkpoint as it is deployed by this package now."""
    from roformer_edge.demo.embedded import embedded_checkpoint

    folder = CACHE / "soak" / form
    with embedded_checkpoint() as source:
        command = [sys.executable, "-m", "roformer_edge", "deploy", str(source), "--format", form, "--overwrite"]
        run([*command, "--task", "text-classification", "--recipe", RECIPE, "--out", str(folder)])
    return folder


def in_a_process(part: str, bundle: Path, args: argparse.Namespace) -> list[dict[str, Any]]:
    """Run a part in a fresh process, whose progress is shown."""
    tell(f"{part}: {bundle}")
    command = [sys.executable, "-m", "benchmarks.soak", "--part", part, "--bundle", str(bundle)]
    command += ["--requests", str(args.requests), "--rounds", str(args.rounds)]
    done = subprocess.run(command, env=environment(), stdout=subprocess.PIPE, check=True, encoding="utf-8")
    return json.loads(done.stdout.splitlines()[-1])


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def texts_by_length(classify: Any) -> dict[int, list[str]]:
    """Texts of exactly so many tokens, put together of those of the evaluation set."""
    from roformer_edge.demo.embedded import embedded_evaluation

    with embedded_evaluation() as path:
        sentences = [json.loads(line)["text"] for line in path.read_text("utf-8").splitlines()]
    chance = random.Random(14)
    found: dict[int, list[str]] = {length: [] for length in MIX}
    for length, texts in found.items():
        while len(texts) < TEXTS_OF_A_LENGTH:
            text = ""
            while tokens_of(classify, text) < length:
                text += chance.choice(sentences)
            while tokens_of(classify, text) > length:
                text = text[:-1]
            if tokens_of(classify, text) == length and text not in texts:
                texts.append(text)
    return found


def tokens_of(classify: Any, text: str) -> int:
    return len(classify.model.tokenizer.encode_text(text).ids)


def resident_mb() -> float:
    """Resident memory of this process, now."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def requests_part(bundle: Path, args: argparse.Namespace) -> list[dict[str, Any]]:
    """Ask from several threads; a row for each length, and one for all."""
    import numpy as np

    import roformer_edge

    each = args.requests // THREADS
    with roformer_edge.load(bundle, task="text-classification", threads=1) as classify:
        texts = texts_by_length(classify)
        alone = {text: classify(text) for group in texts.values() for text in group}
        lengths, weights = zip(*MIX.items(), strict=True)
        # room is made before memory is looked at
        asked = [np.array(random.Random(thread).choices(lengths, weights, k=each)) for thread in range(THREADS)]
        chances = [random.Random(100 + thread) for thread in range(THREADS)]

        def ask(thread: int, number: int) -> bool:
            text = chances[thread].choice(texts[int(asked[thread][number])])
            return bool(classify(text) == alone[text])

        # the most memory that requests can need is when all threads have the longest texts at once: chance brings that
        # about early or late, and what the engine then keeps is not growth
        longest = texts[max(MIX)][0]
        from_threads(lambda thread, number: bool(classify(longest) == alone[longest]), WARM_UP)
        wall, cpu, whole = from_threads(ask, each)
    by_length = [of_length(length, np.concatenate(asked) == length, wall, cpu) for length in lengths]
    return [whole, *by_length]


def control_part(bundle: Path, args: argparse.Namespace) -> list[dict[str, Any]]:
    """Hash bytes from as many threads, outside Python's lock as an engine computes; a row like those of a length."""
    data = bytes(1 << 20)
    expected = hashlib.sha256(data).digest()
    wall, cpu, _ = from_threads(lambda thread, number: hashlib.sha256(data).digest() == expected, args.requests // 10)
    return [of_length("hash", wall > 0, wall, cpu)]


def from_threads(ask: Callable[[int, int], bool], each: int) -> tuple[Any, Any, dict[str, Any]]:
    """Ask from several threads at once.

    Args:
        ask: Gets the number of the thread and that of the request; tells whether the answer was right.
        each: Requests of a thread.

    Returns:
        Wall time of all requests, processor time of their threads, both in ms, and what is to be said of all together.
    """
    import numpy as np

    wall, cpu = np.ones((2, THREADS, each))
    done, errors = [0] * THREADS, [0] * THREADS

    def work(thread: int) -> None:
        for number in range(each):
            start, busy = time.perf_counter(), time.thread_time()
            try:
                errors[thread] += not ask(thread, number)
            except Exception as error:  # noqa: BLE001 - counted, and shown
                errors[thread] += 1
                tell(repr(error))
            cpu[thread, number] = 1000 * (time.thread_time() - busy)
            wall[thread, number] = 1000 * (time.perf_counter() - start)
            done[thread] += 1

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(THREADS)]
    began, before, shown = time.perf_counter(), None, 0
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.02)
        if before is None and 10 * sum(done) >= each * THREADS:
            before = resident_mb()
        if 10 * sum(done) >= (shown + 1) * each * THREADS:
            shown = 10 * sum(done) // (each * THREADS)
            tell(f"  {10 * shown} % after {time.perf_counter() - began:.0f} s, {resident_mb():.1f} MB")
    after, seconds = resident_mb(), time.perf_counter() - began
    before = before or after
    whole = {
        "requests": sum(done),
        "errors": sum(errors),
        "seconds": seconds,
        "texts_per_second": sum(done) / seconds,
        "resident_mb_at_10_percent": before,
        "resident_mb_at_the_end": after,
        "growth_percent": 100 * (after / before - 1),
    }
    return wall, cpu, whole


def of_length(length: object, chosen: Any, wall: Any, cpu: Any) -> dict[str, Any]:
    """Percentiles of the requests of one length."""
    import numpy as np

    row: dict[str, Any] = {"tokens": length, "requests": int(chosen.sum())}
    for name, times in (("wall", wall), ("thread_cpu", cpu)):
        p50, p99 = (float(value) for value in np.percentile(times.ravel()[chosen.ravel()], (50, 99)))
        row |= {f"{name}_p50_ms": p50, f"{name}_p99_ms": p99, f"{name}_ratio": p99 / p50}
    return row


def pool_part(bundle: Path, args: argparse.Namespace) -> list[dict[str, Any]]:
    """Let one process and a pool answer one list in turns: wall time, and processor time of all processes."""
    import roformer_edge

    with (
        roformer_edge.load(bundle, task="text-classification", threads=1) as one,
        roformer_edge.load(bundle, task="text-classification", threads=WORKERS) as wide,
        roformer_edge.Pool(bundle, workers=WORKERS, threads=1) as pool,
    ):
        groups, chance = texts_by_length(one), random.Random(2)
        texts = [chance.choice(groups[length]) for length in chance.choices([*MIX], [*MIX.values()], k=LISTED)]
        ways = {
            "one process, 1 thread": one,
            f"one process, {WORKERS} threads": wide,
            f"pool of {WORKERS}, 1 thread each": pool,
        }
        expected = one(texts)
        found: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for number in range(args.rounds + 1):
            for way, answer in ways.items():
                start, busy = time.perf_counter(), processor_seconds()
                if answer(texts) != expected:
                    raise SystemExit(f"{way} does not answer as one process does")
                # the first round does not count
                if number:
                    found[way].append((time.perf_counter() - start, processor_seconds() - busy))
            tell(f"  round {number} of {args.rounds}")
    rows = []
    for way, runs in found.items():
        ratios = [first[0] / own[0] for first, own in zip(found["one process, 1 thread"], runs, strict=True)]
        rows.append(
            {
                "way": way,
                "texts_per_second": len(texts) / statistics.median(wall for wall, _ in runs),
                "best_texts_per_second": len(texts) / min(wall for wall, _ in runs),
                "cpu_ms_a_text": 1000 * statistics.median(cpu for _, cpu in runs) / len(texts),
                "times_one_process": statistics.median(ratios),
                "best_by_best": min(wall for wall, _ in found["one process, 1 thread"]) / min(wall for wall, _ in runs),
            }
        )
    return rows


def processor_seconds() -> float:
    """Processor time of this process and of its workers so far."""
    ticks = 0
    for child in multiprocessing.active_children():
        words = Path(f"/proc/{child.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        ticks += int(words[11]) + int(words[12])
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def memory_part(bundle: Path, args: argparse.Namespace, packed: str | None = None) -> list[dict[str, Any]]:
    """Proportional memory of pools of 1 and of 2 workers that have answered texts of several lengths."""
    import roformer_edge

    texts = ["这家酒店的服务很周到，只是房间小了一点，下次还会再来。" * times for times in (1, 2, 4, 8)] * 8
    options: Any = {"threads": 1} if packed is None else {"threads": 1, "weight_cache": packed}
    # weights are packed before they are mapped
    roformer_edge.load(bundle, **options).close()
    row = {}
    for workers in (1, WORKERS):
        with roformer_edge.Pool(bundle, workers=workers, **options) as pool:
            pool(texts), pool(texts)
            lines = [
                line.split()
                for child in multiprocessing.active_children()
                for line in Path(f"/proc/{child.pid}/smaps_rollup").read_text("ascii").splitlines()
            ]
        row[f"pss_mb_of_{workers}"] = sum(int(words[1]) for words in lines if words[0] == "Pss:") * 1024 / 1e6
    return [row]


def packed_memory_part(bundle: Path, args: argparse.Namespace) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        return memory_part(bundle, args, folder)


PARTS = {
    "requests": requests_part,
    "control": control_part,
    "pool": pool_part,
    "memory": memory_part,
    "packed memory": packed_memory_part,
}

if __name__ == "__main__":
    main()
