"""Run by the interpreter of the oracle environment: ids of many texts by tokenizers of transformers, compactly.

    python oracle_ids.py VOCABULARY_DIRECTORY TEXTS.json OUTPUT.bin

``TEXTS.json`` is a list of strings. The output holds, for each class of ``CLASSES``, the length of every row (u32) and
then all ids (u16), special tokens included; behind those of the last one its offsets (u32, two for every id).
"""

import json
import sys
from array import array
from pathlib import Path

from transformers import BertTokenizer, BertTokenizerFast, RoFormerTokenizer, RoFormerTokenizerFast
from transformers.utils import logging

CLASSES = (RoFormerTokenizer, RoFormerTokenizerFast, BertTokenizer, BertTokenizerFast)


def main() -> None:
    logging.set_verbosity_error()
    folder, texts_file, output = map(Path, sys.argv[1:])
    texts = json.loads(texts_file.read_text(encoding="utf-8"))
    with output.open("wb") as file:
        for tokenizer_class in CLASSES:
            tokenizer = tokenizer_class.from_pretrained(folder)
            options = {"return_offsets_mapping": True} if tokenizer_class is CLASSES[-1] else {}
            lengths, ids, offsets = array("I"), array("H"), array("I")
            for start in range(0, len(texts), 1000):
                batch = tokenizer(texts[start : start + 1000], verbose=False, **options)
                lengths.extend(map(len, batch["input_ids"]))
                for row in batch["input_ids"]:
                    ids.extend(row)
                for row in batch.get("offset_mapping", ()):
                    for span in row:
                        offsets.extend(span)
            for numbers in (lengths, ids, offsets):
                numbers.tofile(file)


if __name__ == "__main__":
    main()
