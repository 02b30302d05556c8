"""Deploy a checkpoint: int8 ONNX, compared with the checkpoint on the way. Without a name it is the embedded one.

python examples/01_deploy.py [CHECKPOINT]
"""

import sys
from contextlib import nullcontext

import roformer_edge
from roformer_edge.demo.embedded import embedded_checkpoint

with nullcontext(sys.argv[1]) if sys.argv[1:] else embedded_checkpoint() as checkpoint:
    options = roformer_edge.DeployOptions(recipe="int8-dynamic", overwrite=True)
    made = roformer_edge.deploy_checkpoint(checkpoint, "out/examples/intent", options)

manifest = made.manifest
print(f"{made.bundle}: {manifest.task}, {len(manifest.labels)} labels, {manifest.total_bytes / 1e6:.1f} MB")
if manifest.parity.checked:
    print(
        f"the float graph and {manifest.parity.reference} differ by {manifest.parity.absolute_difference:.1e} at most"
    )

classify = roformer_edge.load(made.bundle, self_test=True)
for text in ("我到家了，把客厅的灯打开", "明天出门用不用带伞"):
    answer = classify(text)
    print(f"{text} -> {answer.label} ({answer.score:.1%})")
