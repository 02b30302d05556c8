"""The guide of multiple choice, as it is written for transformers: which of four endings a beginning has."""

import sys

import numpy as np
from datasets import Dataset
from transformers import DataCollatorForMultipleChoice, Trainer, TrainingArguments, set_seed
from transformers import RoFormerForMultipleChoice, RoFormerTokenizerFast

folder = sys.argv[1]
set_seed(42)
ending_names = ["ending0", "ending1", "ending2", "ending3"]
endings = ["去公园", "东西坏了", "音乐很好听", "北京好看"]
data = Dataset.from_dict(
    {"sent1": ["明天我们", "这个", "今天的", "上海不好看，"], "label": [0, 1, 2, 3]}
    | {name: [endings[(place + shift) % 4] for shift in range(4)] for place, name in enumerate(ending_names)}
)
tokenizer = RoFormerTokenizerFast.from_pretrained(folder)


def preprocess_function(examples):
    first = [sentence for sentence in examples["sent1"] for _ in range(4)]
    second = [examples[end][i] for i in range(len(examples["sent1"])) for end in ending_names]
    tokenized = tokenizer(first, second, truncation=True)
    return {k: [v[i : i + 4] for i in range(0, len(v), 4)] for k, v in tokenized.items()}


tokenized = data.map(preprocess_function, batched=True)
model = RoFormerForMultipleChoice.from_pretrained(folder)


def compute_metrics(predicted):
    predictions, labels = predicted
    return {"accuracy": float((np.argmax(predictions, axis=1) == labels).mean())}


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
    train_dataset=tokenized,
    eval_dataset=tokenized,
    processing_class=tokenizer,
    data_collator=DataCollatorForMultipleChoice(tokenizer=tokenizer),
    compute_metrics=compute_metrics,
)
trainer.train()
trainer.save_model()
predicted = trainer.predict(tokenized).predictions
