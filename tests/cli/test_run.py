"""``run`` answers every task, and says which options mean nothing to it."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from roformer_edge.tasks import TASKS, get_task
from tests.cli.conftest import rows
from tests.process_watch import children_of, end
from tests.runtime.tiny_tasks import bundle_of
from tests.tiny_checkpoint import LABELS, TEXTS, write_lines

LINES = {
    "feature-extraction": [{"text": "今天天气好"}, {"text": "好"}],
    "fill-mask": [{"text": "今天天气[MASK]"}, {"text": "[MASK]灯[MASK]"}],
    "text-generation": [{"text": "今天"}, {"text": "我"}],
    "text-classification": [{"text": "今天天气好"}, {"text": "好"}],
    "token-classification": [{"text": "今天天气好"}, {"text": "好"}],
    "question-answering": [
        {"id": 1, "question": "几点", "context": "今天天气好", "answers": []},
        {"question": "？", "context": "好"},
    ],
    "multiple-choice": [
        {"context": "今天", "question": "几点", "choices": ["好", "不好"], "label": 0},
        {"context": "今天", "choices": ["把灯打开", "好", "不"]},
    ],
}


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A float bundle of every task."""
    labels = {0: "O", 1: "B-甲"}
    return {task: bundle_of(task, tmp_path_factory.mktemp(task), "fp32", id2label=labels) for task in TASKS}


@pytest.fixture
def ask(cli, bundles, tmp_path):
    """Run the lines of a task; parsed lines come back."""

    def run(task: str, *words: object) -> list[dict]:
        path = write_lines(tmp_path / "in.jsonl", LINES[task])
        outcome = cli("run", bundles[task], "--input", path, *words)
        assert outcome.code == 0, outcome.err
        return [json.loads(line) for line in outcome.out.splitlines()]

    return run


@pytest.mark.parametrize(
    ("task", "keys"),
    [
        ("feature-extraction", ["text", "features"]),
        ("fill-mask", ["text", "answers"]),
        ("text-generation", ["prompt", "text", "new_text", "ids", "ended"]),
        ("text-classification", ["text", "label", "score"]),
        ("token-classification", ["text", "entities"]),
        ("question-answering", ["question", "text", "start", "end", "score"]),
    ],
)
def test_a_line_in_a_line_out(ask, task, keys):
    lines = ask(task)
    assert [list(line) for line in lines] == [keys] * 2
    assert [line[keys[0]] for line in lines] == [row.get("text", row.get("question")) for row in LINES[task]]
    assert ask(task, "--batch-size", "4", "--self-test") == lines


def test_choices(ask):
    lines = ask("multiple-choice")
    assert [list(line) for line in lines] == [["question", "index", "text", "score"], ["index", "text", "score"]]
    for line, row in zip(lines, LINES["multiple-choice"], strict=True):
        assert line["text"] == row["choices"][line["index"]]
    assert [len(line["answers"]) for line in ask("multiple-choice", "--top-k", "3")] == [2, 3]


def test_options_of_single_tasks(ask):
    generated = {"text", "new_text", "ids", "ended"}
    one, two = ask("fill-mask", "--top-k", "2")
    assert [set(answer) for answer in one["answers"]] == [{"token", "token_id", "score", "text"}] * 2
    assert [len(answers) for answers in two["answers"]] == [2, 2]
    assert [len(line["ids"]) for line in ask("text-generation", "--max-new-tokens", "1")] <= [1, 1]
    beams = ask("text-generation", "--num-beams", "3", "--num-return-sequences", "2", "--max-new-tokens", "4")
    assert [[set(one) for one in line["answers"]] for line in beams] == [[generated | {"score"}] * 2] * 2
    assert all(line["answers"][0]["score"] >= line["answers"][1]["score"] for line in beams)
    drawn = ask("text-generation", "--do-sample", "--seed", "1", "--top-p", "0.9", "--num-return-sequences", "3")
    assert [[set(one) for one in line["answers"]] for line in drawn] == [[generated] * 3] * 2
    assert [len(line["features"]) for line in ask("feature-extraction", "--pooling", "mean")] == [64, 64]
    assert [len(line["features"]) for line in ask("feature-extraction")] == [7, 3]
    assert all(len(line["answers"]) == 2 for line in ask("text-classification", "--top-k", "2"))
    assert len(ask("question-answering", "--top-k", "4")[0]["answers"]) == 4
    entity = {"label", "score", "start", "end", "text"}
    assert all(set(found) == entity for line in ask("token-classification", "--truncate") for found in line["entities"])


