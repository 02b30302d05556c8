"""What the two distributions hold, and what stands on the page of the package."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from roformer_edge._version import __version__
from tests.conftest import ROOT

DEVICE_BYTES = 3_000_000
COPIED = ("roformer_edge", "roformer_edge_demo")
FILES = ("README.md", "LICENSE", "NOTICE", "pyproject.toml", "setup.py", "MANIFEST.in", "CHANGELOG.md", "Makefile")


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both wheels and the source archive, built in a copy as ``make wheels`` builds them, without an index."""
    pytest.importorskip("setuptools", minversion="77", reason="setuptools 77 is not installed; the extra dev has it")
    copy, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in COPIED:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    for name in FILES:
        shutil.copy(ROOT / name, copy / name)
    program = "import sys; from setuptools import build_meta; {}(sys.argv[1])"
    for folder, hook in ((copy, "build_meta.build_sdist"), (copy, "build_meta.build_wheel")):
        build(folder, program.format(hook), out)
    build(copy / "roformer_edge_demo", program.format("build_meta.build_wheel"), out)
    return out


def build(folder: Path, program: str, out: Path) -> None:
    done = subprocess.run([sys.executable, "-c", program, out], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def wheel(dist: Path, name: str) -> zipfile.ZipFile:
    (path,) = dist.glob(f"{name}-*.whl")
    return zipfile.ZipFile(path)


def metadata(archive: zipfile.ZipFile) -> Message:
    (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    return message_from_bytes(archive.read(name))


def test_a_device_installs_no_checkpoint(dist: Path) -> None:
    (path,) = dist.glob("roformer_edge-*.whl")
    assert path.stat().st_size < DEVICE_BYTES
    names = wheel(dist, "roformer_edge").namelist()
    assert not [name for name in names if name.endswith((".safetensors", ".jsonl")) or "roformer_edge_demo" in name]
    assert not [name for name in names if not name.startswith(("roformer_edge/", f"roformer_edge-{__version__}."))]


def test_a_device_installs_every_file_of_the_package(dist: Path) -> None:
    there = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "roformer_edge").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert there <= set(wheel(dist, "roformer_edge").namelist())


def test_a_device_needs_numpy_and_one_engine(dist: Path) -> None:
    needed = metadata(wheel(dist, "roformer_edge")).get_all("Requires-Dist")
    base = [re.split(r"[<>=; ]", line)[0] for line in needed if "extra ==" not in line]
    assert sorted(base) == ["numpy", "onnxruntime"]


def test_the_other_wheel_is_the_checkpoint(dist: Path) -> None:
    archive = wheel(dist, "roformer_edge_demo")
    for path in (ROOT / "roformer_edge_demo" / "checkpoint").iterdir():
        assert archive.read(f"roformer_edge_demo/checkpoint/{path.name}") == path.read_bytes()
    assert "roformer_edge_demo/evaluation.jsonl" in archive.namelist()
    for name in ("LICENSE", "NOTICE"):
        assert (ROOT / "roformer_edge_demo" / name).read_bytes() == (ROOT / name).read_bytes()


def test_both_wheels_answer_together(dist: Path, tmp_path: Path) -> None:
    for name in COPIED:
        wheel(dist, name).extractall(tmp_path)
    program = (
        "import roformer_edge_demo; from roformer_edge.demo.embedded import embedded_checkpoint\n"
        "with embedded_checkpoint() as folder: print(sorted(path.name for path in folder.iterdir()))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "model.safetensors" in done.stdout, done.stderr


def test_without_the_other_wheel_the_demo_says_what_to_install(dist: Path, tmp_path: Path) -> None:
    wheel(dist, "roformer_edge").extractall(tmp_path)
    command = [
        sys.executable,
        "-S",
        "-c",
        "import sys; sys.path += sys.argv[1:]; from roformer_edge.cli.main import main; sys.exit(main(['demo']))",
    ]
    site = Path(pytest.__file__).parents[1]
    done = subprocess.run(
        [*command, str(site)], cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode != 0
    assert "roformer_edge_demo is needed for the embedded checkpoint" in done.stderr
    assert "roformer-edge[demo]" in done.stderr
    assert "Traceback" not in done.stderr


def test_links_of_the_package_page_lead_somewhere(dist: Path) -> None:
    page = metadata(wheel(dist, "roformer_edge"))
    targets = re.findall(r"\]\(([^)]+)\)", page.get_payload(decode=True).decode("utf-8"))
    repository = dict(line.split(", ") for line in page.get_all("Project-URL"))["Repository"]
    assert len(targets) > 20
    for target in targets:
        match = re.fullmatch(
            rf"(?:{re.escape(repository)}/(?:blob|raw)/v{re.escape(__version__)}/([^#]+))?(?:#.*)?", target
        )
        assert match, target
        assert match[1] is None or (ROOT / match[1]).exists(), target


def test_the_source_archive_builds_the_checkpoint_too(dist: Path) -> None:
    import tarfile

    with tarfile.open(dist / f"roformer_edge-{__version__}.tar.gz") as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"roformer_edge_demo/checkpoint/model.safetensors", "setup.py", "Makefile", "CHANGELOG.md"} <= names


def test_everything_that_is_grafted_is_there() -> None:
    for line in (ROOT / "MANIFEST.in").read_text("utf-8").splitlines():
        verb, *names = line.split()
        if verb in ("include", "graft"):
            for name in names:
                assert (ROOT / name).exists(), line
