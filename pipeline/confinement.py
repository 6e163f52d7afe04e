"""What is taken from a child process that works on things nobody vouches for: network, files, processes, pickles.

Three nets, one below the other. Python's own audit events (https://peps.python.org/pep-0578/) refuse with a message
that names what was tried. Limits of the system (setrlimit(2)) hold for native code too. A network namespace of its own
(unshare(2)) leaves the process without any interface, where the kernel allows one. None can be undone from inside.
"""

import ctypes
import os
import resource
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

_NEW_USER = 0x10000000  # CLONE_NEWUSER and CLONE_NEWNET of linux/sched.h
_NEW_NETWORK = 0x40000000
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Files in which clients keep tokens and passwords: nothing that is built needs one.
_SECRET_FILES = frozenset({"token", "stored_tokens", ".netrc", "_netrc", "credentials", ".git-credentials"})
# Read by libraries when they are imported.
_ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    # Some models import datasets, whose pyarrow otherwise reserves a gigabyte: most of what a child may have.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}
_REFUSED = frozenset(
    {
        *(f"socket.{name}" for name in ("connect", "bind", "sendto", "sendmsg")),
        *(f"socket.{name}" for name in ("getaddrinfo", "gethostbyname", "gethostbyaddr", "getnameinfo")),
        "subprocess.Popen",
        "pty.spawn",
        *(f"os.{name}" for name in ("system", "exec", "posix_spawn", "spawn", "fork", "forkpty", "kill", "killpg")),
        *(f"os.{name}" for name in ("chflags", "chmod", "chown", "link", "mkdir", "remove", "rename", "rmdir")),
        *(f"os.{name}" for name in ("removexattr", "setxattr", "symlink", "truncate", "utime")),
        *(f"shutil.{name}" for name in ("chown", "copyfile", "copymode", "copystat", "copytree", "make_archive")),
        *(f"shutil.{name}" for name in ("move", "rmtree", "unpack_archive")),
        "sqlite3.connect",
        "pickle.find_class",
    }
)


class ConfinedError(PermissionError):
    """Something that a confined process may not do. The message names it."""


@dataclass
class _Gate:
    open: bool = False


_OWN_MESSAGES = _Gate()


def confine() -> None:
    """Take network, writing, new processes and pickles from this process and those it might start, for good.

    What it prints goes nowhere: texts from outside never reach a terminal or a log from here.
    """
    os.environ.update(_ENVIRONMENT)
    tempfile.tempdir = os.sep  # libraries ask for a folder at import, which otherwise is found by writing a file
    sys.dont_write_bytecode = True
    _silence()
    _leave_network()
    for limit in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        resource.setrlimit(limit, (0, 0))
    sys.addaudithook(_audit)


@contextmanager
def trusted() -> Iterator[None]:
    """Let the engine unpickle the parent's own message in a confined process."""
    _OWN_MESSAGES.open = True
    try:
        yield
    finally:
        _OWN_MESSAGES.open = False


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open":
        _check_open(*arguments)
    elif event in _REFUSED and not _OWN_MESSAGES.open:
        raise ConfinedError(f"a confined process may not do this: {event} {_first(arguments)}")


def _check_open(path: object, _: object, flags: int) -> None:
    if flags & _WRITING and path != os.devnull:
        raise ConfinedError(f"a confined process may not write files: {path!r:.200}")
    if isinstance(path, str) and PurePath(path).name in _SECRET_FILES:
        raise ConfinedError(f"a confined process may not read files of secrets: {path!r:.200}")


def _first(arguments: tuple[Any, ...]) -> str:
    """Return the shortest useful part of an event's arguments; a socket comes before its address."""
    named = [argument for argument in arguments if isinstance(argument, str | bytes | tuple | list)]
    return f"{named[0]!r:.200}" if named else ""


def _silence() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    os.close(nowhere)


def _leave_network() -> None:
    """Move to a network namespace without interfaces; where the kernel allows none, the audit hook stands alone."""
    with suppress(OSError, AttributeError):  # AttributeError: no unshare() in this libc
        unshare = ctypes.CDLL(None).unshare
        # The second way is for those who are not root, and changes how they see owners: hence the second.
        if unshare(_NEW_NETWORK) != 0:
            unshare(_NEW_USER | _NEW_NETWORK)
