"""Run by the interpreter of the oracle environment: habits of scripts for transformers, with its classes and with ours.

    python habits_program.py FOLDER

Prints as JSON, for every habit, what it gave with transformers' classes and with ours; the test compares.
"""

from __future__ import annotations

import json
import sys
import traceback
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import peft
import torch
import transformers
from torch_program import make_checkpoint

import roformer_edge
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions

PROMPTS = ["明天我们", "我不喜欢这个", "好"]
STOPS = {"eos_token_id": [5, 9, 12, 20, 33], "pad_token_id": 0}
GENERATIONS: list[dict[str, Any]] = [
    {"max_new_tokens": 12},
    {},
    {"max_length": 14},
    {"no_repeat_ngram_size": 2, "max_new_tokens": 16},
    {"min_new_tokens": 6, "max_new_tokens": 16, **STOPS},
    {"min_length": 12, "max_new_tokens": 16, **STOPS},
    {"do_sample": True, "max_new_tokens": 10},
    {"do_sample": True, "num_return_sequences": 3, "max_new_tokens": 8, "temperature": 1.4, "top_p": 0.9},
    {"num_beams": 3, "max_new_tokens": 10},
    {"num_beams": 4, "num_return_sequences": 3, "max_new_tokens": 10, **STOPS},
    {"num_beams": 3, "length_penalty": 2.0, "early_stopping": True, "max_new_tokens": 10, **STOPS},
    {"num_beams": 3, "length_penalty": 0.5, "early_stopping": "never", "max_new_tokens": 10, **STOPS},
    {"num_beams": 2, "no_repeat_ngram_size": 2, "repetition_penalty": 1.4, "max_new_tokens": 12},
    {"num_beams": 3, "min_new_tokens": 5, "max_new_tokens": 9, "use_cache": False, **STOPS},
]


class Recorder:
    """A streamer that keeps what it is given."""

    def __init__(self) -> None:
        self.given: list[Any] = []

    def put(self, value: torch.Tensor) -> None:
        self.given.append(value.tolist())

    def end(self) -> None:
        self.given.append("end")


class EndsAfter(transformers.StoppingCriteria):
    """Ends rows that hold the token 20, and all after some tokens."""

    def __call__(self, input_ids: torch.Tensor, scores: Any, **options: Any) -> torch.Tensor:
        return (input_ids == 20).any(dim=1) | torch.full((len(input_ids),), input_ids.shape[1] >= 16)


