"""The page answers the golden sentences in a headless Chromium, and refuses a bundle that was altered.

Needs what ``make web`` fetches, and is run by ``make web-check``.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from android_demo.tools.build import demo_bundle
from tests.android.test_tokenizer import GOLDEN
from web_demo import serve

ROOT = Path(__file__).parents[2]
Visit = Callable[[Path], dict[str, Any]]


@pytest.fixture(scope="module")
def browser() -> str:
    if not os.environ.get("REQUIRE_WEB"):
        pytest.skip("onnxruntime-web is not fetched in the ordinary tests: run make web-check")
    found = shutil.which("chromium") or shutil.which("google-chrome")
    assert found, "REQUIRE_WEB is set, and there is no chromium"
    return found


@pytest.fixture(scope="module")
def bundle(browser: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return demo_bundle(tmp_path_factory.mktemp("web") / "bundle")


def cases() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (GOLDEN / "demo.jsonl").read_text("utf-8").splitlines()]


@pytest.fixture
def visit(browser: str, tmp_path: Path) -> Visit:
    """Opens the page with a bundle; what it reports after all sentences."""
    engine = serve.fetch(ROOT / ".cache" / "web")
    sentences = json.dumps([case["text"] for case in cases()]).encode()

    def visit(bundle: Path) -> dict[str, Any]:
        reports: Queue[dict[str, Any]] = Queue()

        class Handler(serve.Handler):
            def do_GET(self) -> None:
                if self.path == "/sentences.json":
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(sentences)))
                    self.end_headers()
                    self.wfile.write(sentences)
                else:
                    super().do_GET()

            def do_POST(self) -> None:
                reports.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

        with serve.server(engine, bundle, 0, Handler) as running:
            threading.Thread(target=running.serve_forever, daemon=True).start()
            address = f"http://127.0.0.1:{running.server_port}/?sentences=./sentences.json"
            profile = f"--user-data-dir={tmp_path / 'profile'}"
            flags = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", profile)
            process = subprocess.Popen([browser, *flags, address], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                return reports.get(timeout=240)
            finally:
                process.terminate()
                process.wait()
                running.shutdown()

    return visit


def test_the_golden_sentences(visit: Visit, bundle: Path):
    report = visit(bundle)
    assert report["error"] is None
    assert "self-test passed" in report["facts"]
    expected = cases()
    assert len(report["answers"]) == len(expected) == 475
    assert [answer["ids"] for answer in report["answers"]] == [case["ids"] for case in expected]
    assert [answer["label"] for answer in report["answers"]] == [case["int8_label"] for case in expected]


def altered(bundle: Path, name: str, old: bytes, new: bytes) -> None:
    data = (bundle / name).read_bytes()
    assert old in data
    (bundle / name).write_bytes(data.replace(old, new, 1))


DAMAGE = {
    "another word": ("vocab.txt", b"\n##", b"\n#_", "vocab.txt is not the file that manifest.json lists"),
    "a newer schema": ("manifest.json", b'"schema_version": 2', b'"schema_version": 3', "this page is too old for it"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_an_altered_bundle(case: str, visit: Visit, bundle: Path, tmp_path: Path):
    name, old, new, message = DAMAGE[case]
    copy = Path(shutil.copytree(bundle, tmp_path / "copy"))
    altered(copy, name, old, new)
    report = visit(copy)
    assert report["answers"] == []
    assert message in report["error"]


def test_the_download_is_small(browser: str, bundle: Path):
    engine = serve.fetch(ROOT / ".cache" / "web")
    needed = [bundle / name for name in ("manifest.json", "model.onnx", "vocab.txt", "words.bin", "unicode.bin")]
    pages = [path for path in serve.PAGE.iterdir() if path.suffix in (".html", ".js")]
    files = [*needed, *pages, *(engine / name for name in serve.NEEDED), bundle / "selftest.json"]
    assert sum(len(gzip.compress(path.read_bytes(), 6)) for path in files) < 9_000_000


def test_nothing_but_the_page_is_served(browser: str, bundle: Path, tmp_path: Path):
    with serve.server(tmp_path, bundle, 0) as running:
        handler = running.RequestHandlerClass.keywords  # type: ignore[attr-defined]
        served = serve.Handler.__new__(serve.Handler)
        served.folders = handler
        assert running.server_address[0] == "127.0.0.1"
        for path in ("/../Makefile", "/serve.py", "/bundle/../../x", "/tests/x", "/.hidden", "/ort/../index.html"):
            assert served.file_of(path) is None, path
        assert served.file_of("/") == serve.PAGE / "index.html"
        assert served.file_of("/bundle/manifest.json") == bundle / "manifest.json"
