"""Validate a bundle as a build would: exit code 3 where it lost more than half a point of accuracy.

python examples/02_validate.py [BUNDLE]        # after 01_deploy.py

In a shell: roformer-edge validate BUNDLE --reference CHECKPOINT --data test.jsonl --max-drop 0.5 --report out
"""

import sys

from roformer_edge.demo.embedded import embedded_checkpoint, embedded_evaluation
from roformer_edge.deploy.reference import open_reference
from roformer_edge.errors import BudgetExceededError
from roformer_edge.validate.data.examples import read_examples
from roformer_edge.validate.openers import open_predictor
from roformer_edge.validate.options import CompareOptions
from roformer_edge.validate.render import write_reports
from roformer_edge.validate.report import check_budget
from roformer_edge.validate.runner import compare
from roformer_edge.validate.tasks import measure_of

TASK = "text-classification"
bundle = sys.argv[1] if sys.argv[1:] else "out/examples/intent"

with embedded_checkpoint() as checkpoint, embedded_evaluation() as data, open_reference(checkpoint, TASK) as reference:
    examples = tuple(read_examples(data, measure_of(TASK, reference.labels, reference.problem_type)))
    options = CompareOptions(task=TASK, data_name="evaluation.jsonl", max_drop=0.5)
    report = compare(reference, open_predictor(bundle), examples, options)

print(f"{report.gated.name}: {report.gated.reference:.2%} before, {report.gated.candidate:.2%} in int8")
print("report:", *map(str, write_reports([report], "out/examples/report")))
try:
    check_budget(report)
except BudgetExceededError as error:
    print(error, file=sys.stderr)
    sys.exit(3)
