"""int8 models of one checkpoint on a processor: both of our formats, optimum-onnx, and litert-torch with its quantiser.

    python -m benchmarks.peers [--shapes small base] [--threads 1 2] [--lengths 16 64 128 512] [--rounds 5]

Every engine runs in processes of its own, because threads that wait busily would take the core from another engine, and
each with what its documentation gives a user: optimum's dynamic quantiser for processors with VNNI, ai-edge-quantizer's
default (``dynamic_wi8_afp32``) on one signature for each length. Processes take turns; the fastest call of each
length over all rounds counts. Nothing is padded, but by the engine that has signatures: its texts run once in the
smallest that holds them, and once in the one of 128 tokens. Texts are ids of real lengths, those of a data set of
requests to an assistant where it is there.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from benchmarks import record
from benchmarks.artifacts import optimum, ours
from benchmarks.checkpoints import CACHE, DATA, SHAPES, VOCAB_SIZE, checkpoint, texts
from benchmarks.process import run

LENGTHS = (16, 64, 128, 512)
BUCKET = 128
TEXTS = 200

# What a user of litert-torch runs: a wrapper that gives one tensor, a signature for each length, the quantiser.
LITERT_TORCH = """
import sys
import litert_torch, torch
from ai_edge_quantizer import quantizer, recipe
from transformers import RoFormerForSequenceClassification
source, target, *lengths = sys.argv[1:]

