"""Run in the oracle environment: seqeval's figures for the tag sequences on standard input, as JSON."""

import json
import sys
import warnings

from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import BILOU, IOB2, IOBES, Tokens

SCHEMES = {"IOB2": IOB2, "IOBES": IOBES, "BILOU": BILOU}
warnings.filterwarnings("ignore")  # seqeval warns where a figure's denominator is 0, and knows no BILOU by default


def figures(case):
    gold, predicted, scheme = case["gold"], case["predicted"], SCHEMES[case["scheme"]]
    loose = {"zero_division": 0}
    strict = {**loose, "mode": "strict", "scheme": scheme}
    return {
        "F1": f1_score(gold, predicted, **loose),
        "precision": precision_score(gold, predicted, **loose),
        "recall": recall_score(gold, predicted, **loose),
        "strict F1": f1_score(gold, predicted, **strict),
        "entities": [get_entities(tags) for tags in predicted],
        "strict": [[(e.tag, e.start, e.end) for e in Tokens(tags, scheme).entities] for tags in predicted],
    }


json.dump([figures(case) for case in json.load(sys.stdin)], sys.stdout)
