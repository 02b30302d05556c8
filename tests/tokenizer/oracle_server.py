"""Run by the interpreter of the oracle environment: answers questions about the tokenizers of transformers.

A question is one JSON line on standard input, an answer one JSON line on standard output:

    {"make": "name", "mode": "slow", "path": ..., "options": {...}}   build a tokenizer with from_pretrained
    {"use": "name", "method": "__call__", "args": [...], "options": {...}}   call a method of it
    {"use": "name", "get": "all_special_tokens"}   read an attribute of it

Added tokens are written {"added_token": {...}}. The answer is {"value": ...} or {"error": "ValueError: ..."}.
"""

import json
import os
import sys

from transformers import AddedToken, BatchEncoding, RoFormerTokenizer, RoFormerTokenizerFast
from transformers.utils import logging

CLASSES = {"slow": RoFormerTokenizer, "fast": RoFormerTokenizerFast}


def revive(value):
    if isinstance(value, dict):
        if "added_token" in value:
            return AddedToken(**value["added_token"])
        return {key: revive(item) for key, item in value.items()}
    return [revive(item) for item in value] if isinstance(value, list) else value


def plain(value):
    if isinstance(value, BatchEncoding):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, AddedToken):
        return {
            name: getattr(value, name)
            for name in ("content", "lstrip", "normalized", "rstrip", "single_word", "special")
        }
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value.tolist() if hasattr(value, "tolist") else value


def answer(question, tokenizers):
    if "make" in question:
        kind = CLASSES[question["mode"]]
        options = revive(question.get("options", {}))
        tokenizers[question["make"]] = kind.from_pretrained(question["path"], **options)
        return None
    tokenizer = tokenizers[question["use"]]
    if "get" in question:
        return plain(getattr(tokenizer, question["get"]))
    method = getattr(tokenizer, question["method"])
    return plain(method(*revive(question.get("args", [])), **revive(question.get("options", {}))))


def main():
    logging.set_verbosity(logging.CRITICAL)
    # warnings of native code go to the error stream; answers must not mix with anything printed
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    tokenizers = {}
    for line in sys.stdin:
        try:
            reply = {"value": answer(json.loads(line), tokenizers)}
        # the crate's panics derive from BaseException
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            reply = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(reply) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