class Logits(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model
    def forward(self, input_ids, attention_mask, token_type_ids):
        return self.model(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).logits

model = Logits(RoFormerForSequenceClassification.from_pretrained(source).eval())
converter = litert_torch
for length in lengths:
    converter = converter.signature(f"tokens_{length}", model, (torch.ones(1, int(length), dtype=torch.long),) * 3)
converter.convert().export(target + ".float")
quantised = quantizer.Quantizer(target + ".float")
quantised.load_quantization_recipe(recipe.dynamic_wi8_afp32())
quantised.quantize().export_model(target)
"""

# kind of model, file, threads, lengths, seconds for each, lengths of the texts, their bucket or nothing, vocabulary
CHILD = """
import json, sys
from time import perf_counter, process_time
import numpy as np
kind, model, threads, lengths, seconds, texts, bucket, vocabulary = json.loads(sys.argv[1])

def open_ours():
    import roformer_edge
    session = roformer_edge.load(model, threads=threads, self_test=False).model.session
    return session.run

def open_onnx():
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda feeds: session.run(None, feeds)

def open_signatures():
    from ai_edge_litert.interpreter import Interpreter
    interpreter = Interpreter(model_path=model, num_threads=threads)
    names = interpreter.get_signature_list()
    runners = {int(name.split("_")[1]): interpreter.get_signature_runner(name) for name in names}
    order = ("input_ids", "attention_mask", "token_type_ids")
    def run(feeds):
        given = feeds["input_ids"].shape[1]
        length = min(size for size in runners if size >= given)
        width = ((0, 0), (0, length - given))
        padded = {f"args_{index}": np.pad(feeds[name], width).astype(np.int32) for index, name in enumerate(order)}
        return runners[length](**padded)
    return run

run = {"ours": open_ours, "onnx": open_onnx, "signatures": open_signatures}[kind]()

def feeds_of(length, width=None):
    width = width or length
    ids = np.zeros((1, width), np.int64)
    ids[0, :length] = np.random.default_rng(length).integers(1, vocabulary, length)
    return {"input_ids": ids, "attention_mask": (ids > 0).astype(np.int64), "token_type_ids": np.zeros_like(ids)}

def timed(feeds, seconds, least):
    run(feeds)
    walls, processor, start = [], process_time(), perf_counter()
    while perf_counter() < start + seconds or len(walls) < least:
        before = perf_counter()
        run(feeds)
        walls.append(perf_counter() - before)
    return 1000 * min(walls), 1000 * (process_time() - processor) / len(walls)

found = {"wall_ms": {}, "processor_ms": {}, "texts_ms": {}}
for length in lengths:
    found["wall_ms"][length], found["processor_ms"][length] = timed(feeds_of(length), seconds, 3)
widths = {"texts": None} | ({f"texts in {bucket}": bucket} if bucket else {})
for name, width in widths.items():
    # the longest first: memory grows once
    for length in sorted(texts, reverse=True):
        run(feeds_of(length, width))
    found["texts_ms"][name] = [timed(feeds_of(length, width), 0, 2)[0] for length in texts]
print(json.dumps(found))
"""


def main() -> None:
    args = parse_args()
    lengths = lengths_of_texts()
    rows = []
    for shape in args.shapes:
        engines = {name: make(shape, args.lengths) for name, make in ENGINES.items()}
        for threads in args.threads:
            rows += measure(shape, threads, engines, lengths, args)
    settings = {
        "batch": 1, "rounds": args.rounds, "seconds_a_length": args.seconds, "texts": len(lengths),
        "litert-torch": version("litert-torch"), "ai-edge-quantizer": version("ai-edge-quantizer"),
    }  # fmt: skip
    print(record.write("peers", settings, rows, args.out))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="int8 models of one checkpoint, each engine in processes of its own.")
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--lengths", nargs="+", type=int, default=list(LENGTHS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each length in each round (default: 1)")
    parser.add_argument("--out", type=Path, help="folder for the result (default: benchmarks/results)")
    return parser.parse_args()


def lengths_of_texts() -> list[int]:
    """Numbers of tokens as they come: of requests to an assistant, in their order, where the data set is there."""
    from roformer_edge.tokenizer import load_tokenizer

    real = DATA / "classification" / "crosswoz_intent" / "test.jsonl"
    lines = (real if real.exists() else texts()).read_text("utf-8").splitlines()[:TEXTS]
    tokenizer = load_tokenizer(checkpoint("small"))
    return [len(tokenizer.encode_text(json.loads(line)["text"], max_length=BUCKET).ids) for line in lines]


def litert_torch(shape: str, lengths: list[int]) -> Path:
    """The TFLite model that litert-torch and ai-edge-quantizer make, made once."""
    target = CACHE / "litert_torch" / shape / "model.tflite"
    stamp = target.with_suffix(".made-by")
    made_by = f"litert-torch {version('litert-torch')}, {version('ai-edge-quantizer')}, {lengths}"
    if not stamp.exists() or stamp.read_text() != made_by:
        target.parent.mkdir(parents=True, exist_ok=True)
        run([sys.executable, "-c", LITERT_TORCH, str(checkpoint(shape)), str(target), *map(str, lengths)])
        target.with_name(f"{target.name}.float").unlink()
        stamp.write_text(made_by)
    return target


# name of a row -> kind of model and its path, in the order of a round
ENGINES: dict[str, Callable[[str, list[int]], tuple[str, Path]]] = {
    "roformer-edge TFLite": lambda shape, _: ("ours", ours(shape, "int8-dynamic", "tflite")),
    "litert-torch": lambda shape, lengths: ("signatures", litert_torch(shape, lengths)),
    "roformer-edge ONNX": lambda shape, _: ("ours", ours(shape, "int8-dynamic", "onnx")),
    "optimum-onnx": lambda shape, _: ("onnx", optimum(shape)[1] / "model_quantized.onnx"),
}


def measure(
    shape: str, threads: int, engines: dict[str, tuple[str, Path]], texts: list[int], args: argparse.Namespace
) -> list[dict]:
    found: dict[str, list[dict]] = {name: [] for name in engines}
    for _ in range(args.rounds):
        for name, (kind, model) in engines.items():
            bucket = BUCKET if kind == "signatures" else None
            request = [kind, str(model), threads, args.lengths, args.seconds, texts, bucket, VOCAB_SIZE]
            found[name].append(json.loads(run([sys.executable, "-c", CHILD, json.dumps(request)]).splitlines()[-1]))
    return [row for name, runs in found.items() for row in summary(shape, threads, name, runs, args.lengths)]


def summary(shape: str, threads: int, engine: str, runs: list[dict], lengths: list[int]) -> list[dict]:
    """A row for each length, and one for each way to answer the texts: their mean, of every text's fastest call."""
    key = {"shape": shape, "threads": threads, "engine": engine}
    rows = [
        {
            **key,
            "input": f"{length} tokens",
            "wall_ms": round(min(one["wall_ms"][str(length)] for one in runs), 3),
            "processor_ms": round(min(one["processor_ms"][str(length)] for one in runs), 3),
        }
        for length in lengths
    ]
    for name in runs[0]["texts_ms"]:
        fastest = [min(times) for times in zip(*(one["texts_ms"][name] for one in runs), strict=True)]
        rows.append({**key, "input": name, "wall_ms": round(sum(fastest) / len(fastest), 3), "processor_ms": ""})
    for row in rows:
        print(*row.values(), flush=True)
    return rows


if __name__ == "__main__":
    main()