class Habits:
    """What one of the two packages gives; ``library`` is the only difference."""

    def __init__(self, library: Any, base: Path, out: Path) -> None:
        self.library, self.base, self.out = library, base, out
        self.tokenizer = library.RoFormerTokenizerFast.from_pretrained(base, padding_side="left")
        self.decoder = self.load("CausalLM", is_decoder=True)
        # encoded before anything is saved: that breaks theirs, which cuts no words any more
        self.prompts = dict(self.tokenizer(PROMPTS, padding=True, return_tensors="pt", add_special_tokens=False))

    def load(self, kind: str, **options: Any) -> Any:
        torch.manual_seed(1)
        return getattr(self.library, f"RoFormerFor{kind}").from_pretrained(self.base, **options).eval()

    def generate(self, **options: Any) -> Any:
        torch.manual_seed(7)
        found = self.decoder.generate(**self.prompts, **options)
        return found.tolist() if isinstance(found, torch.Tensor) else found

    def new_heads(self) -> Any:
        """A head that is not stored, by the seed."""
        model = self.load("SequenceClassification", num_labels=3)
        return [model.classifier.dense.weight.tolist(), model.classifier.out_proj.weight.tolist()]

    def streamed(self) -> Any:
        """One prompt, as a streamer takes it."""
        recorder = Recorder()
        self.decoder.generate(self.prompts["input_ids"][1:2], streamer=recorder, max_new_tokens=6)
        return recorder.given

    def stopped(self) -> Any:
        criteria = transformers.StoppingCriteriaList([EndsAfter()])
        return self.generate(max_new_tokens=14, stopping_criteria=criteria, pad_token_id=0)

    def processed(self) -> Any:
        processors = transformers.LogitsProcessorList(
            [transformers.SuppressTokensLogitsProcessor([6, 7, 8, 30, 31], device="cpu")]
        )
        return [self.generate(max_new_tokens=8, logits_processor=processors, num_beams=beams) for beams in (1, 3)]

    def configured(self) -> Any:
        config = transformers.GenerationConfig(max_new_tokens=7, do_sample=True, top_k=5, pad_token_id=0)
        return [self.generate(generation_config=config), self.generate(generation_config=config, max_new_tokens=3)]

    def named(self) -> Any:
        """Results by name."""
        named = {"return_dict_in_generate": True}
        found = self.generate(
            max_new_tokens=5, do_sample=True, top_k=4, output_scores=True, output_logits=True, **named
        )
        # theirs gives the scores of a search only where it is asked for all scores, which ours does not keep
        everything = {"output_scores": True} if self.library is transformers else {}
        searched = self.generate(max_new_tokens=6, num_beams=3, num_return_sequences=2, **named, **everything, **STOPS)
        return {
            "sequences": found.sequences.tolist(),
            "scores": [np.nan_to_num(score.numpy(), neginf=-99).round(4).tolist() for score in found.scores],
            "logits": [logits.numpy().round(4).tolist() for logits in found.logits],
            "searched": searched.sequences.tolist(),
            "sequences_scores": searched.sequences_scores.numpy().round(4).tolist(),
        }

    def padded_on_the_right(self) -> Any:
        """Warned of, and continued as theirs."""
        right = self.library.RoFormerTokenizerFast.from_pretrained(self.base)
        inputs = right(PROMPTS, padding=True, return_tensors="pt", add_special_tokens=False)
        return self.decoder.generate(**inputs, max_new_tokens=6, pad_token_id=0).tolist()

    def pipelines(self) -> Any:
        """Every pipeline of transformers that has a model for it, with the package's model and tokenizer."""
        tokenizer = self.library.RoFormerTokenizerFast.from_pretrained(self.base)
        slow = self.library.RoFormerTokenizer.from_pretrained(self.base)

        def pipe(task: str, kind: str, **options: Any) -> Any:
            return transformers.pipeline(task, model=self.load(kind, **options), tokenizer=tokenizer)

        text = "明天我们去公园听音乐，北京很好看。"
        names = {"id2label": {0: "O", 1: "B-LOC", 2: "I-LOC"}, "label2id": {"O": 0, "B-LOC": 1, "I-LOC": 2}}
        fill = transformers.pipeline("fill-mask", model=self.load("MaskedLM"), tokenizer=slow)
        torch.manual_seed(2)
        return plain(
            {
                "classes": pipe("text-classification", "SequenceClassification", num_labels=3)(text, top_k=None),
                "tokens": pipe("token-classification", "TokenClassification", **names)(text),
                "groups": pipe("ner", "TokenClassification", **names)(text, aggregation_strategy="simple"),
                "answer": pipe("question-answering", "QuestionAnswering")(question="我们去哪里", context=text),
                "masks": fill("明天我们去[MASK]。", top_k=3),
                "features": np.asarray(pipe("feature-extraction", "MaskedLM")("好")).round(4).tolist(),
                "text": pipe("text-generation", "CausalLM", is_decoder=True)(
                    "明天我们", max_new_tokens=6, do_sample=False, return_full_text=True
                ),
            }
        )

    def adapted(self) -> Any:
        """Losses of a few steps of LoRA, and where its files lie."""
        torch.manual_seed(4)
        config = peft.LoraConfig(task_type="SEQ_CLS", r=4, lora_alpha=8, target_modules=["query", "value"])
        model = peft.get_peft_model(self.load("SequenceClassification", num_labels=2), config)
        optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], lr=0.01)
        inputs = self.tokenizer(PROMPTS, padding=True, return_tensors="pt")
        losses = []
        for _ in range(5):
            loss = model(**inputs, labels=torch.tensor([0, 1, 1])).loss
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(round(loss.item(), 4))
        model.save_pretrained(self.out / "adapter")
        again = peft.PeftModel.from_pretrained(self.load("SequenceClassification", num_labels=2), self.out / "adapter")
        merged = again.merge_and_unload().eval()
        with torch.no_grad():
            gap = (merged(**inputs).logits - model.eval()(**inputs).logits).abs().max().item()
        trained = sum(one.numel() for one in model.parameters() if one.requires_grad)
        return {"losses": losses, "kept": gap < 1e-5, "trained": trained}

    def default_collator(self) -> Any:
        """A Trainer that is told of a tokenizer, and not of a collator, and resumes from what it saved."""
        losses = []
        rows = [dict(self.tokenizer(text, truncation=True), labels=place % 2) for place, text in enumerate(PROMPTS * 4)]
        for steps, resume in ((4, None), (8, True)):
            args = transformers.TrainingArguments(
                output_dir=str(self.out / "resumed"), max_steps=steps, save_steps=4, logging_steps=1, report_to=[],
                disable_tqdm=True, use_cpu=True, per_device_train_batch_size=3, seed=3, learning_rate=1e-3,
            )  # fmt: skip
            trainer = transformers.Trainer(
                model=self.load("SequenceClassification", num_labels=2), args=args, train_dataset=rows,
                processing_class=self.tokenizer,
            )  # fmt: skip
            trainer.train(resume_from_checkpoint=resume)
            losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
        return losses


