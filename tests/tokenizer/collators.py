"""Run by the interpreter of the oracle environment: our tokenizers under the collators of transformers.

    python -m tests.tokenizer.collators VOCABULARY

Every collator gets the same examples with transformers' tokenizer and with ours; prints how many pairs were equal.
"""

import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch
import transformers

from roformer_edge.tokenizer import BertTokenizer, RoFormerTokenizer, RoFormerTokenizerFast

PAIRS = (
    (transformers.RoFormerTokenizer, RoFormerTokenizer),
    (transformers.RoFormerTokenizerFast, RoFormerTokenizerFast),
    (transformers.BertTokenizerFast, BertTokenizer),
)
TEXTS = ["明天音乐非常好", "我们去公园", "好 Hello"]


def examples(tokenizer):
    """What the task guides hand to each collator."""
    plain = [tokenizer(text, truncation=True, max_length=8) for text in TEXTS]
    labelled = [{**row, "label": number % 2} for number, row in enumerate(plain)]
    tagged = [{**row, "labels": [-100, *[1] * (len(row["input_ids"]) - 2), -100]} for row in plain]
    choices = tokenizer(TEXTS[:2] * 2, TEXTS[1:] * 2, truncation=True, max_length=10)
    several = [{key: [value[0], value[1]] for key, value in choices.items()} | {"label": 1} for _ in range(2)]
    return {
        transformers.DataCollatorWithPadding: labelled,
        transformers.DataCollatorForTokenClassification: tagged,
        transformers.DataCollatorForLanguageModeling: plain,
        transformers.DataCollatorForMultipleChoice: several,
        transformers.DataCollatorForSeq2Seq: tagged,
    }


def main() -> None:
    transformers.utils.logging.set_verbosity_error()
    equal = 0
    for theirs_class, ours_class in PAIRS:
        theirs, ours = theirs_class(sys.argv[1]), ours_class(sys.argv[1])
        ours_examples = examples(ours)
        for collator, rows in examples(theirs).items():
            found = []
            for tokenizer, given in ((theirs, rows), (ours, ours_examples[collator])):
                random.seed(0)
                torch.manual_seed(0)
                found.append(collator(tokenizer)(given))
            one, other = found
            assert list(one) == list(other), (collator, list(one), list(other))
            for key in one:
                assert torch.equal(one[key], other[key]), (collator, key)
            equal += 1
    print(f"equal: {equal}")


if __name__ == "__main__":
    main()
