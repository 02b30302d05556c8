"""``sentence.json``: how the vector of a text is made of its tokens' states; the graph does it."""

from __future__ import annotations

from roformer_edge.bundle.reader import Bundle
from roformer_edge.errors import BundleFormatError
from roformer_edge.records import parse_object, read_record, to_json
from roformer_edge.sentence import SentenceHead


def sentence_bytes(head: SentenceHead) -> bytes:
    """Write the steps as JSON, from which :func:`read_sentence` reads them back."""
    return to_json(head).encode()


def read_sentence(bundle: Bundle) -> SentenceHead | None:
    """Read the steps, if the graph makes vectors.

    Raises:
        BundleFormatError: They are malformed.
    """
    if bundle.manifest.find("sentence") is None:
        return None
    where = f"{bundle.entry('sentence').path} in {bundle.path}"
    values = parse_object(bundle.read_bytes("sentence"), where, BundleFormatError)
    return read_record(SentenceHead, values, where, BundleFormatError)
