"""A model hub on 127.0.0.1 that speaks as much of the real one's protocol as a download needs."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class Hub:
    """What it serves, and what it was asked for.

    Attributes:
        url: For ``HF_ENDPOINT``.
        repositories: ``owner/model`` -> revision -> the directory of its files.
        asked: Files that were sent whole, in order.
    """

    url: str
    repositories: Mapping[str, Mapping[str, Path]]
    asked: list[str] = field(default_factory=list)


# what the hub answers to a name that it does not give out -> the code and the headers
_CLOSED: dict[str, tuple[int, dict[str, str]]] = {
    "owner/gated": (403, {"X_Error_Code": "GatedRepo"}),
    "owner/private": (401, {}),
    "owner/broken": (500, {}),
}


@contextmanager
def serve(repositories: Mapping[str, Mapping[str, Path]]) -> Iterator[Hub]:
    """Serve repositories until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def _send(self, code: int, data: bytes, **headers: str) -> None:
            self.send_response(code)
            self.send_header("Content-Length", str(len(data)))
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

        def _answer(self) -> None:
            path = self.path.partition("?")[0].strip("/")
            name = "/".join(path.removeprefix("api/models/").split("/")[:2])
            if name in _CLOSED:
                code, kind = _CLOSED[name]
                self._send(code, b"{}", **kind)
                return
            if name not in hub.repositories:
                self._send(404, b"{}", X_Error_Code="RepoNotFound")
                return
            revisions = hub.repositories[name]
            rest = path.partition(f"{name}")[2].strip("/").split("/", 2)
            kind, revision = (rest[0], rest[1]) if len(rest) > 1 else ("revision", "main")
            known = {**revisions, **{commit_of(folder): folder for folder in revisions.values()}}
            if revision not in known:
                self._send(404, b"{}", X_Error_Code="RevisionNotFound")
                return
            folder = known[revision]
            if kind == "resolve" and name == "owner/gone" and self.command == "HEAD" and "model" in rest[2]:
                self._send(404, b"{}", X_Error_Code="EntryNotFound")
                return
            if kind == "resolve":
                data = (folder / rest[2]).read_bytes()
                if self.command == "GET":
                    hub.asked.append(rest[2])
                self._send(200, data, ETag=f'"{hashlib.sha1(data).hexdigest()}"', X_Repo_Commit=commit_of(folder))
                return
            names = sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
            siblings = [{"rfilename": file} for file in names]
            tree = [
                {
                    "type": "file",
                    "path": file,
                    "size": (folder / file).stat().st_size,
                    "oid": hashlib.sha1((folder / file).read_bytes()).hexdigest(),
                }
                for file in names
            ]
            answer: Any = tree if kind == "tree" else {"id": name, "sha": commit_of(folder), "siblings": siblings}
            self._send(200, json.dumps(answer).encode(), Content_Type="application/json")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub = Hub(url=f"http://127.0.0.1:{server.server_port}", repositories=repositories)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def commit_of(folder: Path) -> str:
    """The commit that a directory stands for."""
    return hashlib.sha1(str(folder).encode()).hexdigest()
