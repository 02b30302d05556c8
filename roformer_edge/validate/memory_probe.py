"""Run as a fresh process: open one side, answer some inputs, print the largest resident memory there was.

Standard input: ``{"opening": {...}, "inputs": [...]}``. Standard output: ``{"peak": bytes or null}``.
"""

from __future__ import annotations

import json
import sys

from roformer_edge.processes import peak_resident_bytes
from roformer_edge.validate.openers import open_predictor


def main() -> None:
    """Answer the request on standard input."""
    request = json.load(sys.stdin)
    predictor = open_predictor(**request["opening"])
    for value in request["inputs"]:
        predictor.answer([value], batch_size=1)
    json.dump({"peak": peak_resident_bytes()}, sys.stdout)


if __name__ == "__main__":
    main()
