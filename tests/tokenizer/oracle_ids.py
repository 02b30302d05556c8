"""Run by the interpreter of the oracle environment: ids of many texts by both tokenizers of transformers, compactly.

    python oracle_ids.py VOCABULARY_DIRECTORY TEXTS.json OUTPUT.bin

``TEXTS.json`` is a list of strings. The output holds, for the slow mode and then for the fast one, the length of every
row (u32) and then all ids (u16), special tokens included.
"""

import json
import sys
from array import array
from pathlib import Path

from transformers import RoFormerTokenizer, RoFormerTokenizerFast
from transformers.utils import logging


def main() -> None:
    logging.set_verbosity_error()
    folder, texts_file, output = map(Path, sys.argv[1:])
    texts = json.loads(texts_file.read_text(encoding="utf-8"))
    with output.open("wb") as file:
        for tokenizer_class in (RoFormerTokenizer, RoFormerTokenizerFast):
            tokenizer = tokenizer_class.from_pretrained(folder)
            lengths, ids = array("I"), array("H")
            for start in range(0, len(texts), 1000):
                rows = tokenizer(texts[start : start + 1000], verbose=False)["input_ids"]
                lengths.extend(map(len, rows))
                for row in rows:
                    ids.extend(row)
            lengths.tofile(file)
            ids.tofile(file)


if __name__ == "__main__":
    main()
