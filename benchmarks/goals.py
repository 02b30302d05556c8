"""What this project wants to reach beside its peers, and how far it is: computed from ``benchmarks/results/*.json``.

    python -m benchmarks.goals

Prints one table; ``python -m benchmarks.table`` shows it in docs/benchmarks.md. A ratio is that of times, theirs to
ours, and the worst of all that a row names decides. Needs the standard library only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"
OURS = "roformer-edge"
SHAPES = ("small", "base")
# names of other rows than engines that answer
FLOOR = "int8 products alone"
Results = Mapping[str, Mapping[str, Any]]
Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Goal:
    """One row of the table.

    Attributes:
        what: What was measured of ours.
        against: What beside.
        wanted: The bound, as a reader sees it.
        found: The figures.
        holds: Whether all of them keep the bound.
    """

    what: str
    against: str
    wanted: str
    found: str
    holds: bool


def goals(results: Results) -> Iterator[Goal]:
    """Compute every goal whose results are there, of each machine that it was measured on."""
    for name, compute in GOALS.items():
        of_machines = [result for known, result in results.items() if known.partition(".")[0] == name]
        for result in of_machines:
            on = f", {result['machine']['processor']}" if len(of_machines) > 1 else ""
            for goal in compute(result["rows"]):
                yield replace(goal, what=f"{goal.what}{on}")


def goals_table(results: Results) -> str:
    """Show every goal as a row."""
    lines = ["| what | beside | wanted | measured | holds |", "| --- | --- | --- | --- | --- |"]
    for one in goals(results):
        lines.append(f"| {one.what} | {one.against} | {one.wanted} | {one.found} | {'yes' if one.holds else 'no'} |")
    return "\n".join(lines)


def of_peers(rows: list[Row]) -> Iterator[Goal]:
    """Latency by length, real texts, the floor of products, error."""
    int8 = [row for row in rows if row["precision"] == "int8" and row["engine"] != FLOOR]
    for threads in sorted({row["threads"] for row in rows}):
        some = [row for row in int8 if row["threads"] == threads]
        on = f"{threads} thread{'s' if threads > 1 else ''}"
        measured = [shape for shape in SHAPES if any(row["shape"] == shape for row in some)]
        for shape, least in zip(SHAPES, (1.5, 1.35), strict=True):
            if shape not in measured:
                continue
            yield ratios(f"int8, {shape}, {on}, the fastest of ours", fastest_of(some, shape), least, some, shape)
        for ours, peer, least_small, least_base in (
            ("roformer-edge TFLite", "litert-torch", 1.5, 1.3),
            ("roformer-edge ONNX", "optimum-onnx", 1.4, 1.2),
        ):
            both = [row for row in some if row["engine"] == peer or row["engine"].startswith(ours)]
            for shape, least in zip(SHAPES, (least_small, least_base), strict=True):
                if shape in measured:
                    yield ratios(f"{ours}, {shape}, {on}", peer, least, both, shape)
        if measured:
            yield real_texts(some, on, measured)
        for precision in ("fp32", "fp16"):
            floats = [row for row in rows if row["precision"] == precision and row["threads"] == threads]
            for shape in SHAPES:
                if not any(row["shape"] == shape for row in floats):
                    continue
                what = f"{precision}, {shape}, {on}, the fastest of ours"
                yield ratios(what, fastest_of(floats, shape), 1.0, floats, shape)
    yield from products(rows)
    yield errors(int8)


def fastest_of(rows: list[Row], *shapes: str) -> str:
    """Name the side of the peers by their number, which may differ from shape to shape."""
    counts = [
        len({row["engine"] for row in rows if row["shape"] == shape and not is_ours(row["engine"])}) for shape in shapes
    ]
    return f"the fastest of {' and '.join(map(str, dict.fromkeys(counts)))} peers"


def ratios(what: str, against: str, least: float, rows: list[Row], shape: str) -> Goal:
    found = {
        name: quickest(rows, shape, name, ours=False) / quickest(rows, shape, name, ours=True) for name in lengths(rows)
    }
    shown = " / ".join(f"{ratio:.2f}" for ratio in found.values())
    names = " / ".join(name.split()[0] for name in found)
    return Goal(
        what=what,
        against=against,
        wanted=f"{least:g} times at {names} tokens",
        found=shown,
        holds=min(found.values()) >= least,
    )


def real_texts(rows: list[Row], on: str, shapes: list[str]) -> Goal:
    found = {
        shape: quickest(rows, shape, "texts", ours=False) / quickest(rows, shape, "texts", ours=True)
        for shape in shapes
    }
    return Goal(
        what=f"real lengths in their order, {on}, the fastest of ours",
        against=f"{fastest_of(rows, *shapes)}, each in the smallest length that holds a text where it has lengths",
        wanted="1.7 times the texts a second",
        found=", ".join(f"{shape} {ratio:.2f}" for shape, ratio in found.items()),
        holds=min(found.values()) >= 1.7,
    )


def products(rows: list[Row]) -> Iterator[Goal]:
    some = [row for row in rows if row["threads"] == 1 and row["precision"] == "int8"]
    floors = [time_of(row) for row in some if is_at(row, "base", "128 tokens") and row["engine"] == FLOOR]
    if not floors:
        return
    ratio = quickest(some, "base", "128 tokens", ours=True) / floors[0]
    yield Goal(
        what="base at 128 tokens, one thread, the fastest of ours",
        against="onnxruntime's int8 products of the encoder alone",
        wanted="at most 1.2 times",
        found=f"{ratio:.2f}",
        holds=ratio <= 1.2,
    )


def errors(rows: list[Row]) -> Goal:
    found = {(row["shape"], row["engine"]): row["error"] for row in rows if row["threads"] == 1 and row["error"] != ""}
    parts, holds = [], True
    for shape in dict.fromkeys(shape for shape, _ in found):
        of = {engine.removeprefix(f"{OURS} "): error for (known, engine), error in found.items() if known == shape}
        parts.append(f"{shape}: " + ", ".join(f"{engine} {error:.3f}" for engine, error in of.items()))
        theirs = min(error for (known, engine), error in found.items() if known == shape and not is_ours(engine))
        holds &= max(error for (known, engine), error in found.items() if known == shape and is_ours(engine)) <= theirs
    return Goal(
        what="error of int8 logits, root mean square in deviations of the float logits, random weights",
        against="every peer",
        wanted="no more",
        found="; ".join(parts),
        holds=holds,
    )


def lengths(rows: list[Row]) -> list[str]:
    return list(dict.fromkeys(row["input"] for row in rows if row["input"].endswith("tokens")))


def quickest(rows: list[Row], shape: str, name: str, *, ours: bool) -> float:
    """The shortest time in ms that one side takes."""
    return min(time_of(row) for row in rows if is_at(row, shape, name) and is_ours(row["engine"]) == ours)


def time_of(row: Row) -> float:
    wall: float = row["wall_ms"]
    return wall


def is_at(row: Row, shape: str, name: str) -> bool:
    return bool(row["shape"] == shape and row["input"] == name)


def is_ours(engine: str) -> bool:
    return engine.startswith(OURS)


def of_cold_start(rows: list[Row]) -> Iterator[Goal]:
    """Start and memory beside the bare engine."""
    for shape, most_seconds, most_memory in (("small", 1.25, 1.2), ("base", 1.0, 1.2)):
        bare, ours = (
            next(row for row in rows if row["shape"] == shape and row["program"] == name)
            for name in ("bare onnxruntime int8", "roformer-edge int8-dynamic")
        )
        seconds, memory = ours["median_s"] / bare["median_s"], ours["peak_mb"] / bare["peak_mb"]
        yield Goal(
            what=f"{shape}, process start to first answer, digests and tokenizer included; memory",
            against="the bare engine, session and one run",
            wanted=f"at most {most_seconds:g} and {most_memory:g} times",
            found=f"{seconds:.2f} and {memory:.2f}",
            holds=seconds <= most_seconds and memory <= most_memory,
        )


def of_tokenizer(rows: list[Row]) -> Iterator[Goal]:
    """Throughput beside transformers' tokenizers."""
    speed = {row["tokenizer"]: row["thousand_tokens_per_second"] for row in rows}
    for mode, least in (("fast", 3), ("slow", 4)):
        ratio = speed[f"{OURS} {mode}"] / speed[f"transformers {mode}"]
        yield Goal(
            what=f"tokenizer in pure Python, {mode}, tokens a second",
            against=f"transformers {mode}",
            wanted=f"{least} times",
            found=f"{ratio:.1f}",
            holds=ratio >= least,
        )