@pytest.mark.parametrize(
    ("task", "words", "says"),
    [
        ("token-classification", ["--top-k", "3"], "--top-k must be left out, because it means nothing to token-class"),
        ("question-answering", ["--truncate"], "--truncate must be left out, because it means nothing to question-"),
        ("text-classification", ["--pooling", "mean"], "--pooling must be left out, because it means nothing to text-"),
        ("fill-mask", ["--max-new-tokens", "3"], "--max-new-tokens must be left out"),
        ("fill-mask", ["--num-beams", "3"], "--num-beams must be left out"),
        ("text-generation", ["--num-beams", "0"], "--num-beams must be a whole number of at least 1"),
        (
            "text-generation",
            ["--num-return-sequences", "2"],
            "--num-return-sequences must be at most num_beams (1) where nothing is drawn, found 2",
        ),
        ("fill-mask", ["--top-k", "0"], "--top-k must be a whole number of at least 1"),
        ("feature-extraction", ["--pooling", "median"], "unknown pooling 'median'"),
    ],
)
def test_options_that_mean_nothing(cli, bundles, tmp_path, task, words, says):
    path = write_lines(tmp_path / "in.jsonl", LINES[task])
    assert says in cli("run", bundles[task], "--input", path, *words).error


@pytest.mark.parametrize("task", ["question-answering", "multiple-choice"])
def test_a_text_argument_is_not_enough(cli, bundles, task):
    error = cli("run", bundles[task], "今天").error
    assert f"{task} answers to {', '.join(get_task(task).fields)}, and a TEXT argument is one text" in error


@pytest.mark.parametrize("task", [task for task, row in TASKS.items() if row.fields == ("text",)])
def test_text_arguments(cli, bundles, task):
    texts = [line["text"] for line in LINES[task]]
    outcome = cli("run", bundles[task], *texts)
    assert outcome.code == 0, outcome.err
    assert len(outcome.out.splitlines()) == 2


@pytest.mark.parametrize(
    ("task", "line", "says"),
    [
        ("question-answering", {"text": "好"}, "in.jsonl:1: missing key 'question'"),
        (
            "question-answering",
            {"question": "好", "context": " "},
            "in.jsonl:1: the context of the input has no tokens",
        ),
        ("multiple-choice", {"context": "好", "choices": "好"}, "in.jsonl:1: 'choices' must be a list of strings"),
        ("fill-mask", {"text": "好"}, "in.jsonl:1: the text holds no [MASK]"),
    ],
)
def test_lines_that_cannot_be_answered(cli, bundles, tmp_path, task, line, says):
    assert says in cli("run", bundles[task], "--input", write_lines(tmp_path / "in.jsonl", [line])).error


def test_lines_before_a_broken_one_are_answered_whatever_the_batch(cli, bundles, tmp_path):
    path = tmp_path / "broken.jsonl"
    path.write_text('{"text": "今天"}\n{"text": "好"}\n{"text"\n', encoding="utf-8")
    outcome = cli("run", bundles["text-classification"], "--input", path, "--batch-size", 8)
    assert outcome.code == 1
    assert f"{path}:3: malformed JSON" in outcome.err
    assert [json.loads(line)["text"] for line in outcome.out.splitlines()] == ["今天", "好"]


