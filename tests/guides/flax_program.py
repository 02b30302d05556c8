"""Run where Flax is: its five guides, as they stand or with our classes.

    python flax_program.py FOLDER theirs|ours

``theirs`` first makes checkpoints of the original's classes, each in its framework's own file, in FOLDER/TASK. Prints
as JSON what each guide gave. With our classes one line of the script is another: the import of the classes of RoFormer.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

os.environ["TF_USE_LEGACY_KERAS"] = "1"  # transformers asks for the Keras before 3, where there is TensorFlow
warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
import transformers  # noqa: E402
from exchange import with_our_classes  # noqa: E402

SCRIPT = Path(__file__).parent / "optax_steps" / "flax_optax.py"
TASKS = ("SequenceClassification", "TokenClassification", "QuestionAnswering", "MaskedLM", "MultipleChoice")
CHARACTERS = "明天音乐非常好听我们去公园不喜欢这个东西真的很今北京上海也看坏了哪里什么时候"


def make_checkpoints(folder: Path) -> None:
    """A vocabulary, and a small model of every task."""
    folder.mkdir()
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *CHARACTERS]
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    config = transformers.RoFormerConfig(
        vocab_size=len(tokens), hidden_size=32, num_hidden_layers=1, num_attention_heads=4, intermediate_size=48,
        max_position_embeddings=64, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, initializer_range=0.1,
    )  # fmt: skip
    for task in TASKS:
        getattr(transformers, f"FlaxRoFormerFor{task}")(config).save_pretrained(folder / task)


def main(folder: Path, whose: str) -> None:
    transformers.logging.set_verbosity_error()
    source = SCRIPT.read_text(encoding="utf-8")
    if whose == "theirs":
        make_checkpoints(folder / "base")
    else:
        source = with_our_classes(source)
    sys.argv = [str(SCRIPT), str(folder / "base"), str(folder / whose)]
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(source, str(SCRIPT), "exec"), names)  # a script of this folder
    homes = {names[name].__module__ for name in names if "RoFormerFor" in name}
    print(json.dumps({"homes": sorted(homes), "report": names["report"]}, default=np.ndarray.tolist))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
