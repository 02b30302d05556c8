"""Every part is measured alone and left out, and the worst comes first."""

from __future__ import annotations

from roformer_edge.quantize.recipe import RECIPES, resolve
from roformer_edge.quantize.sensitivity import measure_sensitivity
from tests.quantize.test_search import SCOPES, Known


def test_the_worst_part_comes_first_and_floats_are_left_out() -> None:
    trials = Known({("layer.1.ffn.down", "int8-dynamic"): 3.0})
    found = measure_sensitivity("int8-dynamic", resolve(RECIPES["int8-dynamic"], SCOPES), trials)
    assert found.parts[0].scope == "layer.1.ffn.down"
    assert {part.scope for part in found.parts} == {scope.name for scope in SCOPES} - {"head.output"}
    worst = found.parts[0]
    assert (worst.alone.error, found.floats.error) == (3.0, 0.0)
    assert worst.all_but.error < 0.1 < found.whole.error
    assert worst.alone.bytes < found.floats.bytes
