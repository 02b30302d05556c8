"""Models of one checkpoint as other engines have them, and the program that runs one model of any of them.

Each is made by the program that its documentation gives a user, once, in an environment that has it
(``scripts/make_env.sh peers`` and ``engines``), and kept under ``.cache/bench``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.artifacts import optimum, ours
from benchmarks.checkpoints import CACHE, SHAPES, VOCAB_SIZE, checkpoint
from benchmarks.process import ROOT, run

# what cannot be installed beside the peers
ENGINES_PYTHON = ROOT / ".venv-engines" / "bin" / "python"

# a wrapper that gives one tensor
_LOGITS = """
import sys
import torch
from transformers import RoFormerForSequenceClassification

class Logits(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model
    def forward(self, input_ids, attention_mask, token_type_ids):
        return self.model(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).logits

source, target, *lengths = sys.argv[1:]
model = Logits(RoFormerForSequenceClassification.from_pretrained(source).eval())
# three tensors: one given three times would be taken for one input
shaped = {length: tuple(torch.ones(1, int(length), dtype=torch.long) for _ in range(3)) for length in lengths}
"""
# a signature for each length
_LITERT_TORCH = f"""{_LOGITS}
import litert_torch
converter = litert_torch
for length, example in shaped.items():
    converter = converter.signature(f"tokens_{{length}}", model, example)
converter.convert().export(target)
"""
_AI_EDGE_QUANTIZER = """
import sys
from ai_edge_quantizer import quantizer, recipe
source, target = sys.argv[1:3]
quantised = quantizer.Quantizer(source)
quantised.load_quantization_recipe(recipe.dynamic_wi8_afp32())
quantised.quantize().export_model(target)
"""
# weights of products and rows in half precision
_AI_EDGE_HALF = """
import sys
from ai_edge_quantizer import algorithm_manager, qtyping, quantizer
source, target = sys.argv[1:3]
halved = quantizer.Quantizer(source)
halved.add_weight_only_config(
    regex=".*", operation_name=qtyping.TFLOperationName.ALL_SUPPORTED, num_bits=16,
    algorithm_key=algorithm_manager.AlgorithmName.FLOAT_CASTING,
)
halved.quantize().export_model(target)
"""
# the converter that comes with the engine: weights and arithmetic in half precision, inputs and logits as they were
_HALF_ONNX = """
import sys
import onnx
from onnxruntime.transformers.float16 import convert_float_to_float16
source, target = sys.argv[1:3]
onnx.save(convert_float_to_float16(onnx.load(source), keep_io_types=True), target)
"""
# weights in half precision, as this engine's tool saves a model unless it is told not to
_HALF_OPENVINO = """
import sys
import openvino
source, target = sys.argv[1:3]
openvino.save_model(openvino.Core().read_model(source), target, compress_to_fp16=True)
"""
# a program for each length, 8-bit weights for every channel, 8-bit inputs of every run
_EXECUTORCH = f"""{_LOGITS}
from pathlib import Path
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.backends.xnnpack.quantizer import xnnpack_quantizer
from executorch.exir import to_edge_transform_and_lower
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
Path(target).mkdir()
for length, example in shaped.items():
    quantizer = xnnpack_quantizer.XNNPACKQuantizer()
    quantizer.set_global(xnnpack_quantizer.get_symmetric_quantization_config(is_per_channel=True, is_dynamic=True))
    prepared = prepare_pt2e(torch.export.export(model, example).module(), quantizer)
    prepared(*example)
    exported = torch.export.export(convert_pt2e(prepared), example)
    lowered = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])
    Path(target, f"{{length}}.pte").write_bytes(lowered.to_executorch().buffer)
