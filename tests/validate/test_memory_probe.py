"""The program that a fresh process runs while its memory is watched."""

from __future__ import annotations

import io
import json
import sys

from roformer_edge.processes import run_fresh
from roformer_edge.validate import memory_probe
from roformer_edge.validate.predictors import Predictor


def test_every_input_is_answered_alone_by_what_was_asked_for(monkeypatch, capsys) -> None:
    opened, asked = [], []

    def answer(inputs, *, batch_size):
        asked.append((inputs, batch_size))
        return [0]

    def open_predictor(**opening):
        opened.append(opening)
        return Predictor(name="x", answer=answer)

    monkeypatch.setattr(memory_probe, "open_predictor", open_predictor)
    opening = {"path": "bundle", "task": "fill-mask", "threads": 2, "truncate": True, "tokenizer": "auto"}
    request = {"opening": opening, "inputs": [{"text": "好"}, {"text": "不好"}]}
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(request)))
    memory_probe.main()
    assert opened == [opening]
    assert asked == [([{"text": "好"}], 1), ([{"text": "不好"}], 1)]
    (key, peak), *more = json.loads(capsys.readouterr().out).items()
    assert (key, more) == ("peak", [])
    assert peak is None or 10e6 < peak < 1e11


def test_the_probe_answers_what_it_is_asked(monkeypatch, tmp_path):
    """The probe's own code, in a process of its own, over a predictor that allocates a known amount."""
    script = tmp_path / "probe.py"
    script.write_text(
        "import numpy as np\n"
        "from roformer_edge.validate import memory_probe\n"
        "from roformer_edge.validate.predictors import Predictor\n"
        "def answer(inputs, *, batch_size):\n"
        "    return np.ones((len(inputs[0]['text']) << 20, 1))\n"
        "memory_probe.open_predictor = lambda **opening: Predictor(name=opening['path'], answer=answer)\n"
        "memory_probe.main()\n",
        encoding="utf-8",
    )
    peaks = []
    for asked in (texts("a"), texts("a" * 40, "a")):
        request = json.dumps({"opening": {"path": "x"}, "inputs": asked})
        done = run_fresh([sys.executable, str(script)], stdin=request.encode())
        assert done.code == 0, done.complaint
        peaks.append(json.loads(done.output)["peak"])
    # forty times a mebi of float64, against one
    assert 0.9 < (peaks[1] - peaks[0]) / (39 * 8 * 2**20) < 1.1


def texts(*values):
    return [{"text": str(value)} for value in values]
