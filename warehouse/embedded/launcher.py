"""A standalone program: drop root privileges, write the pid file, execute the server.

    python -I -S launcher.py MODE UID GID LOCK_FD PORT FOLDER PROGRAM [ARGUMENT ...]

MODE `run` executes PROGRAM directly. MODE `serve` executes it in a child in a session of its own, so that Ctrl-C in the
terminal does not reach the server and no parent has to reap it. The child writes `<pid> <port>` into LOCK_FD, an open
and locked file that the server inherits, so that the lock is held exactly as long as the server runs. UID and GID of -1
keep the user.

It runs at the start of every server, so it imports the standard library only.
Exit codes: `CANNOT_BECOME`, `CANNOT_REACH`, `CANNOT_EXECUTE`.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

CANNOT_SWITCH_USER = 71
CANNOT_ACCESS = 77
CANNOT_EXECUTE = 69

PR_SET_KEEPCAPS = 8
PR_SET_SECUREBITS = 28
SECBIT_NO_SETUID_FIXUP = 1 << 2
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_READ_SEARCH = 2
CAP_SETPCAP = 8
CAPABILITY_VERSION_3 = 0x20080522
PR_SET_NO_NEW_PRIVS = 38
SYS_LANDLOCK_CREATE_RULESET = 444
SYS_LANDLOCK_ADD_RULE = 445
SYS_LANDLOCK_RESTRICT_SELF = 446
LANDLOCK_RULE_PATH_BENEATH = 1
LANDLOCK_VERSION = 1
LANDLOCK_READ_FILE = 1 << 2
LANDLOCK_READ_DIR = 1 << 3
LANDLOCK_MOVE = 1 << 13
#: System paths of libraries, devices, shared memory, time zones and user names.
_READABLE = (
    *("/usr", "/lib", "/lib64", "/bin", "/sbin", "/dev", "/proc", "/sys", "/nix/store"),
    *("/etc/ld.so.cache", "/etc/localtime", "/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/hosts"),
    *("/etc/resolv.conf", "/etc/ssl/openssl.cnf"),
)


def main(arguments: list[str]) -> int:
    """Run the program as described in the module; returns only on failure, or in the parent of a server."""
    mode, uid, gid, lock, port, folder, program = arguments[:7]
    if int(uid) >= 0:
        try:
            switch_user(int(uid), int(gid))
        except OSError:
            return CANNOT_SWITCH_USER
        if not _enter_folder(folder, program):
            return CANNOT_ACCESS
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


def switch_user(uid: int, gid: int) -> None:
    """Change the user permanently; on Linux the permitted capabilities are kept until they are reduced."""
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    if sys.platform == "linux":
        # Keeps permitted capabilities across the change of user; the next steps keep one of them or none.
        ctypes.CDLL(None).prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setresuid(uid, uid, uid)


def _enter_folder(folder: str, program: str) -> bool:
    """Change to the folder; below a closed directory such as /root, keep the capability to traverse and read.

    This capability (CAP_DAC_READ_SEARCH) does not allow more writes, and Landlock restricts its reads to the home, the
    program and the system's libraries, without /etc/shadow and files of other users. It is dropped if it is not needed.
    If the kernel has no Landlock, a folder below a closed directory cannot be used.
    """
    if sys.platform != "linux":
        return _change_directory(folder, program)
    if _change_directory(folder, program):
        return set_capabilities(0, 0)
    return (
        keep_read_capability()
        and _change_directory(folder, program)
        and restrict_reading(_readable_paths(folder, program))
    )


def _change_directory(folder: str, program: str) -> bool:
    try:
        os.chdir(folder)
    except PermissionError:
        return False
    return os.access(program, os.X_OK)


def restrict_reading(places: list[str]) -> bool:
    """Restrict reads of this process and its children to these folders and the system's; false without Landlock."""
    libc = ctypes.CDLL(None)
    version = libc.syscall(SYS_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), LANDLOCK_VERSION)
    # Moving a file to another folder is forbidden unless it is allowed, which the first version does not support.
    move = LANDLOCK_MOVE if version > 1 else 0
    handled = ctypes.c_uint64(LANDLOCK_READ_FILE | LANDLOCK_READ_DIR | move)
    ruleset = libc.syscall(SYS_LANDLOCK_CREATE_RULESET, ctypes.byref(handled), ctypes.c_size_t(8), 0)
    if ruleset < 0:
        return False
    for place in (*_READABLE, *places):
        try:
            descriptor = os.open(place, os.O_PATH)
        except OSError:
            continue
        is_folder = os.path.isdir(place)
        allowed = LANDLOCK_READ_FILE | (LANDLOCK_READ_DIR | move if is_folder else 0)
        rule = struct.pack("=Qi", allowed, descriptor)
        done = libc.syscall(SYS_LANDLOCK_ADD_RULE, ruleset, LANDLOCK_RULE_PATH_BENEATH, rule, 0)
        os.close(descriptor)
        if done != 0:
            return False
    bounded = libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 and (
        libc.syscall(SYS_LANDLOCK_RESTRICT_SELF, ruleset, 0) == 0
    )
    os.close(ruleset)
    return bool(bounded)


def _readable_paths(folder: str, program: str) -> list[str]:
    """Paths that a server reads: its working directory, its configuration and its installation.

    The folder is `postgres/data`, `postgres/initialising-*/data` or `valkey`. A program in a wheel is in
    `<package>/.../<installation>/bin`, and its libraries are there or in `<package>.libs`.
    """
    home = os.path.dirname(folder)
    while os.path.basename(home).startswith(("initialising-", "postgres")):
        home = os.path.dirname(home)
    places = [folder, os.path.join(home, "postgres"), os.path.join(home, "servers")]
    above = os.path.dirname(program)
    places.append(os.path.dirname(above))
    while above != os.path.dirname(above):
        places.append(f"{above}.libs")
        above = os.path.dirname(above)
    return places


def keep_read_capability() -> bool:
    """Reduce the process to CAP_DAC_READ_SEARCH, also after exec; false if root does not have it."""
    libc = ctypes.CDLL(None)
    passage = 1 << CAP_DAC_READ_SEARCH
    return (
        set_capabilities(passage | 1 << CAP_SETPCAP, passage)
        # Otherwise access(2), with which initdb looks for its programs, ignores capabilities.
        and libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0) == 0
        and set_capabilities(passage, passage)
        and libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_READ_SEARCH, 0, 0) == 0
    )


def set_capabilities(own: int, inheritable: int) -> bool:
    """Keep only these capabilities, as bit sets."""
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    effective_permitted_inheritable = (ctypes.c_uint32 * 6)(own, own, inheritable, 0, 0, 0)
    return bool(ctypes.CDLL(None).capset(header, effective_permitted_inheritable) == 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
