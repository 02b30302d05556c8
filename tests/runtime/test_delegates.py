"""One table of what can compute: every row can be asked for in some engine, and says what it is."""

from __future__ import annotations

import pytest

from roformer_edge.runtime.delegates import DELEGATES, PROCESSOR, is_library, name_of, options_of


def test_every_row_is_known_to_an_engine() -> None:
    own = {"xnnpack", "builtin", "cpu"}  # parts of the engines themselves
    for name, row in DELEGATES.items():
        assert row.name == name
        assert row.description
        assert row.providers or row.libraries or name in own, name
        assert all(provider.endswith("ExecutionProvider") for provider in row.providers)
        assert all(map(is_library, row.libraries)) or name == "edgetpu"


def test_the_processor_needs_no_fixed_lengths() -> None:
    assert set(PROCESSOR) <= DELEGATES.keys()
    assert not any(DELEGATES[name].fixed_lengths for name in PROCESSOR)
    assert all(DELEGATES[name].fixed_lengths for name in ("npu", "edgetpu", "nnapi", "coreml"))


def test_a_wish_is_a_name_alone_or_with_options() -> None:
    assert (name_of("npu"), options_of("npu")) == ("npu", {})
    options = {"backend": "htp"}
    assert (name_of(("qnn", options)), options_of(("qnn", options))) == ("qnn", options)
    assert options_of(("qnn", options)) is not options


@pytest.mark.parametrize(
    ("name", "library"),
    [
        ("./libmine.so", True),
        ("libmine.dylib", True),
        ("a\\b", True),
        ("mine.dll", True),
        ("npu", False),
        ("so", False),
    ],
)
def test_a_library_is_known_by_its_path(name: str, library: bool) -> None:
    assert is_library(name) is library
