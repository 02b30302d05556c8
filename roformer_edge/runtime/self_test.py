"""Record what a bundle answers where it is made, and compare where it runs.

A case is one row of the graph: a text, or a pair in the tasks whose rows are pairs. Of an output with many values, such
as logits over a vocabulary, some are recorded, evenly spaced from the first to the last: an engine that computes
nonsense is found by those, and the bundle stays small.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from roformer_edge.bundle.self_test_vectors import SelfTest, SelfTestCase
from roformer_edge.errors import BundleFormatError, SelfTestError, shown
from roformer_edge.runtime.inference import EncodedRow, Outputs, TextModel
from roformer_edge.runtime.texts import TextInput, split_pair

# 8-bit outputs differ between kinds of processor by 3 to 8 percent of their spread; an engine that computes nonsense
# is off by the whole of it.
QUANTIZED_SHARE = 0.25
# relative to the largest output, for graphs in floating point
FLOAT_SHARE = 1e-3
_FLOOR = 1e-3
# of so many values or fewer in all the spread says little
_FEW = 3
# values that are recorded of one output
RECORDED = 2048


def record_self_test(model: TextModel, texts: Sequence[TextInput], *, quantized: bool) -> SelfTest:
    """Run each text by itself and keep its ids and outputs.

    Args:
        model: The loaded graph and its tokenizer.
        texts: A few of the kind that the model is for; longer ones than it takes are cut. Where the task's rows are
            pairs, every text that has none is paired with each of the others.
        quantized: Whether any part of the graph computes in 8 bits, which sets the tolerance.
    """
    cases = []
    for first, pair in _rows_of(model, texts):
        encoding = _encode(model, first, pair)
        # by itself: with dynamic ranges an answer depends a little on what else is in the batch
        outputs = model.run([encoding], 1)[0]
        flat = {name: tuple(map(float, _some_of(values))) for name, values in outputs.items()}
        cases.append(SelfTestCase(text=first, pair=pair, ids=tuple(encoding.ids), outputs=flat))
    if not cases:
        raise BundleFormatError("a self-test needs at least one text")
    values = np.concatenate([np.asarray(output) for case in cases for output in case.outputs.values()])
    # the spread of a few values may be small by chance: their size stands for it
    spread = values.std() if values.size > _FEW else np.sqrt(np.square(values).mean())
    size = QUANTIZED_SHARE * spread if quantized else FLOAT_SHARE * np.abs(values).max()
    return SelfTest(tolerance=max(float(f"{size:.3g}"), _FLOOR), cases=tuple(cases))


def run_self_test(model: TextModel, test: SelfTest) -> float:
    """Answer every recorded text again, in each signature that computes what was recorded and holds the text.

    Returns:
        The largest absolute difference of any output.

    Raises:
        SelfTestError: Ids differ, an output differs by more than the tolerance, or what is recorded proves nothing: an
            output is missing, or the tolerance is larger than any value.
    """
    _refuse_empty(test, {spec.name for spec in model.outputs})
    worst = 0.0
    for number, case in enumerate(test.cases):
        encoding = _encode(model, case.text, case.pair)
        if tuple(encoding.ids) != case.ids:
            raise SelfTestError(
                f"self-test: text {number} gives other token ids here than where the bundle was made: "
                f"{_excerpt(encoding.ids)}, recorded {_excerpt(case.ids)}"
            )
        for signature, called in model.signatures.items():
            if len(encoding.ids) <= (called.length or len(encoding.ids)):
                outputs = model.run([encoding], 1, signature=signature)[0]
                for name, recorded in case.outputs.items():
                    worst = max(worst, _difference(outputs, name, recorded, number))
    if worst > test.tolerance:
        raise SelfTestError(
            f"self-test: the outputs differ from those recorded by {worst:.3g}, and {test.tolerance:.3g} is allowed: "
            "this engine does not compute the model right; try another version of it"
        )
    return worst


def _refuse_empty(test: SelfTest, outputs: set[str]) -> None:
    """Refuse a test that any engine would pass."""
    for number, case in enumerate(test.cases):
        if case.outputs.keys() != outputs or not all(case.outputs.values()):
            raise SelfTestError(
                f"self-test: text {number} has values of {shown(', '.join(case.outputs)) or 'nothing'} recorded, and "
                f"the model gives {', '.join(sorted(outputs))}: it would prove nothing"
            )
    largest = max(max(map(abs, values)) for case in test.cases for values in case.outputs.values())
    if test.tolerance > max(largest, _FLOOR):
        raise SelfTestError(
            f"self-test: a difference of {test.tolerance:.3g} is allowed, and no recorded value is larger than "
            f"{largest:.3g}: it would prove nothing"
        )


def _rows_of(model: TextModel, texts: Sequence[TextInput]) -> list[tuple[str, str | None]]:
    given = [split_pair(text) for text in texts]
    if len(model.task.fields) == 1:
        return given
    firsts = [first for first, _ in given]
    return [
        (first, second)
        for first, pair in given
        for second in ([other for other in firsts if other != first] or [first] if pair is None else [pair])
    ]


def _encode(model: TextModel, text: str, pair: str | None) -> EncodedRow:
    return model.encode(text if pair is None else (text, pair), truncation=True)


def _some_of(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Pick at most ``RECORDED`` values, evenly spaced, the first and the last among them."""
    flat = values.ravel()
    # whole numbers: the same places on every machine
    return (
        flat if flat.size <= RECORDED else flat[np.arange(RECORDED, dtype=np.int64) * (flat.size - 1) // (RECORDED - 1)]
    )


def _difference(outputs: Outputs, name: str, recorded: Sequence[float], number: int) -> float:
    values = _some_of(outputs[name]) if name in outputs else None
    if values is None or values.size != len(recorded):
        raise SelfTestError(f"self-test: text {number} should give {len(recorded)} values of {name!r}, and does not")
    return float(np.abs(values - np.asarray(recorded)).max(initial=0.0))


def _excerpt(ids: Sequence[int]) -> str:
    return " ".join(map(str, ids[:12])) + (" ..." if len(ids) > 12 else "")
