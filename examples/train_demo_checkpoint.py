"""Train the checkpoint that ships with roformer-edge: a small RoFormer that understands requests to a home assistant.

    python examples/train_demo_checkpoint.py --data ../shared/data --out roformer_edge/demo/data/checkpoint

Steps: build a vocabulary from the training texts; warm up as a masked language model on Common Voice sentences;
fine-tune on sentences sampled from the templates of Home Assistant and on spoken requests of our own
(``spoken_requests.txt``); keep the epoch that is best on the development split; store the weights in half precision;
report the accuracy of what was stored. The test split and the evaluation set are read for the report only. Same seed,
same versions, same number of threads: same checkpoint.
"""

from __future__ import annotations

import argparse
import copy
import json
import platform
import random
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from demo_data import (
    Request,
    Speech,
    Thresholds,
    balance,
    build_vocabulary,
    draw_requests,
    read_requests,
    read_texts,
)
from request_grammar import Grammar
from safetensors.torch import save_file
from torch import nn

from roformer_edge import __version__
from roformer_edge.config import RoFormerConfig
from roformer_edge.models.torch_roformer import RoFormerForSequenceClassification
from roformer_edge.tokenizer import RoFormerTokenizer, cut

HERE = Path(__file__).resolve().parent
EVALUATION = HERE.parent / "roformer_edge" / "demo" / "data" / "evaluation.jsonl"
IGNORED = -100


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Every number of the training run."""

    seed: int = 20261122
    embedding_size: int = 128
    hidden_size: int = 256
    layers: int = 4
    heads: int = 4
    intermediate_size: int = 768
    warm_up_epochs: int = 2
    warm_up_batch: int = 64
    epochs: int = 10
    patience: int = 3
    batch: int = 64
    rate: float = 6e-4
    from_templates: int = 8000
    from_speech: int = 14000
    draws_per_label: int = 6000
    label_smoothing: float = 0.1
    split_word: float = 0.12
    hide_word: float = 0.04


class Reader:
    """Text to padded id tensors, with the noise of training where asked for."""

    def __init__(self, tokenizer: RoFormerTokenizer, rng: random.Random) -> None:
        self.tokenizer = tokenizer
        self.rng = rng
        self.characters = self._characters()

    def _characters(self) -> dict[int, list[int]]:
        """Ids of the characters of every word, where all of them have a row of their own."""
        vocabulary = self.tokenizer.get_vocab()
        split = {}
        for word, index in vocabulary.items():
            if len(word) > 1 and all(character in vocabulary for character in word) and not word.isascii():
                split[index] = [vocabulary[character] for character in word]
        return split

    def encode(self, texts: Sequence[str], split: float = 0.0, hide: float = 0.0) -> list[list[int]]:
        """Ids of every text; a word becomes its characters, or [UNK], with the probabilities given."""
        rows = self.tokenizer(list(texts), truncation=True, max_length=64)["input_ids"]
        return [self._disturb(row, split, hide) for row in rows] if split or hide else rows

    def _disturb(self, row: list[int], split: float, hide: float) -> list[int]:
        out = row[:1]
        for index in row[1:-1]:
            if self.rng.random() < hide:
                out.append(self.tokenizer.unk_token_id)
            elif index in self.characters and self.rng.random() < split:
                out += self.characters[index]
            else:
                out.append(index)
        return [*out, row[-1]]

    def pad(self, rows: Sequence[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """``input_ids`` and ``attention_mask``, int64 [batch, longest]."""
        width = max(map(len, rows))
        ids = torch.tensor([row + [self.tokenizer.pad_token_id] * (width - len(row)) for row in rows])
        return ids, (ids != self.tokenizer.pad_token_id).long()


class MaskedWords(nn.Module):
    """A masked-language head over the encoder; its output matrix is the embedding table."""

    def __init__(self, encoder: nn.Module, config: RoFormerConfig) -> None:
        super().__init__()
        self.encoder = encoder
        self.dense = nn.Linear(config.hidden_size, config.width_of_embeddings)
        self.norm = nn.LayerNorm(config.width_of_embeddings)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Mean cross-entropy over the masked places; shapes [batch, sequence]."""
        hidden = encode(self.encoder, ids, mask)[targets != IGNORED]
        hidden = self.norm(nn.functional.gelu(self.dense(hidden)))
        logits = hidden @ self.encoder.embeddings.word_embeddings.weight.T + self.bias
        return nn.functional.cross_entropy(logits, targets[targets != IGNORED])


