"""Tokenizers: start-up, memory, throughput, and whether time is linear in the length of a text.

    python -m benchmarks.tokenizer [--rounds 5]

Start-up is from the start of a process to the ids of its first sentence; throughput is one call a text over real
utterances and sentences, and once more all of them in one call; one long text of three lengths shows whether time is
linear. The programs take turns; best of all rounds. Needs the real texts and the vocabulary beside the project.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks import record
from benchmarks.checkpoints import DATA
from benchmarks.process import READY, measure, run

FILES = ("text/common_voice_zh-CN/test.jsonl", "classification/crosswoz_intent/test.jsonl")
SENTENCE = "今天天气非常好，我们一起去公园玩吧！"
LENGTHS = (250_000, 500_000, 1_000_000)

# what is measured -> how to import its class and how to encode with it
PROGRAMS = {
    "roformer-edge slow": ("from roformer_edge.tokenizer import RoFormerTokenizer as T", "encode_text"),
    "roformer-edge fast": ("from roformer_edge.tokenizer import RoFormerTokenizerFast as T", "encode_text"),
    "transformers slow": ("from transformers import RoFormerTokenizer as T", "__call__"),
    "transformers fast": ("from transformers import RoFormerTokenizerFast as T", "__call__"),
}
START = """
import sys
{imports}
T.from_pretrained(sys.argv[1]).{method}(sys.argv[2])
print("{ready}", flush=True)
"""
WORK = """
import json, logging, sys, time
{imports}
logging.disable()
tokenizer = T.from_pretrained(sys.argv[1])
texts = json.load(open(sys.argv[2], encoding="utf-8"))
encode = tokenizer.{method}
encode(texts[0])

def seconds(do):
    start = time.perf_counter()
    do()
    return time.perf_counter() - start

def one_by_one():
    for text in texts:
        encode(text)

# the first time over fills the caches of a process that has just begun, which is part of the truth
alone = seconds(one_by_one)
tokens = sum(map(len, tokenizer(texts)["input_ids"]))
found = dict(one=tokens / alone, batch=tokens / seconds(lambda: tokenizer(texts)))
joined = "\\n".join(texts)
for length in json.loads(sys.argv[3]):
    text = (joined * (length // len(joined) + 1))[:length]
    found[str(length)] = seconds(lambda: encode(text)) / length * 1e6
print(json.dumps(found))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="What the tokenizers cost, those of transformers beside ours.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="folder for the result (default: benchmarks/results)")
    args = parser.parse_args()
    rows = take_turns(args.rounds)
    for row in rows:
        print("  ".join(f"{key} {value:.4g}" if isinstance(value, float) else str(value) for key, value in row.items()))
    settings = {"rounds": args.rounds, "sentence": SENTENCE, "texts": FILES, "vocabulary": "50,000 tokens"}
    print(record.write("tokenizer", settings, rows, args.out))


def take_turns(rounds: int) -> list[dict[str, Any]]:
    vocabulary = str(DATA / "vocab" / "roformer_chinese_base")
    texts = write_texts()
    starts: dict[str, list] = {name: [] for name in ("bare Python", *PROGRAMS)}
    works: dict[str, list[dict[str, float]]] = {name: [] for name in PROGRAMS}
    # the first round does not count: it fills the file cache
    for number in range(rounds + 1):
        bare = measure([sys.executable, "-c", f"print('{READY}')"])
        found = {"bare Python": bare}
        for name, (imports, method) in PROGRAMS.items():
            program = START.format(imports=imports, method=method, ready=READY)
            found[name] = measure([sys.executable, "-c", program, vocabulary, SENTENCE])
            if number:
                works[name].append(work(name, vocabulary, texts))
        if number:
            for name, outcome in found.items():
                starts[name].append(outcome)
    floor = min(outcome.marked_seconds for outcome in starts["bare Python"])
    return [row(name, outcomes, floor, works.get(name, [])) for name, outcomes in starts.items()]


def write_texts() -> Path:
    lines = [line for name in FILES for line in (DATA / name).read_text(encoding="utf-8").split("\n") if line]
    path = record.RESULTS.parent.parent / ".cache" / "bench" / "tokenizer_texts.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([json.loads(line)["text"] for line in lines]), encoding="utf-8")
    return path


def work(name: str, vocabulary: str, texts: Path) -> dict[str, float]:
    imports, method = PROGRAMS[name]
    # the fast tokenizer of transformers takes minutes for a million characters: its time grows with their square
    lengths = LENGTHS if name.startswith("roformer-edge") else ()
    program = WORK.format(imports=imports, method=method)
    command = [sys.executable, "-c", program, vocabulary, str(texts), json.dumps(lengths)]
    return json.loads(run(command).splitlines()[-1])


def row(name: str, outcomes: list, floor: float, found: list[dict[str, float]]) -> dict[str, Any]:
    ready = min(outcome.marked_seconds for outcome in outcomes)
    result: dict[str, Any] = {
        "tokenizer": name,
        "first_ids_ms": ready * 1e3,
        "above_bare_ms": (ready - floor) * 1e3,
        "peak_mb": min(outcome.peak_bytes for outcome in outcomes) / 1e6,
    }
    for key, title in (("one", "thousand_tokens_per_second"), ("batch", "thousand_tokens_per_second_in_a_batch")):
        result[title] = max(each[key] for each in found) / 1e3 if found else ""
    for length in LENGTHS:
        key = str(length)
        result[f"us_per_character_of_{length // 1000}k"] = (
            min(each[key] for each in found) if found and key in found[0] else ""
        )
    return result


if __name__ == "__main__":
    main()
