"""The model card of the embedded checkpoint, written from what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

CARD = """\
---
license: apache-2.0
language: zh
pipeline_tag: text-classification
---

# Requests to a home assistant, in Chinese

A small RoFormer ({layers} layers of {hidden_size}, {parameters:,} parameters, {tokens:,} tokens) that tells which of
{labels} intents of Home Assistant a request means. It ships with roformer-edge so that `roformer-edge demo` works
without a network; `examples/train_demo_checkpoint.py` makes it. Weights are stored in half precision and computed in
single precision.

## Data

| what | number | use | licence |
|---|---|---|---|
| [Home Assistant Intents][ha], sentences sampled from the zh-cn templates | {train:,} | fine-tuning | CC BY 4.0 |
| `examples/spoken_requests.txt`, sentences drawn from our own grammar | {spoken:,} | fine-tuning | Apache-2.0 |
| [Common Voice][cv], zh-CN sentences | {sentences:,} | vocabulary, masked-language warm-up | CC0 1.0 |

[ha]: https://github.com/home-assistant/intents
[cv]: https://github.com/common-voice/common-voice

The weights are ours, Apache-2.0; NOTICE has the attribution that CC BY 4.0 asks for, and what was changed.

## Accuracy

Percent, measured by the training script on the weights as they are stored here.

| set | sentences | accuracy | without our grammar |
|---|---|---|---|
{table}

- *dev*: sentences from the templates that the training data comes from; the best epoch is chosen on it.
- *test*: the hand-written test sentences of Home Assistant Intents; never trained or tuned on.
- *evaluation*: `../evaluation.jsonl`, requests as people say them, written by hand before any training; none of them is
  in the training data.

**Read the evaluation figure with care.** The grammar was written after the evaluation set, by the same author, so the
two share habits of speech. Hence the rows that leave out what is close to a training sentence (closeness: the Dice
coefficient of character pairs with the nearest one), and the last column, which says what the templates alone teach.

Recall by intent on the evaluation set: {recall}.

## Limits

Simplified Chinese, short requests, one intent each. A text that asks for none of the intents still gets one: look at
the score. `HassTurnOn` of a lock means lock it and `HassTurnOff` unlock it; of covers they mean open and close, as in
Home Assistant. Only our grammar has sentences for {only_spoken}.

Made with {versions}; seed {seed}.
"""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """Accuracy on one set in percent, beside that of the model trained without the grammar."""

    name: str
    sentences: int
    accuracy: float
    ablated: float

    def row(self) -> str:
        """One row of the table."""
        return f"| {self.name} | {self.sentences} | {self.accuracy:.1f} | {self.ablated:.1f} |"


def write_card(figures: list[Figure], recall: Mapping[str, float], facts: Mapping[str, object]) -> str:
    """The text of README.md."""
    ranked = sorted(recall.items(), key=lambda item: (item[1], item[0]))
    return CARD.format(
        table="\n".join(figure.row() for figure in figures),
        recall=", ".join(f"{label} {100 * share:.0f} %" for label, share in ranked),
        **facts,
    )
