"""The guide of masked language modelling, as it is written for transformers: words are hidden at random."""

import sys

import torch
from datasets import Dataset
from transformers import DataCollatorForLanguageModeling, Trainer, TrainingArguments, set_seed
from transformers import RoFormerForMaskedLM, RoFormerTokenizer

folder = sys.argv[1]
set_seed(42)
texts = [
    "明天我们去公园听音乐。",
    "今天不好，东西坏了。",
    "北京很好看，上海也好看。",
    "我不喜欢这个东西，真的不喜欢。",
] * 3
data = Dataset.from_dict({"text": texts})
tokenizer = RoFormerTokenizer.from_pretrained(folder)
tokenized = data.map(lambda rows: tokenizer(rows["text"]), batched=True, remove_columns=["text"])
model = RoFormerForMaskedLM.from_pretrained(folder)
trainer = Trainer(
    model=model,
    args=TrainingArguments(
        output_dir=sys.argv[2],
        learning_rate=1e-3,
        per_device_train_batch_size=4,
        max_steps=20,
        weight_decay=0.01,
        eval_strategy="epoch",
        save_strategy="steps",
        save_steps=20,
        logging_steps=1,
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
        gradient_checkpointing=True,
    ),
    train_dataset=tokenized,
    eval_dataset=tokenized,
    processing_class=tokenizer,
    data_collator=DataCollatorForLanguageModeling(tokenizer=tokenizer, mlm_probability=0.3),
)
trainer.train()
trainer.save_model()
predicted = trainer.predict(tokenized).predictions

inputs = tokenizer("明天我们去[MASK]。", return_tensors="pt")
mask_token_index = torch.where(inputs["input_ids"] == tokenizer.mask_token_id)[1]
logits = model(**inputs).logits
top_3 = torch.topk(logits[0, mask_token_index, :], 3, dim=1).indices[0].tolist()
text = tokenizer.decode(top_3)
