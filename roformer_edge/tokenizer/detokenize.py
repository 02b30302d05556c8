"""From tokens back to text."""

from __future__ import annotations

from roformer_edge.tokenizer.models import PREFIX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# English artefacts of decoding that clean_up_tokenization_spaces removes, in this order
_TIDY = ((" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"))
_TIDY_ENDINGS = ((" 's", "'s"), (" 've", "'ve"), (" 're", "'re"))
# what the decoder of the crate tokenizers removes besides
_TIDY_MORE = ((" do not", " don't"),)


def tidy(text: str, more: Sequence[tuple[str, str]] = ()) -> str:
    """Remove the spaces that decoding puts before English punctuation and endings."""
    for written, meant in (*_TIDY, *more, *_TIDY_ENDINGS):
        text = text.replace(written, meant)
    return text


def join_as_slow(tokens: Sequence[str]) -> str:
    """Join tokens as the slow tokenizer does: pieces of a word without, words with a space between."""
    return " ".join(tokens).replace(f" {PREFIX}", "").strip()


def join_as_fast(tokens: Sequence[str], tidies: bool) -> str:
    """Join tokens as the fast tokenizers do, and where ``tidies`` says so without spaces before punctuation."""
    parts: list[str] = []
    for place, token in enumerate(tokens):
        part = token if not place else token[len(PREFIX) :] if token.startswith(PREFIX) else f" {token}"
        parts.append(tidy(part, _TIDY_MORE) if tidies else part)
    return "".join(parts)
