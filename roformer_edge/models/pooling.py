"""Which token's state stands for a text in multiple choice: the option ``summary_type`` of a config."""

from __future__ import annotations

from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import UnknownNameError, UnsupportedModelError

# "last": the last position, the original's default; where a text is padded on the right that is padding, and the
# answer changes with the padding. "last_token": the last position that is not padding. "mean": over all positions.
SUMMARIES = ("last", "first", "mean", "last_token")


def summary_type_of(config: RoFormerConfig) -> str:
    """The config's ``summary_type``, ``"last"`` where it names none.

    Raises:
        UnknownNameError: Another name.
        UnsupportedModelError: The config asks for a projection or an activation after the summary.
    """
    if config.extra.get("summary_use_proj") or config.extra.get("summary_activation"):
        raise UnsupportedModelError("a summary with a projection or an activation is not supported")
    summary_type = str(config.extra.get("summary_type", "last"))
    if summary_type not in SUMMARIES:
        raise UnknownNameError("summary_type", summary_type, SUMMARIES)
    return summary_type
