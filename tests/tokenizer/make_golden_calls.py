"""Makes ``calls.jsonl`` of ``tests/golden``: pairs, truncation, overflow and padding, which every port must equal.

    .venv-oracle/bin/python -m tests.tokenizer.make_golden_calls

Rows are what transformers 4.57.6 gives. Offsets are its own in the bert mode, and this package's in the others, where
transformers has none or misses characters that were dropped.
"""

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.tokenizer.make_golden import CLASSES, GOLDEN

TEXTS: tuple[tuple[str, str | None], ...] = (
    ("今天天气非常好，我们一起去公园。", None),
    ("", None),
    ("Hello, World! café", None),
    ("北京大学研究生研究生命的起源", "把客厅的灯打开，关了空调！"),
    ("好", "今天天气非常好，我们一起去公园。"),
    ("我用Python写C++代码", "好"),
    ("今天[MASK]气", "e\u0301[SEP]e\u0301"),
)
TRUNCATIONS = (True, "only_first", "only_second")
OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"add_special_tokens": False},
    *({"truncation": name, "max_length": most} for name in TRUNCATIONS for most in (5, 9)),
    *({"truncation": name, "max_length": 9, "truncation_side": "left"} for name in TRUNCATIONS),
    *(
        {"truncation": name, "max_length": 9, "stride": 2, "return_overflowing_tokens": True, "truncation_side": side}
        for name in TRUNCATIONS
        for side in ("right", "left")
    ),
    {"truncation": True, "max_length": 2},
    {"padding": "max_length", "max_length": 20},
    {"padding": "max_length", "max_length": 20, "padding_side": "left", "truncation": True},
    {"padding": True, "pad_to_multiple_of": 8},
    {"padding": "max_length", "max_length": 10, "pad_to_multiple_of": 8, "truncation": True},
)
COLUMNS = ("input_ids", "token_type_ids", "attention_mask", "special_tokens_mask")


def call(mode: str, text: str, pair: str | None, options: dict[str, Any]) -> dict[str, Any]:
    """One call and what comes of it: rows, or that it is refused."""
    made = {name: options[name] for name in ("truncation_side",) if name in options}
    rest = {name: value for name, value in options.items() if name not in made}
    theirs, own = (kind(str(GOLDEN / "vocab.txt"), **made) for kind in CLASSES[mode])
    case = {"mode": mode, "text": text, "pair": pair, "options": options}
    pairs = None if pair is None else [pair]
    try:
        batch = theirs([text], pairs, return_special_tokens_mask=True, return_offsets_mapping=mode == "bert", **rest)
    except BaseException as error:  # noqa: BLE001
        # the crate panics where a strategy cannot reach the length, which Python sees as an exception of its own
        return {**case, "error": type(error).__name__}
    offsets = (
        batch["offset_mapping"]
        if mode == "bert"
        else own([text], pairs, return_offsets_mapping=True, **rest)["offset_mapping"]
    )
    rows = [
        {**{name: batch[name][at] for name in COLUMNS}, "offsets": [list(span) for span in offsets[at]]}
        for at in range(len(batch["input_ids"]))
    ]
    more = {name: batch[name][0] for name in ("overflowing_tokens", "num_truncated_tokens") if name in batch}
    return {**case, "rows": rows, **more}


def main() -> None:
    with (GOLDEN / "calls.jsonl").open("w", encoding="utf-8") as file:
        for mode in CLASSES:
            for options in OPTIONS:
                for text, pair in TEXTS:
                    file.write(json.dumps(call(mode, text, pair, options), separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
