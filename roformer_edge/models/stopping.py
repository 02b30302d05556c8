"""When generation stops: after how many tokens, and at which; the same in every framework."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from roformer_edge.config import RoFormerConfig

DEFAULT_NEW_TOKENS = 20


def new_tokens(prompt: int, max_new_tokens: int | None, max_length: int | None) -> int:
    """Count the tokens that may be added to a prompt of ``prompt`` tokens; ``max_length`` counts those as well.

    Raises:
        ValueError: Both limits are given, or they leave no room for a token.
    """
    if max_new_tokens is not None and max_length is not None:
        raise ValueError(f"give max_new_tokens or max_length, not both: found {max_new_tokens} and {max_length}")
    count = max_new_tokens if max_length is None else max_length - prompt
    count = DEFAULT_NEW_TOKENS if count is None else count
    if prompt == 0 or count < 1:
        limit = f"max_new_tokens {max_new_tokens}" if max_length is None else f"max_length {max_length}"
        raise ValueError(f"need a prompt and room for a new token, found {prompt} tokens and {limit}")
    return count


def stop_tokens(asked: Any, config: RoFormerConfig) -> NDArray[np.int64]:
    """Return the ids that end a row: those asked for, one or several, else those of the config, if it has any."""
    return np.asarray(config.stop_token_ids if asked is None else asked, dtype=np.int64).reshape(-1)
