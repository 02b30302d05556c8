"""Run in the oracle environment: scikit-learn's figures for the cases on standard input, as JSON."""

import json
import sys

from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support

results = []
for case in json.load(sys.stdin):
    gold, predicted, classes = case["gold"], case["predicted"], list(range(case["classes"]))
    precision, recall, f1, support = precision_recall_fscore_support(gold, predicted, labels=classes, zero_division=0)
    results.append(
        {
            "accuracy": accuracy_score(gold, predicted),
            "macro_f1": f1_score(gold, predicted, average="macro", zero_division=0),
            "precision": precision.tolist(),
            "recall": recall.tolist(),
            "f1": f1.tolist(),
            "support": support.tolist(),
            "confusion": confusion_matrix(gold, predicted, labels=classes).tolist(),
        }
    )
json.dump(results, sys.stdout)
