"""Run by the oracle's interpreter: directories of every kind that sentence-transformers reads, and its vectors.

    sentence_transformers_vectors.py FOLDER

FOLDER/texts.json holds a list of texts. For every case FOLDER/CASE becomes a directory of sentence-transformers, and
FOLDER/CASE.json the vectors of the texts, made by a model that was loaded from it.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Transformer
from sentence_transformers.sentence_transformer.modules import Dropout, LayerNorm, Normalize, Pooling
from transformers import BertTokenizer, RoFormerConfig, RoFormerModel, RoFormerTokenizer

WORDS = (
    *("今天", "天气", "很", "好", "非常", "的", "灯", "打开", "客厅", "把", "我", "今", "天", "气"),
    *("a", "b", "##a", "##b", "A", "B", "é", "e", "É", "，", "。"),
)
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
HIDDEN = 32


def write_base(folder: Path, tokenizer: type, **options: object) -> Path:
    """Write a RoFormer with large random weights and its tokenizer."""
    folder.mkdir()
    torch.manual_seed(1)
    config = RoFormerConfig(
        vocab_size=len(TOKENS),
        hidden_size=HIDDEN,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=40,
    )
    model = RoFormerModel(config)
    for name, parameter in model.named_parameters():
        if "embed_positions" not in name:
            torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(TOKENS) + "\n", encoding="utf-8")
    tokenizer(str(folder / "vocab.txt"), **options).save_pretrained(folder)
    return folder


def norm() -> LayerNorm:
    """Make a layer norm that does something."""
    made = LayerNorm(HIDDEN)
    torch.nn.init.normal_(made.norm.weight)
    torch.nn.init.normal_(made.norm.bias)
    return made


def make_old(saved: Path) -> None:
    """Turn a directory into one of sentence-transformers 1: the model in a folder of its own, and older keys."""
    modules = json.loads((saved / "modules.json").read_text())
    inside = saved / "0_Transformer"
    inside.mkdir()
    for path in list(saved.iterdir()):
        if path.is_file() and path.name not in ("modules.json", "config_sentence_transformers.json"):
            path.rename(inside / path.name)
    (saved / "config_sentence_transformers.json").unlink()
    (inside / "tokenizer.json").unlink()
    settings = json.loads((inside / "tokenizer_config.json").read_text())
    del settings["model_max_length"]
    (inside / "tokenizer_config.json").write_text(json.dumps(settings))
    (inside / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 9, "do_lower_case": True}))
    modules[0]["path"] = "0_Transformer"
    for module in modules:
        module["type"] = f"sentence_transformers.models.{module['type'].rpartition('.')[2]}"
    (saved / "modules.json").write_text(json.dumps(modules))
    legacy = {"word_embedding_dimension": HIDDEN, "pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True}
    legacy |= {"pooling_mode_max_tokens": False, "pooling_mode_mean_sqrt_len_tokens": False}
    (saved / "1_Pooling" / "config.json").write_text(json.dumps(legacy))
    dense = {"in_features": 2 * HIDDEN, "out_features": 8, "bias": True}
    (saved / "2_Dense" / "config.json").write_text(json.dumps(dense))


def main(folder: Path) -> None:
    """Write every case."""
    words = write_base(folder / "base words", RoFormerTokenizer)
    cased = write_base(folder / "base cased", RoFormerTokenizer, do_lower_case=False)
    characters = write_base(folder / "base characters", BertTokenizer)
    gelu, identity = torch.nn.GELU(), torch.nn.Identity()
    tokens = {"module_input_name": "token_embeddings", "module_output_name": "token_embeddings"}
    cases = {mode: (words, [Pooling(HIDDEN, mode)], None) for mode in Pooling.POOLING_MODES}
    cases |= {
        "all poolings": (words, [Pooling(HIDDEN, Pooling.POOLING_MODES), Normalize()], 11),
        "dense": (words, [Pooling(HIDDEN, "mean"), Dense(HIDDEN, 8), Normalize()], None),
        "first and dense": (characters, [Pooling(HIDDEN, "cls"), Dense(HIDDEN, 48, activation_function=gelu)], 12),
        "layers": (
            words,
            [
                Dense(HIDDEN, HIDDEN, bias=False, activation_function=identity, **tokens),
                Pooling(HIDDEN, "mean"),
                norm(),
                Dropout(0.5),
                Normalize(),
                Dense(HIDDEN, 5, bias=False, activation_function=torch.nn.SiLU()),
            ],
            None,
        ),
        "old": (cased, [Pooling(HIDDEN, ("cls", "mean")), Dense(2 * HIDDEN, 8)], None),
    }
    texts = json.loads((folder / "texts.json").read_text())
    for name, (base, modules, limit) in cases.items():
        torch.manual_seed(2)
        saved = folder / name
        model = SentenceTransformer(modules=[Transformer(str(base), max_seq_length=limit), *modules])
        model.save(str(saved), create_model_card=False, safe_serialization=name != "old")
        if name == "old":
            make_old(saved)
        loaded = SentenceTransformer(str(saved))
        (folder / f"{name}.json").write_text(json.dumps(loaded.encode(texts, batch_size=3).tolist()))
    for base in (words, cased, characters):
        shutil.rmtree(base)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
