"""Every block of the documentation, run in the order of its page as a reader would run it."""

from __future__ import annotations

import ast
import json
import logging
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

import roformer_edge
from roformer_edge.bundle.crf import read_crf
from roformer_edge.bundle.reader import open_bundle
from roformer_edge.bundle.self_test_vectors import SelfTest
from roformer_edge.bundle.sentence import read_sentence, sentence_bytes
from roformer_edge.bundle.writer import BundleWriter
from roformer_edge.cli.main import parser_of
from roformer_edge.demo.embedded import embedded_checkpoint, embedded_evaluation
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.quantize.recipe import open_recipe
from roformer_edge.runtime.loading import PIPELINES
from roformer_edge.validate.data.examples import read_examples
from roformer_edge.validate.tasks import measure_of
from tests.conftest import ROOT
from tests.runtime.tiny_tasks import bundle_of, write_task
from tests.tiny_bundle import manifest

# tests/docs/test_readme.py holds the blocks of README.zh.md to those of README.md
PAGES = [page for page in sorted(ROOT.glob("*.md")) if page.name != "README.zh.md"]
PAGES += [ROOT / "examples" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)

# a line of a shell block that is not run here -> why; the files that it names must exist all the same
NOT_RUN = {
    "make demo": "installs from an index; what it calls is tests/demo",
    "make test": "is this very run",
    "make wheels": "builds and installs with what an index has; tests/packaging looks into the wheels",
    "pip install": "installs from an index",
    "benchmarks/run_all.sh": "half an hour on a quiet machine",
    "scripts/make_env.sh": "installs from an index",
    ".venv-oracle/bin/python -m benchmarks.": "needs the environment of the peers, and minutes",
    "python examples/finetuning/torch_": "trains for minutes; tests/examples runs it shortened",
    "python examples/finetuning/shipped_data.py": "writes into the clone; tests/examples runs it elsewhere",
    "curl": "asks a service that nobody started",
    "roformer-edge run dist/intent --engine ray": "needs Ray; tests/cli/test_run_ray.py has it",
    "roformer-edge validate dist/intent --reference checkpoints/intent --data labelled/ --engine ray": (
        "needs Ray; tests/cli/test_validate.py has it"
    ),
    "uvicorn": "serves until it is stopped; tests/examples asks the service",
    "python examples/0": "deploys what was trained; tests/examples runs it",
}

# where docs/runtime.md says that a bundle of each task lies
RUNTIME_BUNDLES = {
    "dist/intent": "text-classification",
    "dist/names": "token-classification",
    "dist/reader": "question-answering",
    "dist/choice": "multiple-choice",
    "dist/mask": "fill-mask",
    "dist/writer": "text-generation",
    "dist/encoder": "feature-extraction",
}


