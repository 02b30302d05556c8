"""Names of a model hub: downloaded from a server on 127.0.0.1, kept, and found again without it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from roformer_edge import hub as hub_module
from roformer_edge.checkpoint.finding import _weights_among
from roformer_edge.errors import CheckpointError, MissingDependencyError, OptionError
from roformer_edge.hub import HubOptions, inside, local_directory, take_options
from tests.hub_server import Hub, commit_of, serve
from tests.tiny_checkpoint import TOKENS, write_checkpoint

pytest.importorskip("huggingface_hub")
Run = Callable[..., subprocess.CompletedProcess[str]]
NAME = "owner/tiny"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    folder = tmp_path_factory.mktemp("hub")
    main, other = write_checkpoint(folder / "main"), write_checkpoint(folder / "other", seed=9)
    for name in ("README.md", "pytorch_model.bin", "tf_model.h5", "trainer_state.json", "training_args.bin"):
        (main / name).write_bytes(b"not needed")
    (main / "tokenizer_config.json").write_text('{"do_lower_case": true}')
    (main / "1_Pooling").mkdir()
    (main / "1_Pooling" / "config.json").write_text("{}")
    with serve({NAME: {"main": main, "v2": other}, "owner/gone": {"main": other}}) as hub:
        yield hub


@pytest.fixture
def run(server: Hub, tmp_path: Path) -> Run:
    """Run Python, or with words the command line, with a cache of its own."""
    server.asked.clear()

    def start(*words: object, **changes: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "HF_ENDPOINT": server.url, "HF_HOME": str(tmp_path / "cache"), **changes}
        return subprocess.run(
            [sys.executable, *map(str, words)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    return start


FIND = """
import sys
from roformer_edge.checkpoint.finding import find_checkpoint
files = find_checkpoint(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)
print(files.name, files.directory, files.weights.format.file)
"""


def test_what_is_needed_is_downloaded_once_and_found_without_the_hub(run: Run, server: Hub) -> None:
    first = run("-c", FIND, NAME)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.split()[::2] == [NAME, "model.safetensors"]
    needed = {"config.json", "vocab.txt", "tokenizer_config.json", "model.safetensors", "1_Pooling/config.json"}
    assert sorted(server.asked) == sorted(needed)
    server.asked.clear()
    assert run("-c", FIND, NAME).stdout == first.stdout
    for offline in ({"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": "http://127.0.0.1:9"}):
        again = run("-c", FIND, NAME, **offline)
        assert (again.returncode, again.stdout) == (0, first.stdout), again.stderr
    assert server.asked == []


def test_a_revision_is_another_state(run: Run, server: Hub) -> None:
    folder = server.repositories[NAME]["v2"]
    for revision in ("v2", commit_of(folder)):
        found = Path(run("-c", FIND, NAME, revision).stdout.split()[1])
        assert found.name == commit_of(folder)
        assert (found / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()


def test_the_command_line_deploys_a_name(run: Run, server: Hub, tmp_path: Path) -> None:
    command = ("-m", "roformer_edge")
    made = run(*command, "deploy", NAME, "--revision", "v2", "--out", tmp_path / "named", "--json")
    assert made.returncode == 0, made.stderr
    local = server.repositories[NAME]["v2"]
    assert run(*command, "deploy", local, "--out", tmp_path / "local").returncode == 0
    named, here = (tmp_path / place / "model.onnx" for place in ("named", "local"))
    assert named.read_bytes() == here.read_bytes()
    manifest = json.loads((tmp_path / "named" / "manifest.json").read_text())
    assert manifest["provenance"]["source"] == NAME
    shown = run(*command, "tokenize", NAME, "今天", "--revision", "v2", HF_HUB_OFFLINE="1")
    assert json.loads(shown.stdout)["tokens"] == ["[CLS]", "今天", "[SEP]"]


PYTHON = """
import warnings
warnings.simplefilter("error")
from roformer_edge import RoFormerConfig, RoFormerForSequenceClassification, RoFormerTokenizer
print(RoFormerConfig.from_pretrained("owner/tiny", revision="v2").vocab_size)
print(len(RoFormerTokenizer.from_pretrained("owner/tiny", revision="v2")))
model = RoFormerForSequenceClassification.from_pretrained("owner/tiny", revision="v2")
print(model.classifier.dense.weight.detach().numpy().tobytes().hex())
"""


def test_classes_are_loaded_by_name_and_revision(run: Run, server: Hub) -> None:
    found = run("-c", PYTHON)
    assert found.returncode == 0, found.stderr
    local = run("-c", PYTHON.replace('"owner/tiny", revision="v2"', repr(str(server.repositories[NAME]["v2"]))))
    assert found.stdout == local.stdout
    assert found.stdout.split()[:2] == [str(len(TOKENS))] * 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ("tokenize", "owner/none", "好"),
            "owner/none is no path here, and cannot be had from the model hub: it has no such model, or not for "
            "everyone; sign in with `hf auth login`, or set HF_TOKEN",
        ),
        (
            ("tokenize", NAME, "好", "--revision", "v9"),
            f"{NAME} (v9) is no path here, and cannot be had from the model hub: it has no such revision of it",
        ),
        (("deploy", "owner/gated", "--out", "never"), "its owner asks for terms to be accepted"),
        (("deploy", "owner/private", "--out", "never"), "it lets only those in who may read it; sign in"),
        (("deploy", "owner/gone", "--out", "never"), "it lists a file that it does not have"),
        (("deploy", "owner/broken", "--out", "never"), "500"),
        (("tokenize", "no-such-folder", "好"), "no-such-folder"),
        (("tokenize", ".", "好", "--revision", "v2"), "--revision must be left out for a path"),
    ],
)
def test_what_cannot_be_had_is_one_line(run: Run, words: tuple[str, ...], says: str) -> None:
    outcome = run("-m", "roformer_edge", *words)
    assert outcome.returncode == 1
    assert outcome.stderr.count("\n") == 1, outcome.stderr
    assert outcome.stderr.startswith("roformer-edge: error: ")
    assert says in outcome.stderr


def test_a_name_that_was_never_downloaded_needs_the_hub(run: Run) -> None:
    outcome = run("-m", "roformer_edge", "tokenize", NAME, "好", HF_HUB_OFFLINE="1")
    assert "cannot be had from the model hub: HF_HUB_OFFLINE is set, and the cache does not hold it" in outcome.stderr
    assert (outcome.returncode, outcome.stderr.count("\n")) == (1, 1)


def test_what_was_downloaded_for_its_tokenizer_has_no_weights(run: Run, server: Hub) -> None:
    command = ("-m", "roformer_edge")
    assert run(*command, "tokenize", NAME, "好").returncode == 0
    assert "model.safetensors" not in server.asked
    outcome = run(*command, "deploy", NAME, "--out", "never", HF_HUB_OFFLINE="1")
    assert f"the cache holds {NAME} without its weights, and they cannot be had from the model hub" in outcome.stderr
    assert (outcome.returncode, outcome.stderr.count("\n")) == (1, 1)


def test_paths_stay_what_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("the hub was asked")

    monkeypatch.setattr(hub_module, "require", never)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "owner" / "tiny").mkdir(parents=True)
    for path in ("owner/tiny", "missing", "./owner/none", "../owner", "/a/b", "a/b/c", "a/", ""):
        assert local_directory(path) == Path(path)
    with pytest.raises(OptionError, match="revision must be left out for a path"):
        local_directory("owner/tiny", revision="v2")


def test_options_of_transformers_are_taken() -> None:
    options = {"cache_dir": "a", "use_auth_token": "b", "trust_remote_code": True, "proxies": None, "num_labels": 3}
    assert take_options(options) == HubOptions(cache_dir="a", token="b")
    assert options == {"num_labels": 3}
    with pytest.raises(OptionError, match="set HTTPS_PROXY"):
        take_options({"proxies": {"https": "a"}})


def test_a_folder_inside(tmp_path: Path) -> None:
    assert inside(tmp_path, "a") == tmp_path / "a"
    assert inside("owner/none", None) == "owner/none"
    with pytest.raises(OptionError, match="subfolder must be left out for a name"):
        inside("owner/none", "a")


OPTIONS = """
import sys, warnings
warnings.simplefilter("error")
from roformer_edge import RoFormerConfig, RoFormerForSequenceClassification, RoFormerTokenizer
how = {"cache_dir": sys.argv[1], "revision": "v2", "token": None, "trust_remote_code": False, "use_auth_token": None}
how["local_files_only"] = sys.argv[2] == "local"
for kind in (RoFormerConfig, RoFormerTokenizer, RoFormerForSequenceClassification):
    kind.from_pretrained("owner/tiny", **how)