"""
# post-training quantisation of transformers, calibrated on unpadded rows of real lengths
_OPENVINO = """
import json, sys
import nncf, numpy as np, openvino
source, target, vocabulary, lengths = *sys.argv[1:3], int(sys.argv[3]), json.loads(sys.argv[4])
model = openvino.Core().read_model(source)
def feeds(length):
    ids = np.random.default_rng(length).integers(1, vocabulary, (1, length))
    return {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
rows = nncf.Dataset([feeds(length) for length in lengths])
kind, preset = nncf.ModelType.TRANSFORMER, nncf.QuantizationPreset.MIXED
openvino.save_model(nncf.quantize(model, rows, model_type=kind, preset=preset, subset_size=len(lengths)), target)
"""
# the integer products of the encoder and nothing else, the last layer's for the first token
_PRODUCTS = """
import sys
import numpy as np
from onnx import TensorProto, helper, numpy_helper, save
target, layers, hidden, inner = sys.argv[2], *map(int, sys.argv[3:])
draw = np.random.default_rng(0)
weights, nodes, results = [], [], []
def product(source, rows, columns, layer, name):
    weight, out = f"{layer}.{name}.weight", f"{layer}.{name}"
    array = draw.integers(-64, 64, (rows, columns), np.int8)
    weights.append(numpy_helper.from_array(array, weight))
    nodes.append(helper.make_node("MatMulInteger", [source, weight], [out]))
    results.append(helper.make_tensor_value_info(out, TensorProto.INT32, None))
for layer in range(layers):
    last = layer == layers - 1
    row, wide = ("first", "first_wide") if last else ("tokens", "wide")
    product("tokens", hidden, (2 if last else 3) * hidden, layer, "qkv")
    if last:
        product(row, hidden, hidden, layer, "q")
    product(row, hidden, hidden, layer, "out")
    product(row, hidden, inner, layer, "up")
    product(wide, inner, hidden, layer, "down")
shapes = {"tokens": (None, hidden), "wide": (None, inner), "first": (1, hidden), "first_wide": (1, inner)}
inputs = [helper.make_tensor_value_info(name, TensorProto.UINT8, shape) for name, shape in shapes.items()]
graph = helper.make_graph(nodes, "products", inputs, results, weights)
save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), target)
"""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """One row of the comparison.

    Attributes:
        kind: What opens its models: a key of ``OPENERS`` in the program that runs one.
        precision: Of its products or, ``"fp16"``, of its weights: ``"int8"``, ``"fp32"``.
        make: Makes the model of a shape, for these lengths where it must know them; returns its path.
        python: The interpreter that has it.
        is_compiled: Whether it compiles the model anew at every start, which takes minutes.
    """

    kind: str
    precision: str
    make: Callable[[str, list[int]], Path]
    python: Path = Path(sys.executable)
    is_compiled: bool = False


def _made(
    shape: str, name: str, program: str, source: str | Path, *more: object, python: Path = Path(sys.executable)
) -> Path:
    """What a program makes of a source, made once for the same words behind it."""
    target = CACHE / "peers" / shape / name
    stamp = target.with_name(f"{name}.made-for")
    words = [str(word) for word in more]
    if not stamp.exists() or stamp.read_text() != str(words):
        target.parent.mkdir(parents=True, exist_ok=True)
        run([str(python), "-c", program, str(source), str(target), *words])
        stamp.write_text(str(words))
    return target


def _litert_torch(shape: str, lengths: list[int]) -> Path:
    return _made(shape, "float.tflite", _LITERT_TORCH, checkpoint(shape), *lengths)


def _ai_edge_quantizer(shape: str, lengths: list[int]) -> Path:
    return _made(shape, "int8.tflite", _AI_EDGE_QUANTIZER, _litert_torch(shape, lengths), *lengths)


def _ai_edge_half(shape: str, lengths: list[int]) -> Path:
    return _made(shape, "half.tflite", _AI_EDGE_HALF, _litert_torch(shape, lengths), *lengths)


def _half_onnx(shape: str, lengths: list[int]) -> Path:
    return _made(shape, "half.onnx", _HALF_ONNX, _optimum_float(shape, lengths))


def _half_openvino(shape: str, lengths: list[int]) -> Path:
    return _made(shape, "half-openvino.xml", _HALF_OPENVINO, _optimum_float(shape, lengths), python=ENGINES_PYTHON)


def _executorch(shape: str, lengths: list[int]) -> Path:
    return _made(shape, "executorch", _EXECUTORCH, checkpoint(shape), *lengths, python=ENGINES_PYTHON)


def _openvino(shape: str, lengths: list[int]) -> Path:
    rows = json.dumps([*range(8, 72, 2)])
    return _made(
        shape, "openvino.xml", _OPENVINO, _optimum_float(shape, lengths), VOCAB_SIZE, rows, python=ENGINES_PYTHON
    )


def _products(shape: str, _: list[int]) -> Path:
    sizes = SHAPES[shape]
    return _made(shape, "products.onnx", _PRODUCTS, "random", sizes.layers, sizes.hidden, sizes.inner)


def _optimum_float(shape: str, _: list[int]) -> Path:
    return optimum(shape)[0] / "model.onnx"


def _our(recipe: str, form: str, preset: str | None = None) -> Callable[[str, list[int]], Path]:
    return lambda shape, _: ours(shape, recipe, form, preset=preset)


def _checkpoint(shape: str, _: list[int]) -> Path:
    return checkpoint(shape)


# name of a row -> the engine, in the order of a round
ENGINES: dict[str, Engine] = {
    "roformer-edge TFLite": Engine(kind="ours", precision="int8", make=_our("int8-dynamic", "tflite")),
    "litert-torch": Engine(kind="signatures", precision="int8", make=_ai_edge_quantizer),
    "roformer-edge ONNX": Engine(kind="ours", precision="int8", make=_our("int8-dynamic", "onnx", "auto")),
    "roformer-edge ONNX int8-attention": Engine(
        kind="ours", precision="int8", make=_our("int8-attention", "onnx", "auto")
    ),
    "optimum-onnx": Engine(
        kind="onnx", precision="int8", make=lambda shape, _: optimum(shape)[1] / "model_quantized.onnx"
    ),
    "OpenVINO NNCF": Engine(kind="openvino", precision="int8", make=_openvino, python=ENGINES_PYTHON),
    "ExecuTorch XNNPACK": Engine(kind="executorch", precision="int8", make=_executorch, python=ENGINES_PYTHON),
    "torchao compiled": Engine(
        kind="torchao", precision="int8", make=_checkpoint, python=ENGINES_PYTHON, is_compiled=True
    ),
    "int8 products alone": Engine(kind="products", precision="int8", make=_products),
    "roformer-edge TFLite fp32": Engine(kind="ours", precision="fp32", make=_our("fp32", "tflite")),
    "litert-torch fp32": Engine(kind="signatures", precision="fp32", make=_litert_torch),
    "roformer-edge ONNX fp32": Engine(kind="ours", precision="fp32", make=_our("fp32", "onnx")),
    "optimum-onnx fp32": Engine(kind="onnx", precision="fp32", make=_optimum_float),
    "OpenVINO fp32": Engine(kind="openvino-float", precision="fp32", make=_optimum_float, python=ENGINES_PYTHON),
    "torch compiled fp32": Engine(
        kind="torch", precision="fp32", make=_checkpoint, python=ENGINES_PYTHON, is_compiled=True
    ),
    "roformer-edge TFLite fp16": Engine(kind="ours", precision="fp16", make=_our("fp16", "tflite")),
    "litert-torch fp16": Engine(kind="signatures", precision="fp16", make=_ai_edge_half),
    "roformer-edge ONNX fp16": Engine(kind="ours", precision="fp16", make=_our("fp16", "onnx")),
    "optimum-onnx fp16": Engine(kind="onnx", precision="fp16", make=_half_onnx),
    "OpenVINO fp16": Engine(kind="openvino-float", precision="fp16", make=_half_openvino, python=ENGINES_PYTHON),
    "torch compiled fp16": Engine(
        kind="torch-half", precision="fp16", make=_checkpoint, python=ENGINES_PYTHON, is_compiled=True
    ),
}

# kind, model, threads, lengths, seconds for each, lengths of the texts, their bucket or nothing, vocabulary, sizes
PROGRAM = """
import json, sys
from time import perf_counter, process_time
import numpy as np
kind, model, threads, lengths, seconds, texts, bucket, vocabulary, hidden, inner = json.loads(sys.argv[1])
NAMES = ("input_ids", "attention_mask", "token_type_ids")