def encode(encoder: nn.Module, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Hidden states of the last layer, [batch, sequence, hidden]."""
    return encoder(input_ids=ids, attention_mask=mask)[0]


def batches(rows: list, size: int, rng: random.Random, key) -> Iterator[list]:
    """Shuffled batches of rows of similar length."""
    order = rows[:]
    rng.shuffle(order)
    chunks = [sorted(order[at : at + 32 * size], key=key) for at in range(0, len(order), 32 * size)]
    out = [chunk[at : at + size] for chunk in chunks for at in range(0, len(chunk), size)]
    rng.shuffle(out)
    return iter(out)


def hide_words(ids: torch.Tensor, mask: torch.Tensor, tokenizer: RoFormerTokenizer, vocabulary: int) -> tuple:
    """BERT's masking: 15 % of the words are targets, of which 80 % are masked, 10 % random, 10 % kept."""
    content = mask.bool() & (ids != tokenizer.cls_token_id) & (ids != tokenizer.sep_token_id)
    chosen = (torch.rand(ids.shape) < 0.15) & content
    targets = torch.where(chosen, ids, IGNORED)
    dice = torch.rand(ids.shape)
    ids = torch.where(chosen & (dice < 0.8), tokenizer.mask_token_id, ids)
    ids = torch.where(chosen & (dice >= 0.9), torch.randint(5, vocabulary, ids.shape), ids)
    return ids, targets


def optimiser(module: nn.Module, rate: float, steps: int) -> tuple:
    """AdamW with decay on matrices only; the rate rises for a tenth of the steps, then falls to nothing."""
    named = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
    groups = [
        {"params": [p for _, p in named if p.ndim > 1], "weight_decay": 0.01},
        {"params": [p for _, p in named if p.ndim <= 1], "weight_decay": 0.0},
    ]
    adam = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98))
    rise = max(1, steps // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        adam, lambda step: min((step + 1) / rise, max(0.0, (steps - step) / (steps - rise)))
    )
    return adam, schedule


def step(module: nn.Module, loss: torch.Tensor, adam, schedule) -> float:
    """One update; returns the loss."""
    adam.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(module.parameters(), 1.0)
    adam.step()
    schedule.step()
    return float(loss.detach())