print("loaded")
"""


def test_a_cache_elsewhere_without_asking_the_hub(run: Run, server: Hub, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    assert "cannot be had from the model hub: local_files_only is set" in run("-c", OPTIONS, elsewhere, "local").stderr
    found = run("-c", OPTIONS, elsewhere, "ask")
    assert found.returncode == 0, found.stderr
    assert any(elsewhere.rglob("model.safetensors"))
    assert not any((tmp_path / "cache").rglob("model.safetensors"))
    server.asked.clear()
    assert run("-c", OPTIONS, elsewhere, "local").stdout == "loaded\n"
    assert not server.asked


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = hub_module.require.__globals__["importlib"].util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "huggingface_hub" else find_spec(name))
    with pytest.raises(MissingDependencyError, match=r"to download owner/none, which is no path here; .*edge\[hub\]"):
        local_directory("owner/none")


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (["model.safetensors", "pytorch_model.bin", "flax_model.msgpack"], ["model.safetensors"]),
        (
            ["model.safetensors.index.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"],
            ["model.safetensors.index.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"],
        ),
        (["pytorch_model.bin", "tf_model.h5", "training_args.bin", "optimizer.pt"], ["pytorch_model.bin"]),
        (["own.pt", "optimizer.pt", "onnx/model.bin"], ["own.pt"]),
        (["adapter_model.safetensors", "adapter_config.json"], ["adapter_model.safetensors"]),
        (
            ["bert_model.ckpt.index", "bert_model.ckpt.data-00000-of-00001", "bert_config.json"],
            ["bert_model.ckpt.index", "bert_model.ckpt.data-00000-of-00001"],
        ),
        (["README.md"], []),
    ],
)
def test_weights_are_those_that_would_be_read(names: list[str], wanted: list[str]) -> None:
    assert _weights_among(names) == wanted


def test_a_missing_directory_names_itself(tmp_path: Path) -> None:
    from roformer_edge.checkpoint.finding import find_checkpoint

    with pytest.raises(CheckpointError, match="no such checkpoint directory"):
        find_checkpoint(tmp_path / "none")
