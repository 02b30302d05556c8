"""Run by the oracle's interpreter: what ``generate`` of transformers writes after prompts.

python oracle_generation.py FOLDER < questions.json > answers.json

FOLDER holds a checkpoint; a question is a list of ids and the options of one call. The answers are the new ids of every
sequence, the stop token that may end them included, and the scores of the sequences where there are any.
"""

from __future__ import annotations

import json
import sys

import torch
import transformers

model = transformers.RoFormerForCausalLM.from_pretrained(sys.argv[1]).eval()
answers = []
for ids, options in json.load(sys.stdin):
    found = model.generate(
        torch.tensor([ids]),
        attention_mask=torch.ones(1, len(ids), dtype=torch.long),
        pad_token_id=0,
        return_dict_in_generate=True,
        output_scores=True,
        **options,
    )
    scores = getattr(found, "sequences_scores", None)
    answers.append(
        {"ids": found.sequences[:, len(ids) :].tolist(), "scores": None if scores is None else scores.tolist()}
    )
json.dump(answers, sys.stdout)
