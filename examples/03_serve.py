"""Serve a bundle over HTTP with FastAPI (pip install fastapi uvicorn).

uvicorn --app-dir examples 03_serve:app        # after 01_deploy.py; BUNDLE=... for another one
curl -X POST localhost:8000/classify -H 'Content-Type: application/json' -d '{"texts": ["把客厅的灯打开"]}'
"""

import os
from typing import Annotated

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

import roformer_edge

classify = roformer_edge.load(os.environ.get("BUNDLE", "out/examples/intent"), threads=1, self_test=True)
app = FastAPI(title="roformer-edge")


class Question(BaseModel):
    texts: Annotated[list[str], Field(min_length=1, max_length=64)]
    top_k: Annotated[int, Field(ge=1, le=10)] = 1


class Answer(BaseModel):
    label: str
    score: float


@app.post("/classify")
def answer(question: Question) -> list[list[Answer]]:
    """A list of the best labels for each text. FastAPI calls it in threads, which may share a pipeline."""
    try:
        found = classify(question.texts, top_k=question.top_k)
    except roformer_edge.RoFormerEdgeError as error:  # such as a text that is too long
        raise HTTPException(422, str(error)) from None
    return [[Answer(label=one.label, score=one.score) for one in best] for best in found]
