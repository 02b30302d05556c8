"""``selftest.json``: texts with the ids and outputs that the bundle must give, whatever machine it runs on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from roformer_edge.errors import BundleFormatError
from roformer_edge.records import Count, parse_object, read_record, to_json

SELFTEST_NAME = "selftest.json"


@dataclass(frozen=True, kw_only=True)
class SelfTestCase:
    """One text and its answers.

    Attributes:
        text: The input.
        pair: The second text of a pair, or ``None``.
        ids: Token ids, special tokens included.
        outputs: Name of a graph output -> its values for this text, flattened.
    """

    text: str
    pair: str | None
    ids: tuple[Count, ...]
    outputs: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, kw_only=True)
class SelfTest:
    """The vectors of one bundle.

    Attributes:
        tolerance: The largest absolute difference allowed in any output. Ids must be equal. 8-bit graphs differ
            between processors by a few percent of the spread of their logits, so it belongs to the artifact.
        cases: The cases in the order in which they were recorded.
    """

    tolerance: float
    cases: tuple[SelfTestCase, ...]

    def __post_init__(self) -> None:
        if not self.cases or self.tolerance <= 0:
            raise BundleFormatError("a self-test has at least one case, and a tolerance above 0")

    @classmethod
    def from_json(cls, data: bytes) -> SelfTest:
        """Read ``selftest.json``.

        Raises:
            BundleFormatError: It is malformed.
        """
        return read_record(cls, parse_object(data, SELFTEST_NAME, BundleFormatError), SELFTEST_NAME, BundleFormatError)

    def to_json(self) -> str:
        """Write the content of ``selftest.json``."""
        return to_json(self, indent=1)
