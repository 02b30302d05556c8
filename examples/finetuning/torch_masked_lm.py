"""Masked language modelling in PyTorch: hidden characters of poems of the Tang dynasty.

python examples/finetuning/torch_masked_lm.py
"""

import arrays
import metrics
import reading
import torch
import torch_training

from roformer_edge import RoFormerConfig, RoFormerForMaskedLM

torch.manual_seed(0)
options = reading.read_options(__doc__, epochs=1)
rows = (reading.read_rows(options, "text/chinese_poetry", split) for split in ("train", "test"))
train, test = ([row for row in split if row.get("genre", "tang").startswith("tang")] for split in rows)

tokenizer = reading.new_tokenizer((row["text"] for row in train), character=20)
sizes = reading.SMALL | {"embedding_size": 64, "initializer_range": 0.02, "hidden_dropout_prob": 0.0}
config = RoFormerConfig(**sizes, vocab_size=len(tokenizer))
model = RoFormerForMaskedLM(config)

poems = arrays.texts(tokenizer, train, 64)
hidden = arrays.masked(tokenizer, poems, share=0.3, times=options.epochs)
torch_training.train(model, hidden, epochs=1, batch=8, rate=2e-3)

model.save_pretrained(options.out)
tokenizer.save_pretrained(options.out)

data = arrays.masked(tokenizer, arrays.texts(tokenizer, test, 64), seed=1)
found = torch_training.predict(model, data)
guess = metrics.largest_share(data["labels"])
total = f"{(data['labels'] != arrays.IGNORED).sum()} hidden characters"
metrics.report("accuracy", metrics.accuracy(found, data["labels"]), "most frequent character", guess, total)
