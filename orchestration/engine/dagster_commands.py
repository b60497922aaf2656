"""The processes of Dagster that `ladder up` runs: code server, daemon and web UI, each as a module with its arguments.

The daemon and the web UI find the code server by a workspace file. Name and address of the code location are the same
at each start: schedules, runs and retries refer to it by its name.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from warehouse.core.errors import ConfigurationError

__all__ = [
    "code_server",
    "daemon",
    "listens",
    "prepare_socket",
    "web_ui",
    "write_workspace",
]

#: As in `[tool.dagster]` of pyproject.toml, so that `dagster dev` and `ladder up` show the same runs and schedules.
_LOCATION = "ladderhouse"
_DEFINITIONS = "orchestration.definitions"
#: The kernel's limit for the path of a socket is 107 bytes on Linux, 103 on macOS.
_LONGEST_SOCKET = 100
_SOCKET = "code.sock"


def prepare_socket(home: Path) -> Path:
    """Where the code server of a home listens: `run/code.sock` below it, in a folder that only its user may enter.

    Where that path is too long for a socket, the folder lies in XDG_RUNTIME_DIR or the temporary directory, named by a
    digest of the home.

    Raises:
        ConfigurationError: another user has made the folder, it is a link, or no path is short enough.
    """
    path = home / "run" / _SOCKET
    if len(os.fsencode(path)) > _LONGEST_SOCKET:
        digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
        parent = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()).absolute()
        path = parent / f"ladder-{digest}" / _SOCKET
        if len(os.fsencode(path)) > _LONGEST_SOCKET:
            raise ConfigurationError(
                f"LADDER_HOME and {parent} are too long for the path of a socket", "set TMPDIR to a shorter directory"
            )
    _make_private(path.parent)
    return path


def write_workspace(home: Path, code_socket: Path) -> Path:
    """Write Dagster's workspace file, which names the code location and its socket, below the home."""
    path = home / "dagster" / "workspace.yaml"
    location = {"socket": str(code_socket), "location_name": _LOCATION}
    fresh = path.with_suffix(f".{os.getpid()}.tmp")
    # JSON is YAML, with quotes around whatever a path may hold.
    fresh.write_text(json.dumps({"load_from": [{"grpc_server": location}]}, indent=2) + "\n")
    fresh.replace(path)
    return path


def code_server(code_socket: Path) -> list[str]:
    """Serve the definitions on a socket. One that a killed server has left is replaced."""
    place = ["--socket", str(code_socket), "--location-name", _LOCATION]
    definitions = ["--module-name", _DEFINITIONS, "--use-python-environment-entry-point"]
    return ["dagster", "api", "grpc", *place, *definitions]


def daemon(workspace: Path) -> list[str]:
    """Run schedules, the queue, retries and monitoring."""
    return ["dagster._daemon", "run", "--workspace", str(workspace)]


def web_ui(workspace: Path, port: int) -> list[str]:
    """Serve the web UI on a port of this machine."""
    return ["orchestration.engine.webserver", str(workspace), str(port)]


def listens(code_socket: Path) -> bool:
    """Whether a server accepts connections on a socket."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        client.connect(str(code_socket))
        return True
    return False


def _make_private(folder: Path) -> None:
    """Make a folder for this user alone; one that another user prepared would lead to that user's socket.

    Raises:
        ConfigurationError: it belongs to another user, or is a link or a file.
    """
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise ConfigurationError(
            f"{folder} is not a directory owned by this user, and Dagster's code server needs one for its socket",
            "remove it",
        )
    if stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)
