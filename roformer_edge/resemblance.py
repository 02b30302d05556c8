"""Objects that ``isinstance`` takes for those of a package which other packages ask for by its classes.

The Trainer of transformers writes a config beside the weights of a ``PreTrainedModel`` alone, and makes batches by
itself of the rows of a ``PreTrainedTokenizerBase`` alone; peft asks the like. Python lets an object answer such a
question by its ``__class__``, and what ``type`` gives stays what it is.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_made: dict[tuple[type, type], type] = {}


def resembling(kind: type, module: str, name: str) -> type:
    """Return a class that is both ``kind`` and a class of another package, or ``kind`` where that is not loaded.

    Args:
        kind: The class of an object; it comes first where both have an attribute.
        module: The module of the other class; it is never loaded from here.
        name: The name of the other class.
    """
    other = getattr(sys.modules.get(module), name, None)
    if not isinstance(other, type):
        return kind
    if (kind, other) not in _made:
        _made[kind, other] = type(
            kind.__name__, (kind, other), {"__module__": kind.__module__, "__doc__": kind.__doc__}
        )
    return _made[kind, other]


def blank(kind: Any) -> Any:
    """Make an object without calling its constructor: what pickle begins with."""
    return kind.__new__(kind)
