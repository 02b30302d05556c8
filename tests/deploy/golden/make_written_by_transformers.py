"""Write ``written_by_transformers.json``: what transformers 4.57.6 writes into the files of a RoFormer checkpoint.

Run it in the oracle environment: ``.venv-oracle/bin/python tests/deploy/golden/make_written_by_transformers.py``.
Keys at their defaults are filled in, which ``save_pretrained`` leaves out of some files and other people write.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import transformers

FOLDER = Path(__file__).parent
FILES = ("config", "generation_config", "tokenizer_config", "special_tokens_map", "tokenizer")
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "今天", "天", "气", "好", "a", "##b"]


def main() -> None:
    assert transformers.__version__ == "4.57.6"
    settings = {
        "vocab_size": len(WORDS),
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 24,
        "max_position_embeddings": 32,
    }
    config = transformers.RoFormerConfig(**settings)
    model = transformers.RoFormerForSequenceClassification(config)
    written: dict[str, dict[str, object]] = {
        "config": config.to_dict(),
        "generation_config": transformers.GenerationConfig().to_dict(),
    }
    with tempfile.TemporaryDirectory() as folder:
        vocabulary = Path(folder, "vocab.txt")
        vocabulary.write_text("\n".join(WORDS) + "\n", encoding="utf-8")
        model.save_pretrained(folder)
        transformers.GenerationConfig().save_pretrained(folder)
        for kind in (transformers.BertTokenizer, transformers.RoFormerTokenizer, transformers.RoFormerTokenizerFast):
            kind(str(vocabulary)).save_pretrained(folder)
            for name in FILES:
                path = Path(folder, f"{name}.json")
                if path.exists():
                    written[name] = {**written.get(name, {}), **json.loads(path.read_text(encoding="utf-8"))}
    text = json.dumps({name: written[name] for name in FILES}, ensure_ascii=False, indent=1, sort_keys=True)
    (FOLDER / "written_by_transformers.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
