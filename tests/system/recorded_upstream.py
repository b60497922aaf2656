"""Recorded responses of the real OpenDota, served over HTTP on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

__all__ = ["RecordedUpstream", "serve_recordings"]


class RecordedUpstream:
    """The server's address, and the requested paths with their queries."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests: list[str] = []


@contextmanager
def serve_recordings(folder: Path) -> Iterator[RecordedUpstream]:
    """Serve the recordings in `folder`; other paths respond with 404, like OpenDota."""
    bodies = _recorded_bodies(folder)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            upstream.requests.append(self.path.removeprefix("/api"))
            parts = urlsplit(self.path)
            status, body = _find(bodies, parts.path.removeprefix("/api"), parse_qs(parts.query))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    upstream = RecordedUpstream(f"http://127.0.0.1:{server.server_address[1]}/api")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield upstream
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _recorded_bodies(folder: Path) -> dict[str, bytes]:
    """Recorded bodies by path; of several recordings of a path, the complete one."""
    found: dict[str, bytes] = {}
    for entry in json.loads((folder / "manifest.json").read_text()):
        if entry["source"] == "opendota" and "project" not in entry["query"]:
            found[entry["path"]] = (folder / entry["file"]).read_bytes()
    for path, body in list(found.items()):
        if path.endswith("/counts"):
            # `/wl` was not recorded; `counts` has the same two figures, by side.
            sides = json.loads(body)["is_radiant"].values()
            games, won = (sum(side[name] for side in sides) for name in ("games", "win"))
            found[path.replace("/counts", "/wl")] = json.dumps({"win": won, "lose": games - won}).encode()
    for path in (folder / "constants").glob("*.json"):
        found[f"/constants/{path.stem}"] = path.read_bytes()
    return found


def _find(bodies: dict[str, bytes], path: str, query: dict[str, list[str]]) -> tuple[int, bytes]:
    body = bodies.get(path)
    if body is None:
        return 404, b'{"error":"Not Found"}'
    if "limit" in query or "offset" in query or "less_than_match_id" in query:
        records = json.loads(body)
        if "less_than_match_id" in query:
            below = int(query["less_than_match_id"][0])
            records = [record for record in records if record["match_id"] < below]
        start = int(query.get("offset", ["0"])[0])
        stop = start + int(query["limit"][0]) if "limit" in query else None
        body = json.dumps(records[start:stop]).encode()
    return 200, body
