"""The models of :mod:`benchmarks.accuracy_models` with outlier channels, as large pretrained encoders have them.

    python -m benchmarks.hostile_models [NAME ...] [--variant values|rotary_pairs|norms ...]

The variants are those of :mod:`benchmarks.hostile_arrays`. Of ``values`` and ``rotary_pairs`` it is checked that they
answer as the model does. With ``norms`` the sums around the sublayers are others, so all layer norms are fitted, one
after the other, to make of them what they would make of the model's own. Then the encoder is trained once more, a
quarter as long as before, and the models that begin with it are trained from there as those without outliers are; the
models with encoders of their own are trained once more themselves. All are written to ``.cache/accuracy/NAME.VARIANT``;
what is there already is kept.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import roformer_edge
from benchmarks import accuracy_models
from benchmarks.accuracy_models import CACHE, ENCODER, MODELS, SMALL_ENCODER, Model, fine_tune, model, read, train
from benchmarks.hostile_arrays import EXACT, VARIANTS, Arrays, outlier_channels
from roformer_edge.checkpoint.loading import Checkpoint, load_architecture
from roformer_edge.checkpoint.saving import save_checkpoint
from roformer_edge.tokenizer import RoFormerTokenizer

# beside accuracy_models, which makes the examples importable
import arrays as rows_to_arrays  # isort: skip
import questions  # isort: skip

# the small shape is trained for its size alone
NAMES = (ENCODER, *(name for name, row in MODELS.items() if getattr(row, "start", None) != SMALL_ENCODER))
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
# the encoder sees one piece of so many once more
PIECES_EVERY = 4
# rows that layer norms are fitted on
FITTED = 256
# logits of a variant that computes the same may differ by so much, as a share of the largest
TOLERANCE = 1e-3


def hostile(name: str, variant: str) -> Path:
    """The checkpoint of a model in a variant, made when it is not there."""
    folder = CACHE / f"{name}.{variant}"
    if not folder.exists():
        draft = CACHE / f".{folder.name}"
        shutil.rmtree(draft, ignore_errors=True)
        _make(name, variant, draft)
        draft.rename(folder)
    return folder


def _make(name: str, variant: str, folder: Path) -> None:
    row = MODELS.get(name)
    if variant not in EXACT and isinstance(row, Model):
        fine_tune(row, hostile(ENCODER, variant), folder)
        return
    start = model(name)
    (architecture,) = json.loads((start / "config.json").read_text("utf-8"))["architectures"]
    checkpoint = load_architecture(start, architecture)
    arrays = {key: np.array(array) for key, array in checkpoint.arrays.items()}
    VARIANTS[variant](arrays, checkpoint.config)
    network = _network(architecture, checkpoint, arrays)
    tokenizer = RoFormerTokenizer.from_pretrained(str(start))
    difference = _difference(_network(architecture, checkpoint, dict(checkpoint.arrays)), network)
    print(f"{name}.{variant}: logits differ by {difference:.2g} of the largest", flush=True)
    if variant in EXACT:
        if difference > TOLERANCE:
            raise SystemExit(f"{name}.{variant} is another function than {name}")
        save_checkpoint(folder, checkpoint.config, architecture, arrays)
    else:
        torch.manual_seed(1)
        lessons = LESSONS[name](tokenizer)
        fit_norms(network, _network(architecture, checkpoint, dict(checkpoint.arrays)), lessons)
        train(network, lessons, batch=32, rate=5e-4, seed=1)
        network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def fit_norms(network: Any, original: Any, lessons: Arrays) -> None:
    """Give every layer norm of the encoder the gains and biases that change least of what it would have given.

    Args:
        network: With outlier channels, which the sums in front of its norms have more and more of.
        original: The model as it was.
        lessons: Some rows of them are looked at.
    """
    rows = np.random.default_rng(0).choice(len(lessons["input_ids"]), FITTED, replace=False)
    inputs = {key: torch.from_numpy(lessons[key][rows].astype(np.int64)) for key in INPUTS}
    norms = {
        name: norm
        for name, norm in network.named_modules()
        if name.startswith("roformer.") and isinstance(norm, torch.nn.LayerNorm)
    }
    wanted, large = _sums(original, inputs, norms), outlier_channels(network.config)
    for name, norm in norms.items():
        # those before it are fitted already
        found = _sums(network, inputs, [name])[name]
        with torch.no_grad():
            target = norm(wanted[name])
            plain = torch.nn.functional.layer_norm(found, norm.normalized_shape, eps=norm.eps)
            spread, middle = plain - plain.mean(0), target.mean(0)
            gains = (spread * (target - middle)).mean(0) / spread.square().mean(0)
            # the closest fit is smaller than what it fits, and outliers are to stay as large as they were made
            gains[large] = (target.std(0) / plain.std(0))[large]
            norm.weight.copy_(gains)
            norm.bias.copy_(middle - gains * plain.mean(0))


def _sums(network: Any, inputs: dict[str, torch.Tensor], norms: Iterable[str]) -> dict[str, torch.Tensor]:
    """What reaches these norms at tokens that are no padding: [tokens, channels]."""
    found = {}
    attended = inputs["attention_mask"].bool().reshape(-1, inputs["attention_mask"].shape[-1])
    modules = dict(network.named_modules())
    hooks = [
        modules[name].register_forward_hook(lambda _, given, __, name=name: found.update({name: given[0][attended]}))
        for name in norms
    ]
    with torch.inference_mode():
        network(**inputs)
    for hook in hooks:
        hook.remove()
    return found


def _network(architecture: str, checkpoint: Checkpoint, arrays: Arrays) -> Any:
    return getattr(roformer_edge, architecture).from_arrays(checkpoint.config, arrays).eval()


def _difference(one: Any, other: Any) -> float:
    """How far the logits of two models are from each other at most, as a share of the largest."""
    ids = np.random.default_rng(0).integers(5, one.config.vocab_size, (4, 4, 32))
    inputs = torch.from_numpy(ids if isinstance(one, roformer_edge.RoFormerForMultipleChoice) else ids[0])
    with torch.inference_mode():
        outputs = [network(input_ids=inputs) for network in (one, other)]
    differences = [
        float((getattr(outputs[1], key) - logits).abs().max() / logits.abs().max())
        for key in ("logits", "start_logits", "end_logits")
        if (logits := getattr(outputs[0], key, None)) is not None
    ]
    return max(differences)


# what a model learns from after its norms were changed


def _masked(tokenizer: RoFormerTokenizer) -> Arrays:
    return accuracy_models.masked_pieces(tokenizer, every=PIECES_EVERY, seed=1)


def _couplets(tokenizer: RoFormerTokenizer) -> Arrays:
    rows = read(MODELS["tang_next_line"].data, "train")
    drawn = [row for epoch in (100, 101) for row in rows_to_arrays.other_distractors(rows, epoch)]
    return rows_to_arrays.choices(tokenizer, drawn, 24)


def _questions(tokenizer: RoFormerTokenizer) -> Arrays:
    rows = read(MODELS["cmrc2018"].data, "train")
    lessons = rows * 2 + questions.cloze(rows, times=2, seed=2)
    return questions.Reader(tokenizer, 128).train(lessons, seed=1)


LESSONS: dict[str, Callable[[RoFormerTokenizer], Arrays]] = {
    ENCODER: _masked,
    "tang_next_line": _couplets,
    "cmrc2018": _questions,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--variant", action="append", choices=VARIANTS)
    args = parser.parse_args()
    if unknown := sorted({*args.names} - {*NAMES}):
        parser.error(f"{', '.join(unknown)} is not among {', '.join(NAMES)}")
    torch.set_num_threads(1)
    for name in args.names or NAMES:
        for variant in args.variant or VARIANTS:
            print(f"{name}.{variant}: {hostile(name, variant)}", flush=True)


if __name__ == "__main__":
    main()
