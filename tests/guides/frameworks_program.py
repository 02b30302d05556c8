"""Run where TensorFlow and Flax are: the guides of one framework, as they stand or with our classes.

    python frameworks_program.py FOLDER keras|flax theirs|ours

``theirs`` first makes checkpoints of the original's classes, each in its framework's own file, in FOLDER/base. Prints
as JSON what each guide gave. With our classes one line of the script is another: the import of the classes of RoFormer.
The original in TensorFlow trains its table of sines and cosines, which is none of the parameters of the original in
PyTorch nor of ours: it is kept as it is there.
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

SCRIPTS = {"keras": "keras_fit.py", "flax": "flax_optax.py"}
PREFIXES = {"keras": "TF", "flax": "Flax"}
TASKS = ("SequenceClassification", "TokenClassification", "QuestionAnswering", "MaskedLM", "MultipleChoice")
CAUSAL = "CausalLM"  # Flax has none
CHARACTERS = "明天音乐非常好听我们去公园不喜欢这个东西真的很今北京上海也看坏了哪里什么时候"


def make_checkpoints(folder: Path, kind: str) -> None:
    """A vocabulary, and a small model of every task."""
    folder.mkdir()
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *CHARACTERS]
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    config = transformers.RoFormerConfig(
        vocab_size=len(tokens), hidden_size=32, num_hidden_layers=1, num_attention_heads=4, intermediate_size=48,
        max_position_embeddings=64, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, initializer_range=0.1,
    )  # fmt: skip
    for task in TASKS if kind == "flax" else (*TASKS, CAUSAL):
        model = getattr(transformers, f"{PREFIXES[kind]}RoFormerFor{task}")(config)
        if kind == "keras":
            model.build_in_name_scope()
        model.save_pretrained(folder / task)


def keep_table() -> None:
    """Let the original in TensorFlow keep its table of sines and cosines."""
    from transformers.models.roformer.modeling_tf_roformer import TFRoFormerSinusoidalPositionalEmbedding as Table

    build = Table.build

    def build_kept(self: Any, input_shape: Any) -> None:
        build(self, input_shape)
        self.trainable = False

    Table.build = build_kept


def main(folder: Path, kind: str, whose: str) -> None:
    transformers.logging.set_verbosity_error()
    script = Path(__file__).parent / "frameworks" / SCRIPTS[kind]
    source = script.read_text(encoding="utf-8")
    if kind == "keras":
        import tensorflow as tf

        tf.random.set_seed(0)
    if whose == "theirs":
        make_checkpoints(folder / "base", kind)
        if kind == "keras":
            keep_table()
    else:
        source = with_our_classes(source)
    sys.argv = [str(script), str(folder / "base"), str(folder / whose)]
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(source, str(script), "exec"), names)  # a script of this folder
    homes = {names[name].__module__ for name in names if "RoFormerFor" in name}
    print(json.dumps({"homes": sorted(homes), "report": names["report"]}, default=np.ndarray.tolist))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
