"""Any function can be one side of a comparison; what is known of a side adds up."""

from __future__ import annotations

from roformer_edge.validate.predictors import A_FUNCTION, Facts, FileFact, Predictor

FILES = (
    FileFact(path="model.onnx", role="model", bytes=100),
    FileFact(path="model.onnx.data", role="model", bytes=50),
    FileFact(path="vocab.txt", role="vocabulary", bytes=7),
)


def facts(*files: FileFact) -> Facts:
    return Facts(engine="e", provider="p", recipe="r", threads=1, files=files)


def test_sizes_are_of_all_files_and_of_the_model_alone() -> None:
    assert (facts(*FILES).bytes, facts(*FILES).model_bytes) == (157, 150)
    assert (facts(FILES[2]).bytes, facts(FILES[2]).model_bytes) == (7, None)
    assert (facts().bytes, facts().model_bytes) == (None, None)


def test_a_function_needs_a_name_only() -> None:
    side = Predictor(name="mine", answer=lambda inputs, *, batch_size: [len(value["text"]) for value in inputs])
    assert side.answer([{"text": "好"}, {"text": "不好"}], batch_size=2) == [1, 2]
    assert side.facts is A_FUNCTION
    assert (side.opening, side.find_problem, side.labels) == (None, None, ())
