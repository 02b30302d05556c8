"""Causal language modelling in PyTorch: the next character of poems of the Tang dynasty.

python examples/finetuning/torch_causal_lm.py
"""

import arrays
import metrics
import reading
import torch
import torch_training

from roformer_edge import RoFormerConfig, RoFormerForCausalLM

torch.manual_seed(0)
options = reading.read_options(__doc__, epochs=2)
rows = (reading.read_rows(options, "text/chinese_poetry", split) for split in ("train", "test"))
train, test = ([row for row in split if row.get("genre", "tang").startswith("tang")] for split in rows)

tokenizer = reading.new_tokenizer((row["text"] for row in train), character=20)
config = RoFormerConfig(
    **reading.SMALL | {"embedding_size": 64}, vocab_size=len(tokenizer), hidden_dropout_prob=0.0, is_decoder=True
)
model = RoFormerForCausalLM(config)
poems = arrays.texts(tokenizer, train, 64)
torch_training.train(model, arrays.continued(tokenizer, poems), epochs=options.epochs, batch=8, rate=2e-3)

model.save_pretrained(options.out)
tokenizer.save_pretrained(options.out)

start = tokenizer(test[0]["text"][:2], return_tensors="pt")["input_ids"][:, :-1]  # without [SEP], which ends a poem
print(tokenizer.decode(model.generate(start, max_new_tokens=30)[0], skip_special_tokens=True))
data = arrays.continued(tokenizer, arrays.texts(tokenizer, test, 64))
found, expected = torch_training.predict(model, data)[:, :-1], data["labels"][:, 1:]
guess = metrics.largest_share(expected)
total = f"{(expected != arrays.IGNORED).sum()} characters"
metrics.report("accuracy", metrics.accuracy(found, expected), "most frequent character", guess, total)
