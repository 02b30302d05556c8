"""The tokenizer of the Java core on a JVM beside this package's: throughput when warm, and opening when cold.

    python -m benchmarks.java_core [--rounds 7]

Both processes live on one core and take turns at passes over real texts, one call a text; the first passes do not
count. Seconds are the processor time of the whole process: what the JVM compiles and collects meanwhile is counted.
Opening is the time from the first line of the program, in a JVM that has just begun, to a tokenizer with its
vocabulary, dictionary and tables of Unicode. Both must make the same number of tokens. Needs a JDK, the real texts and
the vocabulary beside the project.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from android_demo.tools import jdk as tools
from benchmarks import record
from benchmarks.checkpoints import DATA
from benchmarks.process import environment
from benchmarks.tokenizer import FILES, write_texts

WARM_UP = 4
# passes over the texts at each turn, here and in the core's Speed
PASSES = 15
PYTHON = f"""
import json, sys, time
from roformer_edge.tokenizer import RoFormerTokenizer, RoFormerTokenizerFast
start = time.perf_counter()
tokenizer = dict(slow=RoFormerTokenizer, fast=RoFormerTokenizerFast)[sys.argv[1]](sys.argv[2])
opened = time.perf_counter() - start
tokenizer.encode_text("今天天气非常好，我们一起去公园玩吧！")
print(json.dumps(dict(opened_s=opened, first_ids_s=time.perf_counter() - start)), flush=True)
texts = [json.loads(line)["text"] for line in open(sys.argv[3], encoding="utf-8")]
for turn in sys.stdin:
    before = time.process_time()
    tokens = sum(len(tokenizer.encode_text(text).ids) for text in texts * {PASSES})
    print(json.dumps(dict(cpu_s=time.process_time() - before, tokens=tokens)), flush=True)
"""


class Timed:
    """A process that makes a pass over all texts whenever it is asked."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
        )
        self.opened = self._answer()

    def turn(self) -> dict[str, Any]:
        assert self._process.stdin
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("a measured process ended early")
        return json.loads(line)


def main() -> None:
    parser = argparse.ArgumentParser(description="The Java core's tokenizer beside Python's, on one core.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path, help="folder for the result (default: benchmarks/results)")
    args = parser.parse_args()
    jdk = tools.find_jdk()
    if jdk is None:
        raise SystemExit(f"no JDK {tools.LEAST} or newer: set JAVA_HOME")
    # the processes inherit the one core
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    folder = record.RESULTS.parent.parent / ".cache" / "bench" / "java"
    classpath = tools.build(jdk, folder)
    texts = json.loads(write_texts().read_text("utf-8"))
    lines = folder / "texts.jsonl"
    lines.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), "utf-8")
    rows = []
    for mode in ("slow", "fast"):
        programs = commands(jdk, classpath, folder, mode, lines)
        for row in take_turns(programs, args.rounds, PASSES * sum(map(len, texts))):
            rows.append({"mode": mode, **row})
            print(*rows[-1].values(), flush=True)
    settings = {"rounds": args.rounds, "texts": FILES, "vocabulary": "50,000 tokens", "java": java_version(jdk)}
    print(record.write("java_core", settings, rows, args.out))


def commands(jdk: Path, classpath: list[Path], folder: Path, mode: str, lines: Path) -> dict[str, list[str]]:
    from roformer_edge.tokenizer import UNICODE_PATH, WORDS_PATH, RoFormerTokenizer, RoFormerTokenizerFast

    vocabulary = DATA / "vocab" / "roformer_chinese_base" / "vocab.txt"
    tokenizer = {"slow": RoFormerTokenizer, "fast": RoFormerTokenizerFast}[mode](vocabulary, model_max_length=512)
    settings = folder / f"{mode}.json"
    settings.write_text(json.dumps(tokenizer.to_settings()), "utf-8")
    return {
        "Python": [sys.executable, "-c", PYTHON, mode, str(vocabulary), str(lines)],
        "Java core": tools.command(jdk, classpath, "speed", settings, vocabulary, WORDS_PATH, UNICODE_PATH, lines),
    }


def take_turns(programs: dict[str, list[str]], rounds: int, characters: int) -> list[dict[str, Any]]:
    opened: dict[str, list[float]] = {name: [] for name in programs}
    first: dict[str, list[float]] = {name: [] for name in programs}
    # the first round fills the file cache
    for number in range(rounds + 1):
        for name, command in programs.items():
            process = Timed(command)
            process.close()
            if number:
                opened[name].append(process.opened["opened_s"])
                first[name].append(process.opened["first_ids_s"])
    processes = {name: Timed(command) for name, command in programs.items()}
    passes: dict[str, list[dict[str, Any]]] = {name: [] for name in programs}
    for number in range(WARM_UP + rounds):
        for name, process in processes.items():
            found = process.turn()
            if number >= WARM_UP:
                passes[name].append(found)
    for process in processes.values():
        process.close()
    made = {each["tokens"] for found in passes.values() for each in found}
    if len(made) != 1:
        raise SystemExit(f"the tokenizers disagree: {sorted(made)} tokens")
    base = statistics.median(each["cpu_s"] for each in passes["Python"])
    return [
        {
            "program": name,
            "million_characters_per_second": characters / statistics.median(each["cpu_s"] for each in found) / 1e6,
            "times_python": base / statistics.median(each["cpu_s"] for each in found),
            "cold_opening_ms": statistics.median(opened[name]) * 1e3,
            "slowest_opening_ms": max(opened[name]) * 1e3,
            "cold_first_ids_ms": statistics.median(first[name]) * 1e3,
        }
        for name, found in passes.items()
    ]


def java_version(jdk: Path) -> str:
    told = subprocess.run([jdk / "bin" / "java", "-version"], capture_output=True, text=True, check=True)
    return (told.stderr + told.stdout).partition("\n")[0]


if __name__ == "__main__":
    main()
