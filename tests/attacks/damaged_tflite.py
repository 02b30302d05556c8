"""A program that opens damaged copies of a model and runs them: one line of output for each, what came of it.

    python -m tests.attacks.damaged_tflite '{"model": ..., "bundle": ..., "kind": ..., "start": 0, "count": 2000}'

With a bundle the damaged model takes the place of its own, and is listed with its own digest.
"""

from __future__ import annotations

import json
import random
import resource
import sys
from pathlib import Path

import numpy as np

from roformer_edge.errors import RoFormerEdgeError
from roformer_edge.runtime.backends.litert import LiteRTSession
from roformer_edge.runtime.loading import load
from roformer_edge.runtime.session import SessionOptions
from tests.tiny_bundle import relist

# of addresses, so that an engine that is told to take very much is refused it by the system
MOST_MEMORY = 3 << 30
NUMBERS = (0, 1, 2, 3, 4, 63, 64, 2**31 - 1, 2**31, 2**32 - 1)


def damage(model: bytes, kind: str, number: int) -> bytes:
    """Damage a model, in the same way for the same number."""
    draw = random.Random(f"{kind}/{number}")
    damaged = bytearray(model)
    if kind == "bit":
        damaged[draw.randrange(len(model))] ^= 1 << draw.randrange(8)
    elif kind == "bits":
        for _ in range(draw.randint(2, 5)):
            damaged[draw.randrange(len(model))] ^= 1 << draw.randrange(8)
    elif kind == "word":
        place = 4 * draw.randrange(len(model) // 4)
        value = draw.choice([*NUMBERS, draw.randrange(64), 4 * draw.randrange(4096), draw.randrange(2**32)])
        damaged[place : place + 4] = value.to_bytes(4, "little")
    elif kind == "copy":
        target, source = (4 * draw.randrange(len(model) // 4 - 4) for _ in range(2))
        size = draw.choice([4, 8, 16])
        damaged[target : target + size] = model[source : source + size]
    else:
        raise ValueError(kind)
    return bytes(damaged)


def answer_of_session(model: bytes) -> list[np.ndarray]:
    session = LiteRTSession(model, SessionOptions(threads=1))
    answers = []
    for name, signature in session.signatures.items():
        ids = np.resize(np.arange(1, 6), (1,) * (len(signature.inputs[0].axes) - 1) + (signature.length or 5,))
        answers += [*session.run({"input_ids": ids}, name).values()]
    return answers


def answer_of_bundle(model: bytes, bundle: Path) -> list[np.ndarray]:
    (bundle / "model.tflite").write_bytes(model)
    relist(bundle)
    with load(bundle, threads=1) as pipeline:
        return [np.asarray(pipeline.logits(["把灯打开"]))]


def main(model: str, bundle: str | None, kind: str, start: int, count: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    whole = Path(model).read_bytes()
    for number in range(start, count):
        # told before, so that the one that ends the process is known
        print(number, end=" ", flush=True)
        damaged = damage(whole, kind, number)
        try:
            answers = answer_of_bundle(damaged, Path(bundle)) if bundle else answer_of_session(damaged)
        except RoFormerEdgeError as error:
            print("refused", json.dumps(str(error)))
        else:
            print("answered" if all(np.isfinite(one).all() for one in answers) else "not finite")


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