def of_deploy(rows: list[Row]) -> Iterator[Goal]:
    """Time and memory beside optimum."""
    ours, theirs = (next(row for row in rows if name in row["program"]) for name in (OURS, "optimum"))
    faster, memory = theirs["median_s"] / ours["median_s"], ours["peak_mb"] / theirs["peak_mb"]
    yield Goal(
        what="base to int8, parity included; memory",
        against="optimum export and quantise",
        wanted="4 times faster, at most 0.4 of the memory",
        found=f"{faster:.1f} and {memory:.2f}",
        holds=faster >= 4 and memory <= 0.4,
    )


def of_soak(rows: list[Row]) -> Iterator[Goal]:
    """Many requests, and processes beside one."""
    for form in dict.fromkeys(row["format"] for row in rows if row["part"] == "pool"):
        some = [row for row in rows if row["format"] == form]
        (whole,) = (row for row in some if "growth_percent" in row)
        yield Goal(
            what=f"{form}: {whole['requests']:,} requests from 4 threads",
            against="the memory after a tenth of them",
            wanted="no error, less than 2 % more",
            found=f"{whole['errors']} errors, {whole['growth_percent']:.1f} %",
            holds=whole["errors"] == 0 and whole["growth_percent"] < 2,
        )
        classes = [row for row in some if "wall_ratio" in row]
        tokens, wall, cpu = (
            " / ".join(f"{row[key]:{digits}}" for row in classes)
            for key, digits in (("tokens", "d"), ("wall_ratio", ".1f"), ("thread_cpu_ratio", ".1f"))
        )
        yield Goal(
            what=f"{form}: 99th percentile of the requests of one length",
            against="their median",
            wanted=f"at most 3 times at {tokens} tokens",
            found=f"wall {wall}; processor time of the thread {cpu}",
            holds=max(row["wall_ratio"] for row in classes) <= 3,
        )
        ratio = next(row["times_one_process"] for row in some if row.get("way", "").startswith("pool"))
        yield Goal(
            what=f"{form}: texts a second of a Pool of 2",
            against="one process",
            wanted="1.8 times",
            found=f"{ratio:.2f}",
            holds=ratio >= 1.8,
        )


# result -> what computes its goals
GOALS: dict[str, Callable[[list[Row]], Iterator[Goal]]] = {
    "peers": of_peers,
    "cold_start": of_cold_start,
    "tokenizer": of_tokenizer,
    "deploy": of_deploy,
    "soak": of_soak,
}


def main() -> None:
    print(goals_table({path.stem: json.loads(path.read_text("utf-8")) for path in RESULTS.glob("*.json")}))


if __name__ == "__main__":
    main()
