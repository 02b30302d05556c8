"""The guide of causal language modelling, as it is written for transformers: texts in blocks of one length."""

import math
import sys
from itertools import chain

import torch
from datasets import Dataset
from transformers import DataCollatorForLanguageModeling, Trainer, TrainingArguments, set_seed
from transformers import RoFormerForCausalLM, RoFormerTokenizerFast

folder = sys.argv[1]
set_seed(42)
texts = [
    "明天我们去公园听音乐。",
    "今天不好，东西坏了。",
    "北京很好看，上海也好看。",
    "我不喜欢这个东西，真的不喜欢。",
] * 3
data = Dataset.from_dict({"text": texts}).train_test_split(test_size=4, seed=0)
tokenizer = RoFormerTokenizerFast.from_pretrained(folder)
# before anything pickles the tokenizer, as datasets does: theirs cuts no words afterwards
inputs = tokenizer("明天我们", return_tensors="pt", add_special_tokens=False)
block_size = 16


def preprocess_function(examples):
    return tokenizer([" ".join(x) for x in zip(examples["text"], strict=True)])


def group_texts(examples):
    joined = {k: list(chain(*examples[k])) for k in examples}
    length = len(joined["input_ids"]) // block_size * block_size
    result = {k: [t[i : i + block_size] for i in range(0, length, block_size)] for k, t in joined.items()}
    result["labels"] = result["input_ids"].copy()
    return result


tokenized = data.map(preprocess_function, batched=True, remove_columns=["text"]).map(group_texts, batched=True)
tokenizer.pad_token = tokenizer.pad_token or tokenizer.sep_token
model = RoFormerForCausalLM.from_pretrained(folder, is_decoder=True)
trainer = Trainer(
    model=model,
    args=TrainingArguments(
        output_dir=sys.argv[2],
        learning_rate=1e-3,
        per_device_train_batch_size=2,
        max_steps=20,
        weight_decay=0.01,
        eval_strategy="epoch",
        save_strategy="no",
        logging_steps=1,
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
    ),
    train_dataset=tokenized["train"],
    eval_dataset=tokenized["test"],
    processing_class=tokenizer,
    data_collator=DataCollatorForLanguageModeling(tokenizer=tokenizer, mlm=False),
)
trainer.train()
perplexity = math.exp(trainer.evaluate()["eval_loss"])
trainer.save_model()
predicted = trainer.predict(tokenized["test"].remove_columns("labels")).predictions

model.eval()
torch.manual_seed(3)
generated = [
    model.generate(**inputs, max_new_tokens=12).tolist(),
    model.generate(**inputs, max_new_tokens=12, do_sample=True, top_k=50, top_p=0.95).tolist(),
    model.generate(inputs["input_ids"], max_new_tokens=8, num_beams=3, num_return_sequences=2).tolist(),
]
text = tokenizer.batch_decode(generated[0], skip_special_tokens=True)
