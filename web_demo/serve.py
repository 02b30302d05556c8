"""Serves the page with a bundle on 127.0.0.1, and fetches the engine by package name before.

python web_demo/serve.py --port 8000
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import subprocess
import sys
import tarfile
from functools import lru_cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

PAGE = Path(__file__).resolve().parent
PACKAGE = "onnxruntime-web@1.30.0"
SHA256 = "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71"
# what a page needs of it: one build of the engine, without graphics
NEEDED = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
TYPES = {".mjs": "text/javascript", ".js": "text/javascript", ".wasm": "application/wasm"}


def fetch(folder: Path) -> Path:
    """Fetch the engine, unless it is there; its folder."""
    if not all((folder / name).exists() for name in NEEDED):
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        archive = folder / f"{PACKAGE.replace('@', '-')}.tgz"
        found = hashlib.sha256(archive.read_bytes()).hexdigest()
        if found != SHA256:
            archive.unlink()
            sys.exit(f"{archive.name} has the SHA-256 {found}; expected {SHA256}")
        with tarfile.open(archive) as package:
            for name in NEEDED:
                member = package.extractfile(f"package/dist/{name}")
                assert member
                (folder / name).write_bytes(member.read())
        archive.unlink()
    return folder


@lru_cache(maxsize=32)
def compressed(path: Path, changed: float) -> bytes:
    """A file's content, compressed; once for each time that it changed."""
    del changed
    return gzip.compress(path.read_bytes(), 6)


class Handler(SimpleHTTPRequestHandler):
    """The page, ``/ort/`` and ``/bundle/``, compressed where the browser takes it."""

    protocol_version = "HTTP/1.1"

    def __init__(self, *args: object, ort: Path, bundle: Path, **keywords: object) -> None:
        self.folders = {"ort": ort, "bundle": bundle}
        super().__init__(*args, directory=str(PAGE), **keywords)  # type: ignore[arg-type]

    def file_of(self, path: str) -> Path | None:
        """The file that a path of the page stands for: a name in one of three folders, and nothing else."""
        *folder, name = path.partition("?")[0].strip("/").split("/")
        name = name or "index.html"
        place = PAGE if not folder else self.folders.get("/".join(folder))
        found = place / name if place and not name.startswith(".") else None
        return found if found and found.is_file() and found.suffix != ".py" else None

    def do_GET(self) -> None:
        """Send a file."""
        found = self.file_of(self.path)
        if found is None:
            self.send_error(404)
            return
        packed = "gzip" in self.headers.get("Accept-Encoding", "")
        data = compressed(found, found.stat().st_mtime) if packed else found.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", TYPES.get(found.suffix, self.guess_type(str(found))))
        if packed:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-cache")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing of every request."""


def server(ort: Path, bundle: Path, port: int, handler: type[Handler] = Handler) -> ThreadingHTTPServer:
    """A server of the page on this machine alone."""
    return ThreadingHTTPServer(("127.0.0.1", port), partial(handler, ort=ort, bundle=bundle))


def main() -> None:
    """Serve until interrupted."""
    from android_demo.tools.build import demo_bundle

    parser = argparse.ArgumentParser(description="Serve the web page with a bundle on 127.0.0.1.")
    parser.add_argument("--bundle", type=Path, help="a text-classification bundle (default: the embedded checkpoint)")
    parser.add_argument("--port", type=int, default=8000)
    args = parser.parse_args()
    bundle = args.bundle or demo_bundle(Path("out/web-bundle"))
    with server(fetch(Path(".cache/web")), bundle, args.port) as running:
        sys.stdout.write(f"http://127.0.0.1:{running.server_port}/\n")
        sys.stdout.flush()
        running.serve_forever()


if __name__ == "__main__":
    main()
