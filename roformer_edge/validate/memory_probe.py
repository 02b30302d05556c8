"""Run as a fresh process: open one side, answer some texts, print the largest resident memory there was.

Standard input: ``{"source": {...}, "texts": [...]}``. Standard output: ``{"peak": bytes or null}``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from roformer_edge.validate.openers import open_predictor


def peak_resident_bytes() -> int | None:
    """The largest resident memory of this process so far, in bytes, or ``None`` where the system does not tell."""
    try:
        # unlike getrusage's figure, this one does not start with the memory of the process that spawned this one
        for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def main() -> None:
    """Answer the request on standard input."""
    request = json.load(sys.stdin)
    predictor = open_predictor(**request["source"])
    for text in request["texts"]:
        predictor.logits([text], batch_size=1)
    json.dump({"peak": peak_resident_bytes()}, sys.stdout)


if __name__ == "__main__":
    main()
