"""What is spoilt, a row each: bundles, archives, manifests, checkpoints, tokenizers, texts and lines of data."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from roformer_edge.bundle.pack import pack_directory
from roformer_edge.bundle.reader import open_bundle
from roformer_edge.checkpoint.safetensors import write_safetensors
from roformer_edge.errors import BundleError, RoFormerEdgeError
from roformer_edge.quantize.recipe import RECIPES, get_recipe
from roformer_edge.records import to_json
from roformer_edge.runtime.backends.outside_data import refuse_outside_onnx
from roformer_edge.runtime.loading import load
from roformer_edge.tasks import TASKS, get_task
from roformer_edge.tokenizer import BertTokenizer, RoFormerTokenizer, RoFormerTokenizerFast
from roformer_edge.validate.data.examples import read_examples
from roformer_edge.validate.data.inputs import read_inputs
from roformer_edge.validate.tasks import measure_of
from tests.fuzz import tokenizer_directories
from tests.fuzz.mutation import Mutator
from tests.fuzz.outcome import REFUSED, SAME, USED, Attempt, complaint_of
from tests.fuzz.weights import CONFIG, arrays, open_whole, spoil_head
from tests.tiny_bundle import CONTENT, write_bundle
from tests.tiny_runtime import SELF_TEST_TEXTS, graph, vocabulary, write_runnable


@cache
def workshop() -> Path:
    """A folder for what is made once a process; it goes with the temporary files of the machine."""
    return Path(mkdtemp(prefix="roformer-edge-fuzz-"))


@cache
def whole_bundle() -> Path:
    return write_bundle(workshop() / "whole")


@cache
def whole_archive() -> bytes:
    return pack_directory(whole_bundle(), workshop() / "whole.rfe").read_bytes()


@cache
def runnable_bundle() -> Path:
    return write_runnable(workshop() / "runnable")


@cache
def expected_answers() -> str:
    with load(runnable_bundle(), threads=1) as classify:
        return str(classify(list(SELF_TEST_TEXTS)))


@cache
def weight_files() -> dict[str, bytes]:
    """The same weights in the formats that this environment writes."""
    import pickle

    import torch

    folder, files = workshop(), {}
    write_safetensors(folder / "model.safetensors", arrays())
    files["model.safetensors"] = (folder / "model.safetensors").read_bytes()
    state = {name: torch.from_numpy(array) for name, array in arrays().items()}
    for name, zipped in (("pytorch_model.bin", True), ("legacy.bin", False)):
        torch.save(state, folder / name, _use_new_zipfile_serialization=zipped)
        files[name] = (folder / name).read_bytes()
    tables = ("word_embeddings.weight", "token_type_embeddings.weight")
    stored = {
        name: array.T.copy() if array.ndim == 2 and not name.endswith(tables) else array
        for name, array in arrays().items()
    }
    files["model_state.pdparams"] = pickle.dumps(stored, protocol=2)
    return files


def _content(path: Path) -> dict[str, bytes]:
    with open_bundle(path) as opened:
        opened.verify()
        return {entry.path: opened.read_bytes(entry.role) for entry in opened.manifest.files if entry.path in CONTENT}


def _same_or_refused(path: Path) -> str:
    try:
        found = _content(path)
    except BundleError as error:
        return complaint_of(error)
    assert found == {name: data for name, (_, data) in CONTENT.items()}, "altered bytes were taken for the whole ones"
    return SAME


def spoilt_files(seed: int, folder: Path) -> str:
    """A listed file is altered, and the manifest is not."""
    spoiler, copy = Mutator(seed), Path(shutil.copytree(whole_bundle(), folder / "bundle"))
    path = copy / spoiler.choice([*CONTENT, "README.md"])
    path.write_bytes(spoiler.spoil_bytes(path.read_bytes()))
    return _same_or_refused(copy)


def spoilt_manifest(seed: int, folder: Path) -> str:
    """The manifest is altered, in its bytes or in its values."""
    spoiler, copy = Mutator(seed), Path(shutil.copytree(whole_bundle(), folder / "bundle"))
    path = copy / "manifest.json"
    path.write_bytes(spoiler.spoil_json(path.read_bytes()))
    return _same_or_refused(copy)


def spoilt_archive(seed: int, folder: Path) -> str:
    """An archive is altered anywhere."""
    path = folder / "x.rfe"
    path.write_bytes(Mutator(seed).spoil_bytes(whole_archive()))
    return _same_or_refused(path)


def relist(bundle: Path) -> None:
    """Give every file the digest that it has: what follows is what a digest cannot see."""
    path = bundle / "manifest.json"
    values = json.loads(path.read_bytes())
    for entry in values["files"]:
        data = (bundle / entry["path"]).read_bytes()
        entry["bytes"], entry["sha256"] = len(data), hashlib.sha256(data).hexdigest()
    path.write_text(json.dumps(values), encoding="utf-8")


def spoilt_with_right_digests(seed: int, folder: Path) -> str:
    """Someone made the bundle to harm: every digest is right."""
    spoiler, copy = Mutator(seed), Path(shutil.copytree(runnable_bundle(), folder / "bundle"))
    names = ("words.bin", "unicode.bin", "vocab.txt", "config.json", "selftest.json", "manifest.json", "manifest.json")
    path = copy / spoiler.choice(names)
    spoil = spoiler.spoil_json if path.suffix == ".json" else spoiler.spoil_bytes
    path.write_bytes(spoil(path.read_bytes()))
    if path.name != "manifest.json":
        relist(copy)
    try:
        with load(copy, threads=1, self_test=spoiler.random() < 0.5) as classify:
            answers = str(classify(list(SELF_TEST_TEXTS)))
            classify(spoiler.text().replace("\0", "").encode("utf-8", "ignore").decode() or "好", truncation=True)
    except RoFormerEdgeError as error:
        return complaint_of(error)
    return SAME if answers == expected_answers() else USED


def spoilt_graph(seed: int, folder: Path) -> str:
    """A graph is altered; whatever names another file by the reader of protobuf itself is refused."""
    import onnx

    spoiler = Mutator(seed)
    model = onnx.load_from_string(graph())
    if spoiler.random() < 0.7:
        tensor = spoiler.choice(list(model.graph.initializer))
        tensor.external_data.add(key="location", value="/etc/passwd")
        tensor.data_location = spoiler.choice((onnx.TensorProto.DEFAULT, onnx.TensorProto.EXTERNAL))
    data = spoiler.spoil_bytes(model.SerializeToString())
    try:
        refuse_outside_onnx(data, "the graph cannot be loaded")
    except RoFormerEdgeError as error:
        return complaint_of(error)
    try:
        found = onnx.load_from_string(data)
    except Exception:  # noqa: BLE001 - the engine would say so too
        return USED
    outside = [tensor.name for tensor in found.graph.initializer if tensor.data_location or tensor.external_data]
    assert not outside, f"tensors in other files went unseen: {outside[:3]}"
    return USED


def spoilt_weights(file: str) -> Attempt:
    """A file of weights is altered."""

    def attempt(seed: int, folder: Path) -> str:
        spoiler, data = Mutator(seed), weight_files()[file]
        CONFIG.save_pretrained(folder)
        spoilt = spoil_head(spoiler, data)
        (folder / ("pytorch_model.bin" if file == "legacy.bin" else file)).write_bytes(spoilt)
        return open_whole(folder)

    return attempt


def spoilt_settings(seed: int, folder: Path) -> str:
    """config.json, an index of shards or an adapter's settings hold what they like."""
    spoiler = Mutator(seed)
    CONFIG.save_pretrained(folder)
    (folder / "model.safetensors").write_bytes(weight_files()["model.safetensors"])
    index = json.dumps({"metadata": {}, "weight_map": dict.fromkeys(arrays(), "model.safetensors")}).encode()
    adapter = {"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["query"], "bias": "none",
               "base_model_name_or_path": str(folder), "task_type": "SEQ_CLS"}  # fmt: skip
    which = spoiler.random()
    if which < 0.6:
        path = folder / "config.json"
        path.write_bytes(spoiler.spoil_json(path.read_bytes()))
    elif which < 0.8:
        (folder / "model.safetensors").rename(folder / "shard.safetensors")
        index = index.replace(b'"model.safetensors"', b'"shard.safetensors"')
        (folder / "model.safetensors.index.json").write_bytes(spoiler.spoil_json(index))
    else:
        (folder / "adapter_config.json").write_bytes(spoiler.spoil_json(json.dumps(adapter).encode()))
    return open_whole(folder)