@dataclass(frozen=True)
class Block:
    """A fenced block and the line on which it begins."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [Block(page, text[: match.start()].count("\n") + 1, match[1], match[2]) for match in BLOCK.finditer(text)]


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def commands_of(block: Block) -> list[str]:
    """The lines of a shell block that are typed."""
    lines = block.text.splitlines()
    if block.language == "console":
        lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    return [line for line in lines if line]


def reason_of(command: str) -> str | None:
    return next((reason for start, reason in NOT_RUN.items() if command.startswith(start)), None)


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which ``roformer-edge`` is this package, installed or not."""
    folder = tmp_path_factory.mktemp("bin")
    (folder / "roformer-edge").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m roformer_edge "$@"\n')
    (folder / "roformer-edge").chmod(0o755)
    return {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in, with the checkpoint and the data that the pages name."""
    with embedded_checkpoint() as source:
        shutil.copytree(source, tmp_path / "checkpoint")
    with embedded_evaluation() as source:
        lines = source.read_text(encoding="utf-8").splitlines(keepends=True)
    for name, rows in {"dev": lines, "test": lines[::4], "train": lines[::8]}.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(rows), encoding="utf-8")
    texts = [json.loads(line)["text"] for line in lines[:20]]
    (tmp_path / "texts.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def deploy_demo(folder: Path) -> None:
    options = DeployOptions(task="text-classification", recipe="int8-dynamic")
    deploy_checkpoint(folder / "checkpoint", folder / "dist" / "intent", options)


def deploy_every_task(folder: Path) -> None:
    for place, task in RUNTIME_BUNDLES.items():
        (folder / place).parent.mkdir(exist_ok=True)
        bundle_of(task, folder / "made" / task, "fp32").rename(folder / place)
    bundle_of("text-generation", folder / "made" / "sim", "fp32", prefix_lm=True).rename(folder / "dist" / "sim")


def link_trained(folder: Path) -> None:
    trained = folder / ".cache" / "examples" / "torch-text-classification"
    trained.parent.mkdir(parents=True)
    trained.symlink_to(folder / "checkpoint")


# page -> what its reader has made before
def write_careful_recipe(folder: Path) -> None:
    (block,) = (block for block in blocks_of(ROOT / "docs" / "quantization.md") if block.language == "json")
    (folder / "careful.json").write_text(block.text, encoding="utf-8")


def deploy_intent_beside_names(folder: Path) -> None:
    deploy_demo(folder)
    write_task("token-classification", folder / "names")


BEFOREHAND: dict[str, Callable[[Path], None]] = {
    "docs/start/app.md": deploy_intent_beside_names,
    "docs/examples.md": link_trained,
    "docs/command-line.md": deploy_demo,
    "docs/python.md": deploy_demo,
    "docs/runtime.md": deploy_every_task,
    "docs/validation.md": deploy_demo,
    "docs/quantization.md": write_careful_recipe,
}
RUN = ("python", "bash", "console")
RUN_PAGES = sorted({str(block.page.relative_to(ROOT)) for block in BLOCKS if block.language in RUN})


@pytest.mark.parametrize("page", RUN_PAGES)
def test_the_blocks_of_a_page_run(page: str, folder: Path, tools: dict[str, str]) -> None:
    BEFOREHAND.get(page, lambda folder: None)(folder)
    namespace: dict[str, Any] = {}
    for block in blocks_of(ROOT / page):
        if block.language == "python" and "__main__" in block.text:
            run_program(block, folder, tools)
        elif block.language == "python":
            run_python(block, namespace)
        elif block.language in ("bash", "console"):
            run_shell(block, tools)


@pytest.fixture(autouse=True)
def quiet_again() -> Iterator[None]:
    """Give logging back as it was: a block of a page may make it louder for everybody in this process."""
    loggers = (logging.getLogger(), logging.getLogger("roformer_edge"))
    before = [(logger.level, list(logger.handlers)) for logger in loggers]
    yield
    for logger, (level, handlers) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.handlers[:] = handlers


def run_python(block: Block, namespace: dict[str, Any]) -> None:
    """Run statement by statement; where a comment behind an expression shows an answer, look at the answer."""
    lines = block.text.splitlines()
    for node in ast.parse(block.text, block.place).body:
        if isinstance(node, ast.Expr):
            value = eval(compile(ast.Expression(node.value), block.place, "eval"), namespace)
            shown = parse_answer(lines[node.end_lineno - 1].partition("  # ")[2])
            if shown is not None:
                check_answer(value, shown, block)
        else:
            exec(compile(ast.Module([node], []), block.place, "exec"), namespace)


def run_program(block: Block, folder: Path, environment: dict[str, str]) -> None:
    """Run a block that is a program of its own, as those with several processes are."""
    program = folder / "program.py"
    program.write_text(block.text, encoding="utf-8")
    command = [sys.executable, program.name]
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False, timeout=300)
    assert done.returncode == 0, f"{block.place}\n{done.stdout}{done.stderr}"


def parse_answer(comment: str) -> ast.expr | None:
    """The answer in a comment such as ``# Answer(text='x')``; ``...`` stands for more of the same."""
    if not re.match(r"\[?[A-Z]\w+\(\w+=", comment):
        return None
    return ast.parse(comment, mode="eval").body


def check_answer(value: object, shown: ast.expr, block: Block) -> None:
    """Hold the class and the fields of an answer to those that a page shows."""
    if isinstance(shown, ast.List):
        assert isinstance(value, list), block.place
        for item in value:
            check_answer(item, shown.elts[0], block)
        return
    assert isinstance(shown, ast.Call)
    assert is_dataclass(value), block.place
    assert type(value).__name__ == ast.unparse(shown.func), block.place
    assert [field.name for field in fields(value)] == [keyword.arg for keyword in shown.keywords], block.place


def run_shell(block: Block, environment: dict[str, str]) -> None:
    commands = [command for command in commands_of(block) if reason_of(command) is None]
    if not commands:
        return
    script = "set -euo pipefail\n" + "\n".join(commands)
    command = ["bash", "-c", script]
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, f"{block.place}\n{done.stdout}{done.stderr}"
    if block.language == "console":  # what it prints has the fields that the page shows
        shown = [line for line in block.text.splitlines() if not line.startswith("$ ")]
        printed = done.stdout.splitlines()
        assert [list(json.loads(line)) for line in printed] == [list(json.loads(line)) for line in shown], block.place


def test_the_readme_shows_what_the_embedded_checkpoint_answers(folder: Path) -> None:
    deploy_demo(folder)
    (line,) = re.findall(r'^classify\("(.+)"\)  # (.+)$', (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    answer = roformer_edge.load("dist/intent")(line[0])
    assert f"Classification(label={answer.label!r}, score={answer.score:.2f})" == line[1]


def test_the_service_of_the_page_is_that_of_the_example() -> None:
    (block,) = (block for block in blocks_of(ROOT / "docs" / "start" / "app.md") if "FastAPI" in block.text)
    module = ast.parse((ROOT / "examples" / "03_serve.py").read_text("utf-8"))
    del module.body[0]  # its docstring
    assert ast.unparse(ast.parse(block.text)) == ast.unparse(module).replace("out/examples/intent", "dist/intent")


READERS: dict[str, Callable[[str, Path], object]] = {}


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language not in RUN], ids=lambda b: b.place)
def test_a_block_of_another_language_is_read_by_what_it_is_for(block: Block, tmp_path: Path) -> None:
    if block.language == "text":
        return
    before = block.page.read_text(encoding="utf-8").splitlines()[: block.line - 1]
    heading = next(line for line in reversed(before) if line.startswith("#"))
    READERS[heading.lstrip("# ")](block.text, tmp_path)


def read_self_test(text: str, _: Path) -> None:
    test = SelfTest.from_json(text.encode())
    assert test.cases
    assert json.loads(test.to_json()) == json.loads(text)


def read_transitions(text: str, folder: Path) -> None:
    with BundleWriter(folder / "bundle") as writer:
        writer.add_bytes("model.onnx", "model", b"no graph")
        writer.add_bytes("crf.json", "crf", text.encode())
        writer.finish(manifest(labels=("a", "b")))
    crf = read_crf(open_bundle(folder / "bundle"))
    assert crf is not None
    assert crf.transitions.tolist() == json.loads(text)["transitions"]


def read_steps(text: str, folder: Path) -> None:
    with BundleWriter(folder / "bundle") as writer:
        writer.add_bytes("model.onnx", "model", b"no graph")
        writer.add_bytes("sentence.json", "sentence", text.encode())
        writer.finish(manifest(task="feature-extraction"))
    head = read_sentence(open_bundle(folder / "bundle"))
    assert head is not None
    assert json.loads(sentence_bytes(head)) == json.loads(text)


def read_lines(text: str, folder: Path) -> None:
    """One line of each task: by the keys that only it has."""
    for number, line in enumerate(text.splitlines()):
        row = json.loads(line)
        if "tags" in row:
            measure = measure_of("token-classification", ("O", *sorted({*row["tags"]} - {"O"})))
        else:
            measure = measure_of("text-classification", (*{"0", "1", row["label"]},))
        path = folder / f"{number}.jsonl"
        path.write_text(line, encoding="utf-8")
        (example,) = read_examples(path, measure)
        assert example.gold


def read_recipe(text: str, folder: Path) -> None:
    path = folder / "careful.json"
    path.write_text(text, encoding="utf-8")
    recipe, settings = open_recipe(str(path))
    assert len(recipe.rules) == len(json.loads(text)["rules"])
    assert settings.preset == "arm"


def read_workflow(text: str, _: Path) -> None:
    """The commands of a workflow are commands of this package, with options that they have."""
    steps = yaml.safe_load(text)["jobs"]["accuracy"]["steps"]
    typed = [shlex.split(step["run"]) for step in steps if step.get("run", "").startswith("roformer-edge ")]
    assert [command for _, command, *_ in typed] == ["deploy", "validate"]
    for _, command, *arguments in typed:
        parser_of(command).parse_args(arguments)


READERS |= {
    "In CI": read_workflow,
    "Recipes": read_recipe,
    "selftest.json": read_self_test,
    "crf.json": read_transitions,
    "sentence.json": read_steps,
    "Data": read_lines,
}


def test_every_block_says_its_language() -> None:
    assert len(BLOCKS) > 20
    assert {block.language for block in BLOCKS} == {*RUN, "text", "json", "jsonl", "yaml"}
    for page in PAGES:
        fences = [line for line in page.read_text(encoding="utf-8").splitlines() if line.lstrip().startswith("```")]
        assert len(fences) == 2 * len(blocks_of(page)), f"{page.name} has a fence that this test does not see"


def test_what_is_not_run_is_on_some_page_and_there() -> None:
    commands = [command for block in BLOCKS if block.language in ("bash", "console") for command in commands_of(block)]
    for start in NOT_RUN:
        assert any(command.startswith(start) for command in commands), f"{start!r} is on no page any more"
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for command in filter(reason_of, commands):
        words = command.partition("#")[0].split()
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE), command
        modules = [word.replace(".", "/") + ".py" for word in words if word.startswith("benchmarks.")]
        files = [word for word in words if re.match(r"(benchmarks|scripts|examples)/", word)]
        for name in modules + files:
            assert (ROOT / name).is_file(), command


def test_pages_that_prepare_something_have_blocks() -> None:
    assert BEFOREHAND.keys() <= set(RUN_PAGES)
    assert sorted(RUNTIME_BUNDLES.values()) == sorted(PIPELINES)
