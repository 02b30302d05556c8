"""Run by the interpreter of the oracle environment: answers questions about the tokenizers of transformers.

A question is one JSON line on standard input, an answer one JSON line on standard output:

    {"make": "name", "mode": "slow", "path": ..., "options": {...}}   build a tokenizer with from_pretrained; the mode
        is a key of CLASSES, or "crate" for the library tokenizers itself, whose path is that of a file
    {"use": "name", "method": "__call__", "args": [...], "options": {...}}   call a method of it
    {"use": "name", "get": "all_special_tokens"}   read an attribute of it
    {"use": "name", "method": "__call__", "args": [...], "ask": [["char_to_token", 3], ...]}   call it, and methods of
        what it gives; the answer lists what those give

Added tokens are written {"added_token": {...}}. The answer is {"value": ...} or {"error": "ValueError: ..."}.
"""

import json
import os
import sys

import tokenizers
from transformers import (
    AddedToken,
    AutoTokenizer,
    BatchEncoding,
    BertTokenizer,
    BertTokenizerFast,
    PreTrainedTokenizerFast,
    RoFormerTokenizer,
    RoFormerTokenizerFast,
)
from transformers.utils import logging

CLASSES = {
    "slow": RoFormerTokenizer,
    "fast": RoFormerTokenizerFast,
    "bert": BertTokenizerFast,
    "bert_slow": BertTokenizer,
    "plain": PreTrainedTokenizerFast,
    "auto": AutoTokenizer,
}


def revive(value):
    if isinstance(value, dict):
        if "added_token" in value:
            return AddedToken(**value["added_token"])
        return {key: revive(item) for key, item in value.items()}
    return [revive(item) for item in value] if isinstance(value, list) else value


def plain(value):
    if isinstance(value, BatchEncoding):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, tokenizers.Encoding):
        names = (
            "ids",
            "type_ids",
            "tokens",
            "offsets",
            "attention_mask",
            "special_tokens_mask",
            "word_ids",
            "sequence_ids",
        )
        return {name: plain(getattr(value, name)) for name in names}
    if isinstance(value, AddedToken):
        return {
            name: getattr(value, name)
            for name in ("content", "lstrip", "normalized", "rstrip", "single_word", "special")
        }
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return plain(value.tolist()) if hasattr(value, "tolist") else value


def answer(question, made):
    if "make" in question:
        if question["mode"] == "crate":
            made[question["make"]] = tokenizers.Tokenizer.from_file(question["path"])
            return None
        kind = CLASSES[question["mode"]]
        options = revive(question.get("options", {}))
        made[question["make"]] = kind.from_pretrained(question["path"], **options)
        return None
    tokenizer = made[question["use"]]
    if "get" in question:
        return plain(getattr(tokenizer, question["get"]))
    method = getattr(tokenizer, question["method"])
    found = method(*revive(question.get("args", [])), **revive(question.get("options", {})))
    if "ask" in question:
        return [plain(getattr(found, name)(*args)) for name, *args in question["ask"]]
    return plain(found)


def main():
    logging.set_verbosity(logging.CRITICAL)
    # warnings of native code go to the error stream; answers must not mix with anything printed
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    made = {}
    for line in sys.stdin:
        try:
            reply = {"value": answer(json.loads(line), made)}
        # the crate's panics derive from BaseException
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            reply = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(reply) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
