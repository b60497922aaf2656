"""A program of its own: give up root, announce the process, become the server.

    python -I -S launcher.py MODE UID GID LOCK_FD PORT FOLDER PROGRAM [ARGUMENT ...]

MODE `run` becomes PROGRAM at once; `serve` leaves a child behind in a session of its own, so that Ctrl-C in
the terminal passes the server by, and no parent has to reap it. The child writes `<pid> <port>` into LOCK_FD,
an open and locked file which the server keeps: the lock lives exactly as long as the server. UID and GID of
-1 keep the user.

It starts for every server, so it imports the standard library only.
Exit codes: `CANNOT_BECOME`, `CANNOT_REACH`, `CANNOT_EXECUTE`.
"""

from __future__ import annotations

import ctypes
import os
import sys

CANNOT_BECOME = 71
CANNOT_REACH = 77
CANNOT_EXECUTE = 69

PR_SET_KEEPCAPS = 8
PR_SET_SECUREBITS = 28
SECBIT_NO_SETUID_FIXUP = 1 << 2
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_READ_SEARCH = 2
CAP_SETPCAP = 8
CAPABILITY_VERSION_3 = 0x20080522


def main(arguments: list[str]) -> int:
    """Do what the module says; returns only when that failed, or in the parent of a server."""
    mode, uid, gid, lock, port, folder, program = arguments[:7]
    if int(uid) >= 0:
        try:
            _become(int(uid), int(gid))
        except OSError:
            return CANNOT_BECOME
        if not _reach(folder, program):
            return CANNOT_REACH
    else:
        os.chdir(folder)
    if mode == "serve":
        if os.fork() != 0:
            return 0
        os.setsid()
        os.ftruncate(int(lock), 0)
        os.pwrite(int(lock), f"{os.getpid()} {port}\n".encode(), 0)
    try:
        os.execv(program, [program, *arguments[7:]])
    except OSError as error:
        sys.stderr.write(f"FATAL:  {program}: {error.strerror}\n")
        return CANNOT_EXECUTE


def _become(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    if sys.platform == "linux":
        # Permitted capabilities outlive the change of user here; `_reach` keeps one of them or none.
        ctypes.CDLL(None).prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setresuid(uid, uid, uid)


def _reach(folder: str, program: str) -> bool:
    """Enter the folder; below a closed directory such as /root, keep the right to pass through and to read.

    That right (CAP_DAC_READ_SEARCH) adds nothing to what may be written. Where it is not needed it goes with
    the rest.
    """
    if sys.platform != "linux":
        return _enter(folder, program)
    if _enter(folder, program):
        return _set_capabilities(0, 0)
    return _keep_passage() and _enter(folder, program)


def _enter(folder: str, program: str) -> bool:
    try:
        os.chdir(folder)
    except PermissionError:
        return False
    return os.access(program, os.X_OK)


def _keep_passage() -> bool:
    """Cut the process down to CAP_DAC_READ_SEARCH, carried through exec; false where root lacks it too."""
    libc = ctypes.CDLL(None)
    passage = 1 << CAP_DAC_READ_SEARCH
    return (
        _set_capabilities(passage | 1 << CAP_SETPCAP, passage)
        # Otherwise access(2), by which initdb looks for its programs, disregards capabilities.
        and libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0) == 0
        and _set_capabilities(passage, passage)
        and libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_READ_SEARCH, 0, 0) == 0
    )


def _set_capabilities(own: int, inheritable: int) -> bool:
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    effective_permitted_inheritable = (ctypes.c_uint32 * 6)(own, own, inheritable, 0, 0, 0)
    return bool(ctypes.CDLL(None).capset(header, effective_permitted_inheritable) == 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