def test_a_provider_that_is_not_used_is_named(cli, bundles):
    providers = "NpuExecutionProvider,CPUExecutionProvider"
    outcome = cli("run", bundles["text-classification"], "今天", "--delegate", providers)
    assert outcome.code == 0
    assert "note: not used: NpuExecutionProvider: not in this build of onnxruntime" in outcome.err


def test_bad_inputs_are_skipped_on_request_and_the_rest_is_answered(cli, bundles, tmp_path):
    path = tmp_path / "mixed.jsonl"
    lines = [
        '{"text": "今天"}',
        '{"text"',
        '{"text": "好\\u0000"}',
        '{"text": "关灯"}',
        '{"no": 1}',
        "[1]",
        '{"text": "好"}',
    ]
    long = json.dumps({"text": "今天" * 200})
    path.write_text("\n".join([*lines, long, '{"text": "开灯"}']) + "\n", encoding="utf-8")
    for batch, workers in ((1, ()), (3, ()), (16, ()), (1, ("--workers", 2))):
        skip = "--on-error", "skip", "--batch-size", batch, *workers
        outcome = cli("run", bundles["text-classification"], "--input", path, *skip)
        assert outcome.code == 0
        assert [json.loads(line)["text"] for line in outcome.out.splitlines()] == ["今天", "关灯", "好", "开灯"]
        *skipped, total = outcome.err.splitlines()
        assert sorted(line.split(":")[2] for line in skipped) == ["2", "3", "5", "6", "8"]
        assert all(line.startswith(f"skipped: {path}:") for line in skipped)
        assert "tokens, special tokens included" in next(line for line in skipped if f"{path}:8:" in line)
        assert total == "note: 5 inputs were skipped"


def test_arguments_are_counted_from_one(cli, bundles):
    outcome = cli("run", bundles["text-classification"], "今天", "今天" * 200)
    assert outcome.err.startswith("roformer-edge: error: argument 2 has 202 tokens")
    assert "cut it with --truncate" in outcome.err


@pytest.mark.parametrize("task", ["text-generation", "multiple-choice"])
def test_workers_answer_as_one_process_does(ask, task):
    options = ("--top-k", "2") if task == "multiple-choice" else ("--do-sample", "--seed", "2")
    assert ask(task, *options, "--workers", "2", "--threads", "1") == ask(task, *options)


def test_workers_keep_the_order_and_stop_at_a_bad_line(cli, bundles, tmp_path, monkeypatch):
    texts = [{"text": "今天" * (1 + number % 9)} for number in range(100)]
    path = write_lines(tmp_path / "in.jsonl", texts)
    expected = cli("run", bundles["text-classification"], "--input", path)
    outcome = cli("run", bundles["text-classification"], "--input", path, "--workers", "2")
    assert (outcome.code, outcome.out) == (0, expected.out)
    for bad, says in (("今天" * 200, "the text has 202 tokens"), ("好\0", "'text' holds a NUL")):
        path = write_lines(tmp_path / "in.jsonl", [*texts, {"text": bad}, *texts])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
        outcome = cli("run", bundles["text-classification"], "--workers", "1")
        assert (outcome.code, outcome.out) == (1, expected.out)
        assert outcome.err.startswith(f"roformer-edge: error: <standard input>:101: {says}")
    for wrong in (0, 100_000):
        outcome = cli("run", bundles["text-classification"], "--input", path, "--workers", wrong)
        assert "--workers must be a whole number" in outcome.error


