"""Recording what a bundle answers where it is made, and comparing where it runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from roformer_edge.bundle.selftest import SelfTest, SelfTestCase
from roformer_edge.errors import BundleFormatError, SelfTestError
from roformer_edge.runtime.inference import Encoded, Outputs, TextModel
from roformer_edge.runtime.texts import TextInput, split_pair

# 8-bit outputs differ between kinds of processor by 3 to 8 percent of their spread; an engine that computes nonsense
# is off by the whole of it.
QUANTIZED_SHARE = 0.25
# relative to the largest output, for graphs in floating point
FLOAT_SHARE = 1e-3
_FLOOR = 1e-3


def record_self_test(model: TextModel, texts: Sequence[TextInput], *, quantized: bool) -> SelfTest:
    """Run each text by itself and keep its ids and outputs.

    Args:
        model: The loaded graph and its tokenizer.
        texts: A few of the kind that the model is for; longer ones than it takes are cut.
        quantized: Whether any part of the graph computes in 8 bits, which sets the tolerance.
    """
    cases = []
    for text in texts:
        first, pair = split_pair(text)
        encoding, outputs = _answer(model, text)
        flat = {name: tuple(map(float, values.ravel())) for name, values in outputs.items()}
        cases.append(SelfTestCase(text=first, pair=pair, ids=tuple(encoding.ids), outputs=flat))
    if not cases:
        raise BundleFormatError("a self-test needs at least one text")
    values = np.concatenate([np.asarray(output) for case in cases for output in case.outputs.values()])
    size = QUANTIZED_SHARE * values.std() if quantized else FLOAT_SHARE * np.abs(values).max()
    return SelfTest(tolerance=max(float(f"{size:.3g}"), _FLOOR), cases=tuple(cases))


def run_self_test(model: TextModel, test: SelfTest) -> float:
    """Answer every recorded text again.

    Returns:
        The largest absolute difference of any output.

    Raises:
        SelfTestError: Ids differ, or an output differs by more than the tolerance.
    """
    worst = 0.0
    for number, case in enumerate(test.cases):
        encoding, outputs = _answer(model, case.text if case.pair is None else (case.text, case.pair))
        if tuple(encoding.ids) != case.ids:
            raise SelfTestError(
                f"self-test: text {number} gives other token ids here than where the bundle was made: "
                f"{_excerpt(encoding.ids)}, recorded {_excerpt(case.ids)}"
            )
        for name, recorded in case.outputs.items():
            worst = max(worst, _difference(outputs, name, recorded, number))
    if worst > test.tolerance:
        raise SelfTestError(
            f"self-test: the outputs differ from those recorded by {worst:.3g}, and {test.tolerance:.3g} is allowed: "
            "this engine does not compute the model right; try another version of it"
        )
    return worst


def _answer(model: TextModel, text: TextInput) -> tuple[Encoded, Outputs]:
    # by itself: with dynamic ranges an answer depends a little on what else is in the batch
    encoding = model.encode(text, truncation=True)
    return encoding, model.run([encoding], 1)[0]


def _difference(outputs: Outputs, name: str, recorded: Sequence[float], number: int) -> float:
    values = outputs.get(name)
    if values is None or values.size != len(recorded):
        raise SelfTestError(f"self-test: text {number} should give {len(recorded)} values of {name!r}, and does not")
    return float(np.abs(values.ravel() - np.asarray(recorded)).max(initial=0.0))


def _excerpt(ids: Sequence[int]) -> str:
    return " ".join(map(str, ids[:12])) + (" ..." if len(ids) > 12 else "")
