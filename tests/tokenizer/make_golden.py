"""Makes ``data/golden.jsonl``: what transformers 4.57.6 does with the sentences and the small vocabulary of the tests.

    .venv-oracle/bin/python -m tests.tokenizer.make_golden

One line for each sentence and set of options; every port of the tokenizer must give the same ids and tokens.
"""

import json
from pathlib import Path

from transformers import RoFormerTokenizer, RoFormerTokenizerFast

from tests.tokenizer.sentences import SENTENCES

DATA = Path(__file__).parent / "data"
CLASSES = {"slow": RoFormerTokenizer, "fast": RoFormerTokenizerFast}
OPTIONS = (
    {},
    {"do_lower_case": False},
    {"strip_accents": False},
    {"do_lower_case": False, "strip_accents": True},
    {"tokenize_chinese_chars": False},
    {"do_basic_tokenize": False},
    {"never_split": ["Hello", "café", "c++"]},
)


def main() -> None:
    with (DATA / "golden.jsonl").open("w", encoding="utf-8") as file:
        for mode, tokenizer_class in CLASSES.items():
            for options in OPTIONS:
                tokenizer = tokenizer_class(str(DATA / "vocab.txt"), **options)
                for text in SENTENCES:
                    tokens = tokenizer.tokenize(text)
                    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
                    line = {"mode": mode, "options": options, "text": text, "ids": ids, "tokens": tokens}
                    file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