def test_the_number_of_threads_is_measured_on_request(cli, bundles, monkeypatch):
    monkeypatch.setattr("roformer_edge.processors.usable_cores", lambda: 2)
    monkeypatch.setattr("roformer_edge.runtime.thread_choice.SECONDS", 0.01)
    outcome = cli("run", bundles["text-classification"], "今天", "--threads", "auto")
    assert outcome.code == 0
    assert re.fullmatch(r"note: [12] threads chosen: 1 took \d+\.\d\d ms, 2 took \d+\.\d\d ms\n", outcome.err)
    outcome = cli("run", bundles["text-classification"], "今天", "--threads", "many")
    assert "--threads must be a whole number from 1 to 1024, or 'auto', found many" in outcome.error
    outcome = cli("run", bundles["text-classification"], "今天", "--threads", "auto", "--workers", "2")
    assert "--threads must be a number beside --workers" in outcome.error


def test_workers_speak_the_words_of_the_command_line(cli, bundles):
    outcome = cli("run", bundles["text-classification"], "今天", "今天" * 200, "--workers", "1")
    assert outcome.err.startswith("roformer-edge: error: argument 2 has 202 tokens")
    assert "cut it with --truncate" in outcome.err


@pytest.mark.skipif(sys.platform != "linux", reason="processes are watched in /proc")
@pytest.mark.parametrize("seconds", [0.0, 1.5])
def test_an_interrupt_reaches_the_workers_and_says_one_line(bundles, seconds):
    command = [sys.executable, "-m", "roformer_edge", "run", bundles["text-classification"], "--workers", "2"]
    with subprocess.Popen(
        [*map(str, command)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509 - none yet
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(b'{"text": "\xe5\xa5\xbd"}\n' * 5000)
        process.stdin.flush()
        while not children_of(process.pid):
            time.sleep(0.01)
        time.sleep(seconds)
        workers = children_of(process.pid)
        os.killpg(process.pid, signal.SIGINT)
        assert process.stderr.read() == b"roformer-edge: error: interrupted; nothing was left half-written\n"
    assert process.returncode == 130
    assert workers
    assert end(workers)


def test_run_answers_arguments_files_and_standard_input(cli, bundle, tmp_path, monkeypatch):
    wanted = rows(cli("run", bundle, *TEXTS))
    assert [row["text"] for row in wanted] == list(TEXTS)
    assert {row["label"] for row in wanted} <= set(LABELS)
    path = write_lines(tmp_path / "in.jsonl", [{"text": text} for text in TEXTS])
    assert rows(cli("run", bundle, "--input", path)) == wanted
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    assert rows(cli("run", bundle)) == wanted


def test_batches_change_nothing_in_float(cli, checkpoint, tmp_path):
    assert cli("export", checkpoint, "--out", tmp_path / "fp32").code == 0
    single = rows(cli("run", tmp_path / "fp32", *TEXTS))
    batched = rows(cli("run", tmp_path / "fp32", *TEXTS, "--batch-size", "4"))
    assert [row["label"] for row in batched] == [row["label"] for row in single]
    assert [row["score"] for row in batched] == pytest.approx([row["score"] for row in single], abs=1e-5)


def test_run_gives_the_best_k(cli, bundle):
    answers = rows(cli("run", bundle, TEXTS[0], "--top-k", "3"))[0]["answers"]
    assert sorted(answer["label"] for answer in answers) == sorted(LABELS)
    scores = [answer["score"] for answer in answers]
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) == pytest.approx(1, abs=1e-4)


def test_run_reads_tables_and_pairs(cli, bundle, tmp_path):
    path = tmp_path / "in.tsv"
    path.write_text("sentence1\tsentence2\n我不打开空调\t你非常好\n", encoding="utf-8")
    (row,) = rows(cli("run", bundle, "--input", path))
    assert (row["text"], row["text_pair"]) == ("我不打开空调", "你非常好")
    path.write_text("a\tb\n我不打开空调\t你非常好\n", encoding="utf-8")
    assert rows(cli("run", bundle, "--input", path, "--fields", "text=a,pair=b")) == [row]
    (alone,) = rows(cli("run", bundle, "--input", path, "--fields", "text=a"))
    assert alone["score"] != row["score"]


def test_long_texts_are_cut_when_asked(cli, bundle, tmp_path):
    path = write_lines(tmp_path / "in.jsonl", [{"text": "今天" * 40}])
    outcome = cli("run", bundle, "--input", path, "--truncate")
    assert outcome.code == 0
    assert json.loads(outcome.out)["label"] in ("开", "关", "问")


def test_texts_of_a_file_that_are_too_long_are_counted_before_any_is_answered(cli, bundle, tmp_path, monkeypatch):
    long = '{"text": "' + "今天" * 40 + '"}\n'
    path = tmp_path / "in.jsonl"
    path.write_text('{"text": "今天"}\n\n{"text": "好"}\n' + long + '{"text"\n' + long, encoding="utf-8")
    for batch_size in (1, 8):
        outcome = cli("run", bundle, "--input", path, "--batch-size", batch_size)
        assert f"{path}:4: 42 tokens, the model takes 32; --truncate cuts (2 such texts)" in outcome.error
        assert outcome.out == ""
    # what is read but once is answered as far as it goes
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    outcome = cli("run", bundle)
    assert "<standard input>:4: the text has 42 tokens" in outcome.error
    assert len(outcome.out.splitlines()) == 2


@pytest.mark.parametrize(
    ("form", "content"),
    [
        ("txt", "今天天气好\n\n好\n"),
        ("csv", 'text,id\n今天天气好,1\n"好",2\n'),
        ("tsv", "id\ttext\n1\t今天天气好\n2\t好\n"),
    ],
)
@pytest.mark.parametrize("standard_input", [False, True])
def test_texts_and_tables_are_read(cli, bundles, tmp_path, monkeypatch, form, content, standard_input) -> None:
    bundle = bundles["text-classification"]
    expected = rows(cli("run", bundle, "今天天气好", "好"))
    if standard_input:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
        outcome = cli("run", bundle, "--input-format", form)
    else:
        path = tmp_path / "data.of-another-ending"
        path.write_text(content, encoding="utf-8")
        outcome = cli("run", bundle, "--input", path, "--input-format", form, "--json")
    assert rows(outcome) == expected


def test_plain_texts_on_standard_input_are_told_what_to_do(cli, bundles, monkeypatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("今天\n".encode())))
    error = cli("run", bundles["text-classification"]).error
    assert "malformed JSON" in error
    assert "texts are read with --input-format txt" in error