def padded(feeds, length):
    width = ((0, 0), (0, length - feeds["input_ids"].shape[1]))
    return [np.pad(feeds[name], width) for name in NAMES]

def fitting(feeds):
    return min(size for size in lengths if size >= feeds["input_ids"].shape[1])

def open_ours():
    import roformer_edge
    session = roformer_edge.load(model, threads=threads, self_test=False).model.session
    return lambda feeds: session.run(feeds)["logits"]

def open_onnx():
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda feeds: session.run(None, feeds)[0]

def open_products():
    run = open_onnx()
    draw = np.random.default_rng(0)
    first, wide = draw.integers(0, 255, (1, hidden), np.uint8), draw.integers(0, 255, (1, inner), np.uint8)
    def products(feeds):
        rows = feeds["input_ids"].shape[1]
        given = {"tokens": np.repeat(first, rows, 0), "wide": np.repeat(wide, rows, 0)}
        return run({**given, "first": first, "first_wide": wide})
    return products

def open_signatures():
    from ai_edge_litert.interpreter import Interpreter
    interpreter = Interpreter(model_path=model, num_threads=threads)
    runners = {length: interpreter.get_signature_runner(f"tokens_{length}") for length in lengths}
    def run(feeds):
        length = fitting(feeds)
        arrays = padded(feeds, length)
        (logits,) = runners[length](**{f"args_{n}": one.astype(np.int32) for n, one in enumerate(arrays)}).values()
        return logits
    return run