def spoilt_tokenizer(seed: int, folder: Path) -> str:
    """A directory of a tokenizer with something odd in its files."""
    return {"refused": REFUSED, "used": USED}[tokenizer_directories.outcome(seed, folder / "tokenizer")]


@cache
def tokenizers() -> tuple[Any, ...]:
    (workshop() / "vocab.txt").write_bytes(vocabulary())
    kinds = (RoFormerTokenizer, RoFormerTokenizerFast, BertTokenizer)
    return tuple(kind(workshop() / "vocab.txt", additional_special_tokens=["<x>"]) for kind in kinds)


def strange_texts(seed: int, folder: Path) -> str:
    """Texts of any characters: places stay inside the text, and the same text gives the same ids."""
    spoiler = Mutator(seed)
    text, pair = spoiler.text(), spoiler.choice((None, spoiler.text()))
    tokenizer = spoiler.choice(tokenizers())
    try:
        row = tokenizer.encode_text(text, pair)
    except RoFormerEdgeError as error:
        return complaint_of(error)
    for (start, end), kind in zip(row.offsets, row.type_ids, strict=True):
        assert 0 <= start <= end <= max(len(text), len(pair or "")), (start, end, kind)
    assert all(0 <= index < len(tokenizer) for index in row.ids)
    assert tokenizer.encode_text(text, pair).ids == row.ids
    tokenizer.decode(row.ids, skip_special_tokens=True)
    return USED