def test_a_threshold_gives_a_list(cli, bundles) -> None:
    (row,) = rows(cli("run", bundles["text-classification"], "今天", "--threshold", "0.01"))
    assert [list(answer) for answer in row["answers"]] == [["label", "score"]] * len(row["answers"])
    assert sum(answer["score"] for answer in row["answers"]) > 0.9


def test_vectors_of_length_one(cli, bundles) -> None:
    (row,) = rows(cli("run", bundles["feature-extraction"], "今天", "--pooling", "mean", "--normalize"))
    assert sum(value * value for value in row["features"]) == pytest.approx(1, abs=1e-4)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals on Windows")
def test_a_terminal_sees_that_it_lives_and_a_pipe_sees_answers_only(bundles) -> None:
    import pty
    import subprocess

    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "roformer_edge", "run", str(bundles["text-classification"]), "今天"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=follower, check=True, encoding="utf-8")
    os.close(follower)
    shown = os.read(leader, 1 << 16).decode()
    os.close(leader)
    stages = [part for part in shown.split("\r\x1b[K") if part.endswith(" ...")]  # of a slow machine with a clock, too
    assert stages[:2] == ["load ...", "check ..."]
    assert shown.endswith("\r\x1b[K")
    assert [list(json.loads(line)) for line in done.stdout.splitlines()] == [["text", "label", "score"]]
    piped = subprocess.run(command, capture_output=True, check=True, encoding="utf-8")
    assert (piped.stdout, piped.stderr) == (done.stdout, "")
