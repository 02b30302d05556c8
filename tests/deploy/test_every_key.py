"""No key of a checkpoint's files is ignored in silence: each is obeyed, listed as without effect, or reported.

The keys are those that transformers 4.57.6 writes; ``golden/make_written_by_transformers.py`` lists them. One after
the other is given other values, and the checkpoint opened as a deployment opens it.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from roformer_edge import config as config_keys
from roformer_edge.checkpoint import settings as generation_keys
from roformer_edge.checkpoint.saving import save_checkpoint
from roformer_edge.config import RoFormerConfig
from roformer_edge.deploy.source import SourceModel, open_source
from roformer_edge.errors import RoFormerEdgeError
from roformer_edge.tokenizer import files as tokenizer_keys

GOLDEN = Path(__file__).parent / "golden" / "written_by_transformers.json"
WRITTEN: dict[str, dict[str, Any]] = json.loads(GOLDEN.read_text(encoding="utf-8"))

WITHOUT_EFFECT = {
    # the settings of generation stood in config.json once
    "config": {**generation_keys._WITHOUT_EFFECT, **config_keys.WITHOUT_EFFECT},
    "generation_config": generation_keys._WITHOUT_EFFECT,
    "tokenizer_config": tokenizer_keys.WITHOUT_EFFECT,
    "special_tokens_map": {},
    "tokenizer": {
        "version": "of the file's form, of which there is one",
        "decoder.cleanup": "ids become text by the class, as transformers does it",
        "added_tokens.special": "a token with a role is special whatever it says, as in transformers",
        "normalizer.lowercase": "the class sets it to do_lower_case of its settings, as transformers does",
        "normalizer.strip_accents": "the class sets it to strip_accents of its settings, as transformers does",
    },
}


# file -> the file that says the same, and counts where it is there, as in transformers
PRECEDED_BY = {
    "config": "generation_config",
    "special_tokens_map": "tokenizer_config",
    "tokenizer": "tokenizer_config",
}


def paths(values: object, above: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The place of every value, down to those that hold no others."""
    inner = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    found = False
    for key, value in inner:
        found = True
        yield from paths(value, (*above, key))
    if not found:
        yield above


def others(value: object) -> tuple[object, ...]:
    """Values that are not this one, some of its type."""
    if isinstance(value, bool):
        return (not value,)
    if value is None:
        return (True, 7, 0.5, "odd", ["odd"])
    if isinstance(value, int):
        return (value + 1, value + 2, -5)
    if isinstance(value, float):
        return (value + 0.5, value / 2 + 0.25)
    if isinstance(value, str):
        return ("odd", "")
    return ({"0": [0]}, ["odd"], "odd")


def changed(values: Any, path: tuple[str | int, ...], value: object) -> Any:
    copy = json.loads(json.dumps(values))
    place = copy
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return copy


# a map of labels or ids is one value: its keys are no keys of the file
WHOLE = {("config", "id2label"), ("config", "label2id"), ("tokenizer", "model", "vocab")}


def cases() -> Iterator[Any]:
    for name, values in WRITTEN.items():
        for key in values:
            whole = [(name, key, *path) for path in paths(values[key])] if name.startswith("tokenizer") else []
            seen = set()
            for path in whole or [(name, key)]:
                cut = next((path[: len(end)] for end in WHOLE if path[: len(end)] == end), path)
                if cut not in seen:
                    seen.add(cut)
                    yield pytest.param(cut[0], cut[1:], id=".".join(map(str, cut)))


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What transformers writes: one that classifies and one that generates, which reads generation_config.json too."""
    from roformer_edge.models.torch.heads import RoFormerForCausalLM, RoFormerForSequenceClassification

    made = {}
    for kind, cls in (("slow", RoFormerForSequenceClassification), ("fast", RoFormerForCausalLM)):
        folder = tmp_path_factory.mktemp("keys") / kind
        config = RoFormerConfig.from_dict({**WRITTEN["config"], "is_decoder": kind == "fast"})
        arrays = {name: value.numpy() for name, value in cls(config).state_dict().items()}
        save_checkpoint(folder, config, cls.__name__, arrays)
        values = {**WRITTEN["config"], "architectures": [cls.__name__], "is_decoder": kind == "fast"}
        words = WRITTEN["tokenizer"]["model"]["vocab"]
        (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in sorted(words, key=words.get)), "utf-8")
        for name, content in {**WRITTEN, "config": values}.items():
            if (name, kind) != ("tokenizer", "slow"):
                (folder / f"{name}.json").write_text(json.dumps(content), "utf-8")
        made[kind] = folder
    return made


def state(model: SourceModel) -> tuple[Any, ...]:
    """Everything that a bundle is made of, but the weights."""
    config = {**vars(model.config), "extra": None}
    generation = {key: model.config.extra.get(key) for key in ("eos_token_id", "architectures")}
    return config, generation, model.task.name, model.tokenizer.mode, model.tokenizer.to_settings()


def opened(folder: Path, mode: str = "auto") -> tuple[Any, tuple[str, ...]]:
    with open_source(folder, mode=mode) as model:
        return state(model), model.notes


def test_what_transformers_writes_is_read_without_a_word(checkpoints: dict[str, Path]) -> None:
    for folder in checkpoints.values():
        assert opened(folder)[1] == ()


@pytest.mark.parametrize(("name", "path"), [*cases()])
def test_each_key_is_obeyed_or_without_effect_or_reported(
    checkpoints: dict[str, Path], tmp_path: Path, name: str, path: tuple[str | int, ...]
) -> None:
    written = WRITTEN[name]
    value: Any = written
    for step in path:
        value = value[step]
    key = ".".join(str(step) for step in path if isinstance(step, str))
    told: list[str] = []
    for source in checkpoints.values():
        if not (source / f"{name}.json").exists():
            continue
        folder = shutil.copytree(source, tmp_path / source.name)
        if name in PRECEDED_BY:
            (folder / f"{PRECEDED_BY[name]}.json").unlink()
        before, said = opened(folder)
        base = json.loads((source / f"{name}.json").read_text("utf-8"))
        for other in others(value):
            (folder / f"{name}.json").write_text(json.dumps(changed(base, path, other)), "utf-8")
            try:
                after, notes = opened(folder)
            except RoFormerEdgeError as error:
                told.append(f"refused: {error}")
            else:
                told += [f"reported: {note}" for note in notes if note not in said]
                told += ["obeyed"] * (after != before)
    assert told or key in WITHOUT_EFFECT[name], f"{name}.json: {key} is ignored in silence"


@pytest.mark.oracle
def test_the_list_is_that_of_transformers(oracle_python: Path, tmp_path: Path) -> None:
    maker = GOLDEN.with_name("make_written_by_transformers.py")
    copy = tmp_path / maker.name
    copy.write_text(maker.read_text(encoding="utf-8"), encoding="utf-8")
    subprocess.run([oracle_python, copy], check=True, capture_output=True)
    fresh, kept = ((folder / GOLDEN.name).read_text(encoding="utf-8") for folder in (tmp_path, GOLDEN.parent))
    hide = re.compile(r'"(_commit_hash|_name_or_path)": .*')
    assert hide.sub("", fresh) == hide.sub("", kept)
