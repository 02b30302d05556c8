"""Run by the interpreter of the oracle environment: every guide twice, as it stands and with our classes.

    python torch_program.py FOLDER

Makes a checkpoint in FOLDER/base, and prints as JSON for every guide what both ways gave: the losses, the metrics and
the predictions. With our classes one line of the script is another: the import of the classes of RoFormer.
"""

from __future__ import annotations

import json
import re
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

import roformer_edge

HERE = Path(__file__).parent
IMPORT = re.compile(r"^from transformers import (?=RoFormer)", re.MULTILINE)
CHARACTERS = "明天音乐非常好听我们去公园不喜欢这个东西真的很今北京上海也看坏了哪里什么时候，。"
WORDS = ["公园", "音乐", "我们", "明天", "今天", "北京", "上海", "东西", "喜欢", "非常", "真的", "好看", "哪里", "什么"]


def make_checkpoint(folder: Path) -> None:
    """A vocabulary, and the encoder and language-model head of a small model with weights that matter."""
    folder.mkdir()
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *CHARACTERS]
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    config = transformers.RoFormerConfig(
        vocab_size=len(tokens), embedding_size=24, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=48, max_position_embeddings=64, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        initializer_range=0.1,
    )  # fmt: skip
    torch.manual_seed(0)
    transformers.RoFormerForMaskedLM(config).save_pretrained(folder)


def run(script: Path, source: str, base: Path, out: Path) -> dict[str, Any]:
    """Execute a guide, and tell what it found."""
    sys.argv = [str(script), str(base), str(out)]
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(source, str(script), "exec"), names)  # a script of this folder
    trainer = names["trainer"]
    history = trainer.state.log_history
    predicted = names["predicted"]
    arrays = predicted if isinstance(predicted, tuple) else (predicted,)
    return {
        "class": f"{type(trainer.model).__module__}.{type(trainer.model).__name__}",
        "losses": [entry["loss"] for entry in history if "loss" in entry],
        "gradients": [entry["grad_norm"] for entry in history if "loss" in entry],
        "evaluations": [entry["eval_loss"] for entry in history if "eval_loss" in entry],
        "metrics": [entry["eval_accuracy"] for entry in history if "eval_accuracy" in entry],
        "predicted": [np.asarray(array).round(5).tolist() for array in arrays],
        "more": {name: names[name] for name in ("perplexity", "generated", "text", "top_3") if name in names},
        "files": sorted(path.name for path in out.iterdir() if path.is_file()),
    }


def main(folder: Path) -> None:
    warnings.filterwarnings("ignore")
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    make_checkpoint(folder / "base")
    report = {}
    for script in sorted((HERE / "torch").glob("*.py")):
        source = script.read_text(encoding="utf-8")
        changed, count = IMPORT.subn("from roformer_edge import ", source)
        assert count == 1, script
        report[script.stem] = {
            name: run(script, text, folder / "base", folder / f"{script.stem} {name}")
            for name, text in (("theirs", source), ("ours", changed))
        }
    print(json.dumps({"version": transformers.__version__, "ours": roformer_edge.__file__, "guides": report}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