def open_openvino(**more):
    import openvino
    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": "1", **more}
    request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()
    return lambda feeds: next(iter(request.infer(feeds).values()))

def open_executorch():
    import torch
    from executorch.extension.pybindings import portable_lib
    from executorch.runtime import Runtime
    portable_lib._unsafe_reset_threadpool(threads)
    runtime = Runtime.get()
    methods = {length: runtime.load_program(f"{model}/{length}.pte").load_method("forward") for length in lengths}
    def run(feeds):
        length = fitting(feeds)
        return methods[length].execute([torch.from_numpy(one) for one in padded(feeds, length)])[0].numpy()
    return run

def open_torch(quantised=False, half=False):
    import torch
    from transformers import RoFormerForSequenceClassification
    torch.set_num_threads(threads)
    network = RoFormerForSequenceClassification.from_pretrained(model).eval()
    if half:
        network.half()
    if quantised:
        from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_
        quantize_(network, Int8DynamicActivationInt8WeightConfig())
    compiled = torch.compile(network, dynamic=False)
    def run(feeds):
        arrays = dict(zip(NAMES, map(torch.from_numpy, padded(feeds, fitting(feeds)))))
        with torch.inference_mode():
            return compiled(**arrays).logits.float().numpy()
    return run

OPENERS = {
    "ours": open_ours, "onnx": open_onnx, "products": open_products, "signatures": open_signatures,
    "openvino": open_openvino, "openvino-float": lambda: open_openvino(INFERENCE_PRECISION_HINT="f32"),
    "executorch": open_executorch, "torch": open_torch,
    "torchao": lambda: open_torch(quantised=True), "torch-half": lambda: open_torch(half=True),
}
run = OPENERS[kind]()

def feeds_of(length, width=None):
    width = width or length
    ids = np.zeros((1, width), np.int64)
    ids[0, :length] = np.random.default_rng(length).integers(1, vocabulary, length)
    return {"input_ids": ids, "attention_mask": (ids > 0).astype(np.int64), "token_type_ids": np.zeros_like(ids)}

def timed(feeds, seconds, least):
    run(feeds)
    walls, processor, start = [], process_time(), perf_counter()
    while perf_counter() < start + seconds or len(walls) < least:
        before = perf_counter()
        run(feeds)
        walls.append(perf_counter() - before)
    return 1000 * min(walls), 1000 * (process_time() - processor) / len(walls)

found = {"wall_ms": {}, "processor_ms": {}, "texts_ms": {}}
for length in lengths:
    found["wall_ms"][length], found["processor_ms"][length] = timed(feeds_of(length), seconds, 3)
widths = {"texts": None} | ({f"texts in {bucket}": bucket} if bucket else {})
for name, width in widths.items():
    # the longest first: memory grows once
    for length in sorted(set(texts), reverse=True):
        run(feeds_of(length, width))
    found["texts_ms"][name] = [timed(feeds_of(length, width), 0, 2)[0] for length in texts]
if kind != "products":
    found["logits"] = [np.ravel(run(feeds_of(length))).tolist() for length in (*range(8, 48), *lengths)]
print(json.dumps(found))
"""
