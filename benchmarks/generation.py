"""Text generation: tokens a second of roformer-edge and of transformers' ``generate``, and memory step by step.

    python -m benchmarks.generation [--shapes small] [--batches 1 8] [--tokens 64] [--rounds 5]

Greedy, one thread, a cache of keys and values on both sides, the same prompts, nothing ends early. The sides take
turns, and the processor time of the process counts, so that other work on the machine shifts them alike; the first
round does not count. Float tokens must equal those of transformers, or nothing is written. Memory is that of a fresh
process that writes on and on, counted at four lengths.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time

from benchmarks import record
from benchmarks.checkpoints import CACHE, SHAPES, VOCAB_SIZE, checkpoint, texts
from benchmarks.process import run

RECIPES = ("fp32", "int8-dynamic")
LENGTHS = (100, 400, 800, 1200)
POSITIONS = 1536
Write = Callable[[list[str], int], list[list[int]]]

# prints the resident megabytes at each length
STREAM = """
import sys, roformer_edge
write = roformer_edge.load(sys.argv[1], threads=1)
wanted = list(map(int, sys.argv[2:]))
for count, _ in enumerate(write.stream("今天天气", max_new_tokens=wanted[-1], stop_token_ids=()), 1):
    if count in wanted:
        with open("/proc/self/statm") as file:
            print(int(file.read().split()[1]) * 4096 / 1e6)
"""


def main() -> None:
    args = parse_args()
    if args.make:
        print(_make(args.make))
        return
    rows = []
    for shape in args.shapes:
        memory = {recipe: step_by_step(bundle(shape, recipe)) for recipe in RECIPES}
        sides = {"transformers generate": open_transformers(shape)}
        sides |= {f"roformer-edge {recipe}": open_ours(bundle(shape, recipe)) for recipe in RECIPES}
        for batch in args.batches:
            for engine, seconds in measure(sides, prompts(batch), args.tokens, args.rounds).items():
                row = {"shape": shape, "batch": batch, "engine": engine}
                row["tokens_a_second"] = round(batch * args.tokens / seconds, 1)
                found = memory.get(engine.removeprefix("roformer-edge "))
                row |= {f"mb_at_{length}": found[place] if found else "" for place, length in enumerate(LENGTHS)}
                rows.append(row)
                print(*row.values(), flush=True)
    settings = {"threads": 1, "new_tokens": args.tokens, "rounds": args.rounds, "decoding": "greedy"}
    print(record.write("generation", settings, rows, args.out))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Text generation beside transformers' generate.")
    parser.add_argument("--shapes", nargs="+", default=["small"], choices=list(SHAPES))
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 8])
    parser.add_argument("--tokens", type=int, default=64, help="new ones of a prompt (default: 64)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--make", choices=list(SHAPES), help="only make the checkpoint of this shape")
    parser.add_argument("--out", type=Path, help="folder for the result (default: benchmarks/results)")
    return parser.parse_args()


def writer(shape: str) -> Path:
    """The directory of a causal model of this shape, made when it is not there."""
    folder = CACHE / "checkpoints" / f"{shape}-writer"
    if not folder.exists():
        run([sys.executable, "-m", "benchmarks.generation", "--make", shape])
    return folder


def bundle(shape: str, recipe: str) -> Path:
    """What roformer-edge makes of it, anew each time."""
    folder = CACHE / "ours" / shape / f"writer-{recipe}"
    command = [sys.executable, "-m", "roformer_edge", "deploy", str(writer(shape)), "--task", "text-generation"]
    run([*command, "--recipe", recipe, "--out", str(folder), "--overwrite"])
    return folder


def prompts(count: int) -> list[str]:
    """Beginnings of texts, 5 to 20 characters long."""
    lines = texts().read_text("utf-8").splitlines()[:count]
    return [json.loads(line)["text"][: 5 + 2 * place] for place, line in enumerate(lines)]


def open_ours(folder: Path) -> Write:
    import roformer_edge

    pipeline = roformer_edge.load(folder, threads=1)

    def write(given: list[str], tokens: int) -> list[list[int]]:
        answers = pipeline(given, max_new_tokens=tokens, stop_token_ids=(), batch_size=len(given))
        return [list(answer.ids) for answer in answers]

    return write


def open_transformers(shape: str) -> Write:
    import torch
    from transformers import RoFormerForCausalLM

    import roformer_edge

    torch.set_num_threads(1)
    model = RoFormerForCausalLM.from_pretrained(writer(shape)).eval()
    tokenizer = roformer_edge.RoFormerTokenizer.from_pretrained(writer(shape))

    def write(given: list[str], tokens: int) -> list[list[int]]:
        rows = [tokenizer.encode(text)[:-1] for text in given]
        width = max(map(len, rows))
        ids = torch.tensor([[0] * (width - len(row)) + row for row in rows])
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
        found = model.generate(ids, attention_mask=mask, max_new_tokens=tokens, do_sample=False, pad_token_id=0)
        return found[:, width:].tolist()

    return write


def measure(sides: dict[str, Write], given: list[str], tokens: int, rounds: int) -> dict[str, float]:
    """Median seconds of each side for all prompts."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    written = {}
    for _ in range(rounds + 1):
        for name, write in sides.items():
            start = process_time()
            written[name] = write(given, tokens)
            seconds[name].append(process_time() - start)
    if written["roformer-edge fp32"] != written["transformers generate"]:
        raise SystemExit("roformer-edge fp32 did not write what transformers wrote")
    return {name: statistics.median(times[1:]) for name, times in seconds.items()}


def step_by_step(folder: Path) -> list[float]:
    """Resident megabytes of a process that writes one text, at each of ``LENGTHS``."""
    output = run([sys.executable, "-c", STREAM, str(folder), *map(str, LENGTHS)])
    return [round(float(line), 1) for line in output.split()]


def _make(name: str) -> Path:
    import shutil

    from transformers import RoFormerConfig, RoFormerForCausalLM, set_seed

    shape = SHAPES[name]
    set_seed(0)
    config = RoFormerConfig(
        vocab_size=VOCAB_SIZE,
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.inner,
        max_position_embeddings=POSITIONS,
        initializer_range=0.05,
        is_decoder=True,
    )
    folder = CACHE / "checkpoints" / f"{name}-writer"
    draft = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    RoFormerForCausalLM(config).save_pretrained(draft)
    for file in checkpoint(name).glob("*token*"):
        shutil.copy(file, draft)
    shutil.copy(checkpoint(name) / "vocab.txt", draft)
    shutil.rmtree(folder, ignore_errors=True)
    return draft.rename(folder)


if __name__ == "__main__":
    main()