def deployed(folder: Path) -> dict[str, Any]:
    """What a Trainer saved of ours, as a bundle that answers as the model does."""
    saved = folder / "ours" / "resumed" / "checkpoint-8"
    deploy_checkpoint(saved, folder / "bundle", DeployOptions(recipe="fp32"))
    classify = roformer_edge.load(folder / "bundle")
    model = roformer_edge.RoFormerForSequenceClassification.from_pretrained(saved)
    tokenizer = roformer_edge.RoFormerTokenizerFast.from_pretrained(saved)
    logits = model(**tokenizer(PROMPTS[1], return_tensors="pt")).logits[0]
    answer = classify(PROMPTS[1])
    return {
        "label": answer.label == model.config.id2label[int(logits.argmax())],
        "score": abs(answer.score - float(logits.softmax(-1).max())) < 1e-4,
    }


def plain(value: Any) -> Any:
    """Round numbers, as JSON holds them."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    value = value.item() if hasattr(value, "item") else value
    return round(value, 4) if isinstance(value, float) else value


def main(folder: Path) -> None:
    warnings.filterwarnings("ignore")
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    make_checkpoint(folder / "base")
    report: dict[str, dict[str, Any]] = {}
    for name, library in (("theirs", transformers), ("ours", roformer_edge)):
        (folder / name).mkdir()
        habits = Habits(library, folder / "base", folder / name)
        each: dict[str, Callable[[], Any]] = {
            "new_heads": habits.new_heads,
            "streamed": habits.streamed,
            "stopped": habits.stopped,
            "processed": habits.processed,
            "configured": habits.configured,
            "named": habits.named,
            "padded_on_the_right": habits.padded_on_the_right,
            "pipelines": habits.pipelines,
            "adapted": habits.adapted,
            "default_collator": habits.default_collator,
        }
        each |= {f"generate {options}": partial(habits.generate, **options) for options in GENERATIONS}
        report[name] = {habit: attempt(give) for habit, give in each.items()}
    print(json.dumps({**report, "deployed": attempt(lambda: deployed(folder))}))


def attempt(give: Callable[[], Any]) -> Any:
    """Return what a habit gives, or what it stumbled over, so that the others are tried too."""
    try:
        return give()
    except Exception:  # noqa: BLE001  # the test shows it
        return {"failed": traceback.format_exc()}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
