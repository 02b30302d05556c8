"""Make bundles for a phone: one LiteRT file for an app of your own, and one ONNX archive for the Java core.

python examples/07_phone.py [CHECKPOINT]       # the embedded one by default
"""

import sys
from contextlib import nullcontext

import roformer_edge
from roformer_edge.bundle.pack import pack_directory
from roformer_edge.demo.embedded import embedded_checkpoint

# the file that goes to the phone -> what it is made with; docs/tflite.md lists all targets
PHONES = {
    "intent.tflite": roformer_edge.DeployOptions.for_target("cpu", overwrite=True),
    "intent.rfe": roformer_edge.DeployOptions(format="onnx", recipe="int8-dynamic", overwrite=True),
}

with nullcontext(sys.argv[1]) if sys.argv[1:] else embedded_checkpoint() as checkpoint:
    for name, options in PHONES.items():
        made = roformer_edge.deploy_checkpoint(checkpoint, f"out/examples/phone/{options.format}", options)
        packed = pack_directory(made.bundle, f"out/examples/phone/{name}", overwrite=True)
        classify = roformer_edge.load(packed, self_test=True)  # what the phone must answer, too
        print(f"{packed}: {packed.stat().st_size / 1e6:.1f} MB, {classify('把客厅的灯打开').label}")

print("the app of one screen around the second: make android, or with this bundle")
print("  python android_demo/tools/build.py --bundle intent=out/examples/phone/onnx")
print("a phone reads the rest of a .tflite, vocabulary and labels, from the archive at its end: docs/bundle.md")
