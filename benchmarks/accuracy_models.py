"""The models that accuracy is measured on, trained from scratch on real data: one encoder, fine-tuned for every task.

    python -m benchmarks.accuracy_models [NAME ...]

They are written to ``.cache/accuracy``; what is there already is kept. An encoder of 4 layers and 256 channels learns
to guess hidden words in all the text there is, and every task begins with it; it is itself the masked language model.
The vocabulary is made of those tokens of the published Chinese one that the texts hold. Small as the models are, their
answers are far better than chance, so that what quantisation costs them means something. ``small_intent`` has the
shape and the vocabulary of the published small model, to show how small that becomes. The encoder takes about an
hour of one processor core, the tasks together another, that of the small shape one more.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.checkpoints import DATA, SHAPES, Shape
from benchmarks.process import ROOT

sys.path.insert(0, str(ROOT / "examples" / "finetuning"))

import arrays as rows_to_arrays
import torch
import torch_training

import roformer_edge
from roformer_edge import RoFormerConfig
from roformer_edge.tokenizer import RoFormerTokenizer, Vocabulary

CACHE = ROOT / ".cache" / "accuracy"
VOCABULARY = DATA / "vocab" / "roformer_chinese_base"
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
ENCODER, SMALL_ENCODER = "encoder", "small_encoder"
# what learns to guess words, and the peak of its learning rate; the small shape, which learned nothing at the rate of
# the other, has the whole published vocabulary, the other what the texts need of it
ENCODERS = {ENCODER: (Shape(layers=4, hidden=256, heads=4, inner=1024), 1e-3), SMALL_ENCODER: (SHAPES["small"], 4e-4)}
# a word of the published vocabulary is kept when the texts hold it so often; a character when they hold it at all
WORD_COUNT = 5
PIECE = 96  # tokens of a text that the encoder reads at a time
POEMS = 8  # of so many poems the encoder reads one: the tasks that are about poems learn from all
Rows = list[dict[str, Any]]
Arrays = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Model:
    """One row of the table of accuracy, before it is deployed.

    Attributes:
        task: Of the product.
        architecture: Name of the class that is trained.
        data: Folder of ``train.jsonl``, ``dev.jsonl`` and ``test.jsonl`` below the data.
        length: Tokens that the model is trained on at most.
        epochs: How often it sees the training split.
        batch: Rows a step.
        rate: Peak of the learning rate.
        arrays: Makes the arrays of some rows, of this many epochs.
        labels: Makes the label names of the training rows.
        every: Of so many training rows it sees one.
        start: The encoder that it begins with.
    """

    task: str
    architecture: str
    data: str
    length: int
    epochs: int
    rate: float = 4e-4
    batch: int = 32
    arrays: Callable[[RoFormerTokenizer, Rows, Sequence[str], Model], Arrays]
    labels: Callable[[Rows], list[str]] = lambda _: []
    every: int = 1
    start: str = ENCODER


@dataclass(frozen=True, kw_only=True)
class Example:
    """A row whose model one of the examples trains, with a smaller encoder of its own.

    What such tasks need takes longer to learn than there is time for: after 400 steps the encoder chose the next line
    of a poem by chance. The examples begin with attention, or embeddings, that were computed.

    Attributes:
        task: Of the product.
        data: Folder of ``train.jsonl``, ``dev.jsonl`` and ``test.jsonl`` below the data.
        script: Its name in ``examples/finetuning``.
        epochs: How often it sees the training split.
    """

    task: str
    data: str
    script: str
    epochs: int


def read(folder: str, split: str) -> Rows:
    """The rows of a split, in order."""
    lines = (DATA / folder / f"{split}.jsonl").read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line]


def _label_names(rows: Rows) -> list[str]:
    return sorted({row["label"] for row in rows})


def _labelled(tokenizer: RoFormerTokenizer, rows: Rows, names: Sequence[str], model: Model) -> Arrays:
    return rows_to_arrays.labelled(tokenizer, rows * model.epochs, names, model.length)


def _tagged(tokenizer: RoFormerTokenizer, rows: Rows, names: Sequence[str], model: Model) -> Arrays:
    return rows_to_arrays.tagged(tokenizer, rows * model.epochs, names, model.length)


def _next_characters(tokenizer: RoFormerTokenizer, rows: Rows, _: Sequence[str], model: Model) -> Arrays:
    return rows_to_arrays.continued(tokenizer, rows_to_arrays.texts(tokenizer, rows * model.epochs, model.length))


MODELS: dict[str, Model | Example] = {
    "crosswoz_intent": Model(
        task="text-classification",
        architecture="RoFormerForSequenceClassification",
        data="classification/crosswoz_intent",
        length=64,
        epochs=5,
        arrays=_labelled,
        labels=_label_names,
    ),
    "crosswoz_slots": Model(
        task="token-classification",
        architecture="RoFormerForTokenClassification",
        data="token_classification/crosswoz_slots",
        length=96,
        epochs=6,
        arrays=_tagged,
        labels=rows_to_arrays.tag_names,
    ),
    "chnsenticorp": Model(
        task="text-classification",
        architecture="RoFormerForSequenceClassification",
        data="classification/chnsenticorp",
        length=160,
        epochs=3,
        arrays=_labelled,
        labels=_label_names,
    ),
    "uner_gsdsimp": Model(
        task="token-classification",
        architecture="RoFormerForTokenClassification",
        data="token_classification/uner_gsdsimp",
        length=96,
        epochs=8,
        arrays=_tagged,
        labels=rows_to_arrays.tag_names,
    ),
    "tang_next_line": Example(
        task="multiple-choice", data="multiple_choice/tang_next_line", script="torch_multiple_choice.py", epochs=6
    ),
    "cmrc2018": Example(task="question-answering", data="qa/cmrc2018", script="torch_question_answering.py", epochs=2),
    "chinese_poetry_clm": Model(
        task="text-generation",
        architecture="RoFormerForCausalLM",
        data="text/chinese_poetry",
        length=64,
        epochs=1,
        every=4,
        arrays=_next_characters,
    ),
    "crosswoz_dialogue_type": Model(
        task="text-classification",
        architecture="RoFormerForSequenceClassification",
        data="long_classification/crosswoz_dialogue_type",
        length=512,
        epochs=4,
        batch=16,
        arrays=_labelled,
        labels=_label_names,
    ),
}
MODELS["small_intent"] = replace(MODELS["crosswoz_intent"], start=SMALL_ENCODER)


def main() -> None:
    torch.set_num_threads(1)
    for name in sys.argv[1:] or (*ENCODERS, *MODELS):
        print(f"{name}: {model(name)}", flush=True)


def model(name: str) -> Path:
    """The checkpoint of a row, trained when it is not there."""
    folder = CACHE / name
    if not folder.exists():
        draft = CACHE / f".{name}"
        shutil.rmtree(draft, ignore_errors=True)
        row = MODELS.get(name)
        if row is None:
            _train_encoder(name, draft)
        elif isinstance(row, Example):
            _run_example(row, draft)
        else:
            fine_tune(row, model(row.start), draft)
        draft.rename(folder)
    return folder


# the encoders


def _train_encoder(name: str, folder: Path) -> None:
    torch.manual_seed(0)
    shape, rate = ENCODERS[name]
    tokenizer = RoFormerTokenizer.from_pretrained(str(VOCABULARY))
    if name == ENCODER:
        tokenizer = _needed(tokenizer, list(_texts()))
    config = RoFormerConfig(
        vocab_size=len(tokenizer),
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.inner,
        max_position_embeddings=512,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    network = roformer_edge.RoFormerForMaskedLM(config)
    train(network, masked_pieces(tokenizer), batch=32, rate=rate)
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def masked_pieces(tokenizer: RoFormerTokenizer, *, every: int = 1, seed: int = 0) -> Arrays:
    """What the encoder learns from: pieces of all texts, one of ``every``, with words hidden."""
    pieces = list(_pieces(tokenizer, list(_texts(poems=POEMS))))[::every]
    print(f"{len(tokenizer)} tokens in the vocabulary, {sum(map(len, pieces))} in {len(pieces)} pieces", flush=True)
    return rows_to_arrays.masked(tokenizer, _padded(tokenizer, pieces), seed=seed)


def _texts(*, poems: int = 1) -> Iterator[str]:
    """All training texts, each once: reviews, dialogues, articles, sentences read aloud, and one poem of ``poems``."""
    for folder in (
        "classification/chnsenticorp",
        "token_classification/crosswoz_slots",
        "long_classification/crosswoz_dialogue_type",
        "token_classification/uner_gsdsimp",
        "text/common_voice_zh-CN",
    ):
        yield from (row["text"] for row in read(folder, "train"))
    yield from (row["text"] for row in read("text/chinese_poetry", "train")[::poems])
    contexts = dict.fromkeys(row["context"] for row in read("qa/cmrc2018", "train"))
    yield from (*contexts, *(row["question"] for row in read("qa/cmrc2018", "train")))
    for row in read("multiple_choice/tang_next_line", "train")[::poems]:
        yield row["context"] + "，" + row["choices"][row["label"]] + "。"


def _needed(whole: RoFormerTokenizer, texts: Sequence[str]) -> RoFormerTokenizer:
    """The published vocabulary without the tokens that no text needs."""
    counts = Counter(index for row in whole(list(texts), add_special_tokens=False)["input_ids"] for index in row)
    tokens = whole.convert_ids_to_tokens(list(range(len(whole))))
    kept = [
        token
        for index, token in enumerate(tokens)
        if token in SPECIAL or counts[index] >= (1 if len(token) == 1 else WORD_COUNT)
    ]
    return RoFormerTokenizer(Vocabulary.from_tokens(kept), model_max_length=512)


def _pieces(tokenizer: RoFormerTokenizer, texts: Sequence[str]) -> Iterator[list[int]]:
    room = PIECE - 2
    for ids in tokenizer(list(texts), add_special_tokens=False)["input_ids"]:
        for start in range(0, len(ids), room):
            yield [tokenizer.cls_token_id, *ids[start : start + room], tokenizer.sep_token_id]


def _padded(tokenizer: RoFormerTokenizer, rows: Sequence[Sequence[int]]) -> Arrays:
    ids = np.full((len(rows), PIECE), tokenizer.pad_token_id, np.int32)
    for place, row in zip(ids, rows, strict=True):
        place[: len(row)] = row
    mask = (np.arange(PIECE) < np.array([[len(row)] for row in rows])).astype(np.int32)
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}


# the tasks


def _run_example(row: Example, folder: Path) -> None:
    script = ROOT / "examples" / "finetuning" / row.script
    command = [sys.executable, str(script), "--data", str(DATA), "--out", str(folder), "--epochs", str(row.epochs)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})


def fine_tune(row: Model, start: Path, folder: Path) -> None:
    """Train an encoder that is there for a task, and save it."""
    torch.manual_seed(0)
    rows = read(row.data, "train")
    labels = row.labels(rows)
    tokenizer = RoFormerTokenizer.from_pretrained(str(start))
    changes: dict[str, Any] = {"id2label": dict(enumerate(labels))} if labels else {}
    if row.task == "text-generation":
        changes["is_decoder"] = True
    network = getattr(roformer_edge, row.architecture).from_pretrained(start, new_head=True, **changes)
    train(network, row.arrays(tokenizer, rows[:: row.every], labels, row), batch=row.batch, rate=row.rate)
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def train(network: torch.nn.Module, data: Arrays, *, batch: int, rate: float, seed: int = 0) -> None:
    """Teach a model all rows once with AdamW, in bfloat16 where torch says that is safe.

    The learning rate rises for a tenth of the steps, then falls to nothing.
    """
    lengths = data["attention_mask"].reshape(len(data["input_ids"]), -1).sum(-1)
    order = torch_training.batches(lengths, batch, np.random.default_rng(seed))
    adam = torch.optim.AdamW(network.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        adam, rate, total_steps=max(2, len(order)), pct_start=0.1, anneal_strategy="linear", cycle_momentum=False
    )
    network.train()
    started, losses = time.perf_counter(), []
    for step, chosen in enumerate(order, 1):
        with torch.autocast("cpu", torch.bfloat16):
            loss = _loss(network, torch_training.tensors(data, chosen))
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        adam.step()
        schedule.step()
        losses.append(loss.item())
        if step % 200 == 0 or step == len(order):
            spent = time.perf_counter() - started
            print(f"step {step} of {len(order)}: loss {np.mean(losses[-200:]):.3f}, {spent:.0f} s", flush=True)
    network.eval()


def _loss(network: Any, batch: Arrays) -> torch.Tensor:
    """The model's own loss; of a language model that of the wanted positions alone, which is six times quicker."""
    if not hasattr(network, "cls"):
        loss: torch.Tensor = network(**batch).loss
        return loss
    labels = batch.pop("labels")
    states = network.roformer(**batch).last_hidden_state
    if network.config.is_decoder:
        states, labels = states[:, :-1], labels[:, 1:]
    wanted = labels != rows_to_arrays.IGNORED
    return torch.nn.functional.cross_entropy(network.head(states[wanted]).float(), labels[wanted])


if __name__ == "__main__":
    main()
