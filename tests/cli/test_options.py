"""Options that several commands share mean the same in each."""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from roformer_edge.cli import deploy, export
from roformer_edge.cli.options import deploy_options, export_options, numbers
from roformer_edge.deploy.options import DeployOptions


@pytest.mark.parametrize("command", ["deploy", "export", "quantize"])
def test_weights_without_a_place_are_left_out_as_the_error_says(cli, checkpoint, tmp_path, command):
    source = shutil.copytree(checkpoint, tmp_path / "source")
    weights = load_file(source / "model.safetensors")
    save_file({**weights, "lstm.weight": np.zeros(3, np.float32)}, source / "model.safetensors")
    advice = re.search(r"(--ignore-weights) '(.+?)'", cli(command, source, "--out", tmp_path / "bundle").error)
    assert advice
    outcome = cli(command, source, "--out", tmp_path / "bundle", advice[1], advice[2])
    assert outcome.code == 0
    assert outcome.err == "note: 1 tensor left out, as asked: lstm.weight\n"
    manifest = json.loads((tmp_path / "bundle" / "manifest.json").read_text())
    assert manifest["notes"] == ["1 tensor left out, as asked: lstm.weight"]


@pytest.mark.parametrize("text", ["8", "8,16", "1,1,1"])
def test_numbers_are_read(text):
    assert numbers(text) == tuple(int(part) for part in text.split(","))


@pytest.mark.parametrize("text", ["", "8,", "0", "-1", "8,x", "1.5", "²"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="whole numbers of at least 1 with commas between, found"):
        numbers(text)


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    deploy.add_arguments(parser)
    return parser.parse_args(["checkpoint", "--out", "bundle", *words])


def test_without_words_the_options_are_those_of_the_package():
    assert deploy_options(parsed()) == DeployOptions()
    parser = argparse.ArgumentParser()
    export.add_arguments(parser)
    args = parser.parse_args(["checkpoint", "--out", "bundle"])
    assert export_options(args) == DeployOptions(format="onnx", recipe="fp32", keep_weights=True)


def test_every_word_reaches_its_option():
    words = {
        "--task": ("fill-mask", "task"),
        "--format": ("tflite", "format"),
        "--runtime": ("litert-2", "runtime"),
        "--lengths": ("8,16", "lengths"),
        "--recipe": ("auto", "recipe"),
        "--keep-float": ("layer.*", "keep_float"),
        "--preset": ("arm", "preset"),
        "--observer": ("mse", "observer"),
        "--inputs": ("int32", "index_dtype"),
        "--tokenizer": ("fast", "tokenizer"),
        "--max-length": ("64", "max_length"),
        "--calibration": ("c.jsonl", "calibration"),
        "--calibration-texts": ("7", "calibration_texts"),
        "--prune-vocab": ("p.jsonl", "prune_vocab"),
        "--eval": ("e.jsonl", "evaluation"),
        "--fields": ("text=a", "fields"),
        "--slice": ("length", "slices"),
        "--max-drop": ("0.5", "max_drop"),
        "--gate": ("size <= 20MB", "gates"),
        "--baseline": ("earlier.json", "baseline"),
        "--language": ("zh", "language"),
        "--max-size": ("20", "max_size"),
        "--report": ("r", "report"),
        "--truncate": (None, "truncation"),
        "--overwrite": (None, "overwrite"),
        "--ignore-weights": ("lstm.*", "ignore_weights"),
        "--pooling": ("mean", "pooling"),
    }
    line = [word for flag, (value, _) in words.items() for word in (flag, value) if word is not None]
    made, usual = deploy_options(parsed(*line)), DeployOptions()
    changed = {
        field.name for field in dataclasses.fields(made) if getattr(made, field.name) != getattr(usual, field.name)
    }
    assert changed == {name for _, name in words.values()}
    # keep_weights is export's own, revision goes with a name on a hub, and schemes with a target
    left = {"keep_weights", "revision", "schemes"}
    # what is chosen by measurement leaves formats and recipes open
    by_measurement = ("--for-this-machine", "--threads", "2")
    measured = deploy_options(parsed(*by_measurement))
    assert (measured.for_this_machine, measured.threads) == (True, 2)
    left |= {"for_this_machine", "threads"}
    assert {field.name for field in dataclasses.fields(made)} - changed == left
    assert (made.lengths, made.max_length, made.max_drop, made.fields.given) == ((8, 16), 64, 0.5, {"text": "a"})