def warm_up(model: nn.Module, config: RoFormerConfig, reader: Reader, texts: list[str], plan: Plan) -> None:
    """Teach the encoder which words stand together."""
    rows = [row for row in reader.encode(texts) if len(row) > 3]
    head = MaskedWords(model.roformer, config)
    adam, schedule = optimiser(head, plan.rate, plan.warm_up_epochs * -(-len(rows) // plan.warm_up_batch))
    head.train()
    for epoch in range(plan.warm_up_epochs):
        started, losses = time.perf_counter(), []
        for batch in batches(rows, plan.warm_up_batch, reader.rng, len):
            ids, mask = reader.pad(batch)
            hidden, targets = hide_words(ids, mask, reader.tokenizer, config.vocab_size)
            if (targets != IGNORED).any():
                losses.append(step(head, head(hidden, mask, targets), adam, schedule))
        tail = float(np.mean(losses[-100:]))
        print(f"warm-up {epoch + 1}: loss {tail:.3f}, {time.perf_counter() - started:.0f} s", flush=True)


def fine_tune(model, config: RoFormerConfig, reader: Reader, speech: Speech, pools: dict, plan: Plan) -> None:
    """Train the classifier and leave the weights of the epoch that is best on the development split."""
    rng = reader.rng
    count = plan.from_templates + (plan.from_speech if pools["spoken"] else 0)
    adam, schedule = optimiser(model, plan.rate, plan.epochs * -(-count // plan.batch))
    criterion = nn.CrossEntropyLoss(label_smoothing=plan.label_smoothing)
    best, state, waited = -1.0, copy.deepcopy(model.state_dict()), 0
    for epoch in range(plan.epochs):
        started = time.perf_counter()
        chosen = balance(pools["train"], plan.from_templates, 0.5, rng)
        if pools["spoken"]:
            chosen += balance(pools["spoken"], plan.from_speech, 0.3, rng)
        texts = [speech(request, rng) for request in chosen]
        rows = reader.encode(texts, plan.split_word, plan.hide_word)
        labels = [config.label2id[request.label] for request in chosen]
        model.train()
        losses = []
        for batch in batches(list(zip(rows, labels, strict=True)), plan.batch, rng, lambda pair: len(pair[0])):
            ids, mask = reader.pad([row for row, _ in batch])
            logits = model(input_ids=ids, attention_mask=mask).logits
            losses.append(step(model, criterion(logits, torch.tensor([label for _, label in batch])), adam, schedule))
        accuracy = measure(model, config, reader, pools["dev"])
        seconds = time.perf_counter() - started
        print(f"epoch {epoch + 1}: loss {np.mean(losses):.3f}, dev {100 * accuracy:.2f} %, {seconds:.0f} s", flush=True)
        waited = waited + 1 if accuracy < best else 0
        if accuracy >= best:
            best, state = accuracy, copy.deepcopy(model.state_dict())
        if waited > plan.patience:
            break
    model.load_state_dict(state)


def predict(model, config: RoFormerConfig, reader: Reader, texts: Sequence[str]) -> list[str]:
    """The label of every text."""
    model.eval()
    labels = []
    with torch.inference_mode():
        for at in range(0, len(texts), 128):
            ids, mask = reader.pad(reader.encode(texts[at : at + 128]))
            labels += [config.labels[i] for i in model(input_ids=ids, attention_mask=mask).logits.argmax(-1).tolist()]
    return labels


def measure(model, config: RoFormerConfig, reader: Reader, requests: Sequence[Request]) -> float:
    """Accuracy, 0 to 1."""
    answers = predict(model, config, reader, [request.text for request in requests])
    return float(np.mean([answer == request.label for answer, request in zip(answers, requests, strict=True)]))


def closeness(texts: Sequence[str], known: Sequence[str]) -> np.ndarray:
    """For every text, its largest Dice coefficient of character pairs with a known text, [texts], 0 to 1."""

    def pairs(text: str) -> set[str]:
        padded = f"^{text}$"
        return {padded[at : at + 2] for at in range(len(padded) - 1)}

    holders, sizes = defaultdict(list), np.zeros(len(known))
    for index, text in enumerate(known):
        found = pairs(text)
        sizes[index] = len(found)
        for pair in found:
            holders[pair].append(index)
    places = {pair: np.array(indices) for pair, indices in holders.items()}
    result = np.zeros(len(texts))
    for row, text in enumerate(texts):
        found, shared = pairs(text), np.zeros(len(known))
        for pair in found & places.keys():
            shared[places[pair]] += 1
        result[row] = (2 * shared / (sizes + len(found))).max()
    return result


def new_config(vocabulary: int, pools: dict[str, list[Request]], plan: Plan) -> RoFormerConfig:
    """The architecture, with the labels' real names in alphabetical order."""
    labels = sorted({request.label for pool in pools.values() for request in pool})
    return RoFormerConfig(
        vocab_size=vocabulary,
        embedding_size=plan.embedding_size,
        hidden_size=plan.hidden_size,
        num_hidden_layers=plan.layers,
        num_attention_heads=plan.heads,
        intermediate_size=plan.intermediate_size,
        max_position_embeddings=512,
        id2label=dict(enumerate(labels)),
    )


def store(model: nn.Module, config: RoFormerConfig, out: Path) -> None:
    """Write half-precision weights and ``config.json``; the rotary table is a formula and is left out."""
    tensors = {
        name: tensor.half().contiguous() for name, tensor in model.state_dict().items() if "embed_positions" not in name
    }
    save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    config.save_pretrained(out)


def report(model, config: RoFormerConfig, reader: Reader, pools: dict) -> dict[str, float]:
    """Accuracy in percent, on every set and on the sentences of the evaluation set far from all training sentences."""
    own = pools["evaluation"]
    answers = predict(model, config, reader, [request.text for request in own])
    right = np.array([answer == request.label for answer, request in zip(answers, own, strict=True)])
    known = [request.text for request in (*pools["train"], *pools["spoken"])]
    near = closeness([request.text for request in own], known)
    rows = {"dev": measure(model, config, reader, pools["dev"]), "test": measure(model, config, reader, pools["test"])}
    rows["evaluation"] = right.mean()
    for limit in (0.8, 0.6):
        rows[f"evaluation, closeness < {limit} ({(near < limit).sum()})"] = right[near < limit].mean()
    return {name: round(100 * float(value), 2) for name, value in rows.items()}


def gather(data: Path, grammar: Grammar, plan: Plan, rng: random.Random) -> dict[str, list[Request]]:
    """The labelled texts by use; ``spoken`` holds none that any other set holds."""
    folder = data / "classification" / "ha_intents_zh_cn"
    pools = {split: read_requests(folder / f"{split}.jsonl") for split in ("train", "dev", "test")}
    pools["evaluation"] = read_requests(EVALUATION)
    taken = frozenset(request.text for pool in pools.values() for request in pool)
    pools["spoken"] = draw_requests(grammar, plan.draws_per_label, taken, rng)
    return pools


def new_tokenizer(out: Path, vocabulary: Sequence[str]) -> RoFormerTokenizer:
    """Write ``vocab.txt`` and read it back as a tokenizer."""
    (out / "vocab.txt").write_text("".join(f"{token}\n" for token in vocabulary), encoding="utf-8")
    return RoFormerTokenizer.from_pretrained(out)


def main() -> None:
    """Train, store and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--templates-only", action="store_true", help="leave out the spoken requests")
    parser.add_argument("--no-warm-up", action="store_true", help="leave out the masked language model")
    arguments = parser.parse_args()
    started, plan = time.perf_counter(), Plan()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(plan.seed)
    rng = random.Random(plan.seed)
    print(f"roformer-edge {__version__}, Python {platform.python_version()}, torch {torch.__version__}", flush=True)
    arguments.out.mkdir(parents=True, exist_ok=True)
    grammar = Grammar.read(HERE / "spoken_requests.txt")
    pools = gather(arguments.data, grammar, plan, rng)
    sentences = read_texts(arguments.data / "text" / "common_voice_zh-CN" / "train.jsonl")
    learnt = [request.text for request in (*pools["train"], *pools["spoken"])]
    tokenizer = new_tokenizer(arguments.out, build_vocabulary(learnt, sentences, cut, Thresholds()))
    config = new_config(len(tokenizer.get_vocab()), pools, plan)
    model = RoFormerForSequenceClassification(config)
    print(f"{config.vocab_size} tokens, {sum(p.numel() for p in model.parameters()):,} parameters", flush=True)
    reader = Reader(tokenizer, rng)
    if not arguments.no_warm_up:
        warm_up(model, config, reader, sentences + learnt[:: len(learnt) // 20000], plan)
    if arguments.templates_only:
        pools["spoken"] = []
    fine_tune(model, config, reader, Speech(grammar=grammar), pools, plan)
    store(model, config, arguments.out)
    model = RoFormerForSequenceClassification.from_pretrained(arguments.out)
    figures = report(model, config, reader, pools)
    print(json.dumps(figures, indent=2), f"{time.perf_counter() - started:.0f} s", sep="\n")


if __name__ == "__main__":
    main()
