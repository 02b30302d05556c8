"""Run as a fresh process: open one side, answer some texts, print the largest resident memory there was.

Standard input: ``{"source": {...}, "texts": [...]}``. Standard output: ``{"peak": bytes or null}``.
"""

from __future__ import annotations

import json
import sys

from roformer_edge.runtime.memory import peak_resident_bytes
from roformer_edge.validate.openers import open_predictor


def main() -> None:
    """Answer the request on standard input."""
    request = json.load(sys.stdin)
    predictor = open_predictor(**request["source"])
    for text in request["texts"]:
        predictor.logits([text], batch_size=1)
    json.dump({"peak": peak_resident_bytes()}, sys.stdout)


if __name__ == "__main__":
    main()
