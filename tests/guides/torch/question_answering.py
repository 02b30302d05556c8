"""The guide of question answering, as it is written for transformers: where in a text an answer stands."""

import sys

from datasets import Dataset
from transformers import DefaultDataCollator, Trainer, TrainingArguments, set_seed
from transformers import RoFormerForQuestionAnswering, RoFormerTokenizerFast

folder = sys.argv[1]
set_seed(42)
data = Dataset.from_dict(
    {
        "question": ["我们去哪里", "什么坏了", "哪里好看", "什么时候去"],
        "context": [
            "明天我们去公园听音乐。",
            "今天不好，东西坏了。",
            "北京很好看，上海也好看，公园的东西不喜欢。",
            "我们明天去公园，今天不去。",
        ],
        "answers": [
            {"answer_start": [5], "text": ["公园"]},
            {"answer_start": [5], "text": ["东西"]},
            {"answer_start": [0], "text": ["北京"]},
            {"answer_start": [2], "text": ["明天"]},
        ],
    }
)
tokenizer = RoFormerTokenizerFast.from_pretrained(folder)


def preprocess_function(examples):
    inputs = tokenizer(
        [q.strip() for q in examples["question"]], examples["context"], max_length=24, truncation="only_second",
        return_offsets_mapping=True, padding="max_length",
    )  # fmt: skip
    offset_mapping = inputs.pop("offset_mapping")
    starts, ends = [], []
    for i, offset in enumerate(offset_mapping):
        answer = examples["answers"][i]
        start_char = answer["answer_start"][0]
        end_char = start_char + len(answer["text"][0])
        sequence_ids = inputs.sequence_ids(i)
        context_start = sequence_ids.index(1)
        context_end = len(sequence_ids) - 1 - sequence_ids[::-1].index(1)
        if offset[context_start][0] > end_char or offset[context_end][1] < start_char:
            starts.append(0)
            ends.append(0)
            continue
        first = inputs.char_to_token(i, start_char, 1)
        last = inputs.char_to_token(i, end_char - 1, 1)
        assert offset[first][0] <= start_char
        assert inputs.token_to_chars(i, last).end >= end_char
        starts.append(first)
        ends.append(last)
    inputs["start_positions"], inputs["end_positions"] = starts, ends
    return inputs


tokenized = data.map(preprocess_function, batched=True, remove_columns=data.column_names)
model = RoFormerForQuestionAnswering.from_pretrained(folder)
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
    data_collator=DefaultDataCollator(),
)
trainer.train()
trainer.save_model()
predicted = trainer.predict(tokenized.remove_columns(["start_positions", "end_positions"])).predictions
