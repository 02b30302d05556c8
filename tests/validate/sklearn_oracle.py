"""Run in the oracle environment: the figures of scikit-learn and scipy for the cases on standard input, as JSON."""

import json
import sys

from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    mean_squared_error,
    precision_recall_fscore_support,
)


def single(case):
    gold, predicted, classes = case["gold"], case["predicted"], list(range(case["classes"]))
    precision, recall, f1, support = precision_recall_fscore_support(gold, predicted, labels=classes, zero_division=0)
    return {
        "accuracy": accuracy_score(gold, predicted),
        "macro_f1": f1_score(gold, predicted, average="macro", zero_division=0),
        "precision": precision.tolist(),
        "recall": recall.tolist(),
        "f1": f1.tolist(),
        "support": support.tolist(),
        "confusion": confusion_matrix(gold, predicted, labels=classes).tolist(),
    }


def multi(case):
    gold, predicted = case["gold"], case["predicted"]
    return {
        "micro-F1": f1_score(gold, predicted, average="micro", zero_division=0),
        "macro-F1": f1_score(gold, predicted, average="macro", zero_division=0),
        "subset accuracy": accuracy_score(gold, predicted),
        "f1": f1_score(gold, predicted, average=None, zero_division=0).tolist(),
    }


def regression(case):
    gold, predicted = case["gold"], case["predicted"]
    return {
        "Pearson": pearsonr(gold, predicted).statistic,
        "Spearman": spearmanr(gold, predicted).statistic,
        "mean squared error": mean_squared_error(gold, predicted),
    }


KINDS = {"single": single, "multi": multi, "regression": regression}
json.dump([KINDS[case["kind"]](case) for case in json.load(sys.stdin)], sys.stdout)
