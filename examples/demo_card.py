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
{labels} intents of Home Assistant a request means. It ships with roformer-edge so that `roformer-edge demo` works without a
network; `examples/train_demo_checkpoint.py` makes it. Weights are stored in half precision and computed in single precision.

## Data

| what | use | licence |
|---|---|---|
| [Home Assistant Intents](https://github.com/home-assistant/intents), zh-cn: {train:,} sentences drawn from its templates | fine-tuning | CC BY 4.0 |
| `examples/spoken_requests.txt`: {spoken:,} sentences drawn from a grammar that we wrote | fine-tuning | Apache-2.0 |
| [Common Voice](https://github.com/common-voice/common-voice) sentences, zh-CN: {sentences:,} | vocabulary, masked-language warm-up | CC0 1.0 |

The weights are ours, Apache-2.0; see NOTICE for the attribution that CC BY 4.0 asks for and for what was changed.

## Accuracy

Percent; measured on the stored weights by the script that trained them.

| set | sentences | accuracy | without our grammar |
|---|---|---|---|
{table}

- *dev*: sentences from the same templates as the training data; the best epoch is chosen on it.
- *test*: the hand-written test sentences of Home Assistant Intents; never trained or tuned on.
- *evaluation*: `../evaluation.jsonl`, sentences that we wrote by hand, before any training, for requests as people say them. No
  sentence of it is in the training data.

**Read the evaluation figure with care**: the evaluation set and the grammar have the same author, so they share habits of speech.
The rows below it leave out the sentences that are near to a training sentence (closeness is the Dice coefficient of character
pairs with the nearest training sentence), and the last column says what the templates alone teach.

Recall by intent on the evaluation set: {recall}.

## Limits

Simplified Chinese, short requests, one intent each. A text that asks for none of the intents still gets one: look at the score.
`HassTurnOn` of a lock means lock it, `HassTurnOff` unlock it, and for covers they mean open and close, as in Home Assistant.
{only_spoken} occurs in our grammar only: the templates have no sentence for it.

Made with {versions}, seed {seed}.
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
