"""Run by any Python that the package supports: a digest of the ids of many characters, in every mode.

    python interpreter_ids.py VOCABULARY

Prints the digest. Characters that came with any version of Unicode stand alone and in words.
"""

import hashlib
import sys
from array import array
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from roformer_edge.tokenizer import BertTokenizer, RoFormerTokenizer, RoFormerTokenizerFast
from tests.tokenizer.sentences import SENTENCES


def main() -> None:
    digest = hashlib.sha256()
    codes = (*range(0xD800), *range(0xE000, 0x32000), *range(0xE0000, 0xE0200))
    every = [chr(code) for code in codes if not 0x4E00 <= code < 0x9F00 and not 0xAC00 <= code < 0xD700]
    for tokenizer_class in (RoFormerTokenizer, RoFormerTokenizerFast, BertTokenizer):
        tokenizer = tokenizer_class(sys.argv[1])
        for start in range(0, len(every), 256):
            text = " ".join(f"{character} x{character}y" for character in every[start : start + 256])
            digest.update(array("I", tokenizer.encode_text(text).ids).tobytes())
        for text in SENTENCES:
            encoding = tokenizer.encode_text(text)
            digest.update(repr((encoding.ids, encoding.offsets, encoding.tokens)).encode())
    print(digest.hexdigest())


if __name__ == "__main__":
    main()
