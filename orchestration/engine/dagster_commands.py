"""Commands of the Dagster processes that `ladder up` runs: code server, daemon and web UI, as modules with arguments.

The daemon and the web UI find the code server through a workspace file. Its name and address are the same at each
start, because schedules, runs and retries refer to the code location by name.
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
    "is_listening",
    "prepare_socket",
    "web_ui",
    "write_workspace",
]

#: Same as in `[tool.dagster]` of pyproject.toml, so that `dagster dev` and `ladder up` share runs and schedules.
_LOCATION = "ladderhouse"
_DEFINITIONS = "orchestration.definitions"
#: Bytes. The kernel's limit for the path of a socket is 107 on Linux, 103 on macOS.
_LONGEST_SOCKET = 100
_SOCKET = "code.sock"


def prepare_socket(home: Path) -> Path:
    """Path of the code server's socket: `run/code.sock` in the home, in a folder that only its user may enter.

    If that path is too long for a socket, the folder is in XDG_RUNTIME_DIR or the temporary directory, and is named by
    a digest of the home.

    Raises:
        ConfigurationError: the folder belongs to another user or is a link, or no path is short enough.
    """
    path = home / "run" / _SOCKET
    if len(os.fsencode(path)) > _LONGEST_SOCKET:
        digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
        parent = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()).absolute()
        path = parent / f"ladder-{digest}" / _SOCKET
        if len(os.fsencode(path)) > _LONGEST_SOCKET:
            raise ConfigurationError(
                f"the paths of LADDER_HOME and {parent} are too long for a socket", "set TMPDIR to a shorter directory"
            )
    _make_private(path.parent)
    return path


def write_workspace(home: Path, code_socket: Path) -> Path:
    """Write Dagster's workspace file, with the code location and its socket, and return its path."""
    path = home / "dagster" / "workspace.yaml"
    location = {"socket": str(code_socket), "location_name": _LOCATION}
    unfinished = path.with_suffix(f".{os.getpid()}.tmp")
    # JSON is valid YAML, and quotes any character of a path.
    unfinished.write_text(json.dumps({"load_from": [{"grpc_server": location}]}, indent=2) + "\n")
    unfinished.replace(path)
    return path


def code_server(code_socket: Path) -> list[str]:
    """Serve the definitions on a socket; the socket of a killed server is replaced."""
    location = ["--socket", str(code_socket), "--location-name", _LOCATION]
    definitions = ["--module-name", _DEFINITIONS, "--use-python-environment-entry-point"]
    return ["dagster", "api", "grpc", *location, *definitions]


def daemon(workspace: Path) -> list[str]:
    """Run the daemon: schedules, queue, retries, monitoring."""
    return ["dagster._daemon", "run", "--workspace", str(workspace)]


def web_ui(workspace: Path, port: int) -> list[str]:
    """Serve the web UI on a port of this machine."""
    return ["orchestration.engine.webserver", str(workspace), str(port)]


def is_listening(code_socket: Path) -> bool:
    """Whether a server accepts connections on a socket."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        client.connect(str(code_socket))
        return True
    return False


def _make_private(folder: Path) -> None:
    """Create a folder for this user only. In a folder prepared by another user, the socket could be that user's.

    Raises:
        ConfigurationError: the folder belongs to another user, or is a link or a file.
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