def lines_of_data(seed: int, folder: Path) -> str:
    """JSON Lines, CSV and TSV with something odd in them, read for any task."""
    spoiler = Mutator(seed)
    task = spoiler.choice(list(TASKS))
    honest = {"text": "今天天气好", "pair": "好", "label": "a", "labels": ["a", "b"],
              "question": "谁？", "context": "妈妈回家了。",
              "answers": ["妈妈"], "choices": ["好", "不好"], "entities": [{"start": 0, "end": 2, "label": "a"}],
              "tokens": ["今", "天"], "tags": ["a", "b"], "value": 1.5}  # fmt: skip
    lines = [spoiler.spoil_value(honest) if spoiler.random() < 0.5 else honest for _ in range(spoiler.choice((1, 3)))]
    kind = spoiler.choice((".jsonl", ".jsonl", ".jsonl", ".csv", ".tsv"))
    if kind == ".jsonl":
        data = "\n".join(json.dumps(line, ensure_ascii=spoiler.random() < 0.5) for line in lines)
    else:
        sign = "," if kind == ".csv" else "\t"
        data = "\n".join(sign.join(row) for row in (["text", "label"], ["今天", "a"], ["x", '"b"']))
    content = data.encode("utf-8", "surrogatepass")
    path = folder / f"data{kind}"
    path.write_bytes(spoiler.spoil_bytes(content) if spoiler.random() < 0.4 or kind != ".jsonl" else content)
    try:
        if spoiler.random() < 0.5:
            read: list[Any] = list(read_inputs(path, task))
        else:
            labels = ("a", "b") if get_task(task).labelled else ()
            read = list(read_examples(path, measure_of(task, labels)))
    except RoFormerEdgeError as error:
        return complaint_of(error)
    assert read
    return USED


def spoilt_recipes(seed: int, folder: Path) -> str:
    """A recipe in a file."""
    spoiler = Mutator(seed)
    path = folder / "recipe.json"
    path.write_bytes(spoiler.spoil_json(to_json(spoiler.choice(list(RECIPES.values())).to_dict()).encode()))
    try:
        get_recipe(str(path))
    except RoFormerEdgeError as error:
        return complaint_of(error)
    return USED


# what the table calls it -> the attempt
TARGETS: dict[str, Callable[[int, Path], str]] = {
    "listed files of a bundle": spoilt_files,
    "manifest": spoilt_manifest,
    "archive": spoilt_archive,
    "bundle with right digests": spoilt_with_right_digests,
    "graph": spoilt_graph,
    "model.safetensors": spoilt_weights("model.safetensors"),
    "pytorch_model.bin": spoilt_weights("pytorch_model.bin"),
    "pytorch_model.bin, legacy": spoilt_weights("legacy.bin"),
    "model_state.pdparams": spoilt_weights("model_state.pdparams"),
    "config, index, adapter": spoilt_settings,
    "tokenizer directory": spoilt_tokenizer,
    "texts": strange_texts,
    "lines of data": lines_of_data,
    "recipe": spoilt_recipes,
}
