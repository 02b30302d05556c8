"""``selftest.json``: texts with the ids and outputs that the bundle must give, whatever machine it runs on."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass

from roformer_edge.bundle import fields
from roformer_edge.errors import BundleFormatError

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
    ids: tuple[int, ...]
    outputs: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, kw_only=True)
class SelfTest:
    """The vectors of one bundle.

    Attributes:
        tolerance: The largest absolute difference allowed in any output. Ids must be equal. 8-bit graphs differ
            between processors by a few percent of the spread of their logits, so it belongs to the artifact.
        cases: In the order in which they were recorded.
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
        test: SelfTest = fields.record(cls, _SELFTEST)(fields.parse_object(data, SELFTEST_NAME), SELFTEST_NAME)
        return test

    def to_json(self) -> str:
        """The content of ``selftest.json``."""
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


_CASE = {
    "text": fields.text,
    "pair": fields.optional(fields.text),
    "ids": fields.list_of(fields.count),
    "outputs": fields.mapping_of(fields.list_of(fields.number)),
}
_SELFTEST = {
    "tolerance": fields.number,
    "cases": fields.list_of(fields.record(SelfTestCase, _CASE)),
}
