"""Forbidden things, one function each, and allowed ones: children import them by name."""

import json
import os
import pickle
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path


@dataclass(frozen=True)
class Attempt:
    """What a child shall try: its name, a folder that it must not touch, a port where somebody listens."""

    name: str
    folder: str
    port: int


def _connect(attempt: Attempt) -> None:
    socket.create_connection(("127.0.0.1", attempt.port), timeout=2).close()


def _request(attempt: Attempt) -> None:
    urllib.request.urlopen(f"http://127.0.0.1:{attempt.port}/", timeout=2).close()


def _send(attempt: Attempt) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.sendto(b"x", ("127.0.0.1", attempt.port))


def _listen(_: Attempt) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))


def _resolve(_: Attempt) -> None:
    socket.getaddrinfo("localhost", 80)


def _write(attempt: Attempt) -> None:
    Path(attempt.folder, "written").write_text("x", encoding="utf-8")


def _append(attempt: Attempt) -> None:
    with Path(attempt.folder, "present").open("a", encoding="utf-8") as file:
        file.write("more")


def _open_low(attempt: Attempt) -> None:
    os.close(os.open(f"{attempt.folder}/low", os.O_WRONLY | os.O_CREAT))


def _folder(attempt: Attempt) -> None:
    Path(attempt.folder, "made").mkdir()


def _remove(attempt: Attempt) -> None:
    Path(attempt.folder, "present").unlink()


def _rename(attempt: Attempt) -> None:
    Path(attempt.folder, "present").rename(Path(attempt.folder, "elsewhere"))


def _link(attempt: Attempt) -> None:
    Path(attempt.folder, "link").symlink_to("present")


def _tree(attempt: Attempt) -> None:
    shutil.rmtree(attempt.folder)


def _temporary(_: Attempt) -> None:
    tempfile.NamedTemporaryFile().close()


def _database(attempt: Attempt) -> None:
    sqlite3.connect(f"{attempt.folder}/made.db").close()


def _process(attempt: Attempt) -> None:
    subprocess.run(["/usr/bin/touch", f"{attempt.folder}/touched"], check=True)


def _shell(attempt: Attempt) -> None:
    os.system(f"touch {attempt.folder}/touched")


def _fork(_: Attempt) -> None:
    if os.fork() == 0:
        os._exit(0)


def _execute(attempt: Attempt) -> None:
    os.execv("/usr/bin/touch", ["touch", f"{attempt.folder}/touched"])


def _spawn(attempt: Attempt) -> None:
    os.posix_spawn("/usr/bin/touch", ["touch", f"{attempt.folder}/touched"], {})


def _kill(_: Attempt) -> None:
    os.kill(os.getppid(), 0)


def _unpickle(_: Attempt) -> None:
    pickle.loads(pickle.dumps(Fraction(1, 2)))


def _token(attempt: Attempt) -> None:
    Path(attempt.folder, "token").read_text(encoding="utf-8")


FORBIDDEN: dict[str, Callable[[Attempt], None]] = {
    action.__name__.lstrip("_"): action
    for action in (
        *(_connect, _request, _send, _listen, _resolve),
        *(_write, _append, _open_low, _folder, _remove, _rename, _link, _tree, _temporary, _database),
        *(_process, _shell, _fork, _execute, _spawn, _kill),
        *(_unpickle, _token),
    )
}


def attempt_it(attempt: Attempt) -> str:
    FORBIDDEN[attempt.name](attempt)
    return "it worked"


def work_as_usual(path: str) -> tuple[object, str, str, bool]:
    """Import, read a file, print, ask for what the environment says."""
    import wave  # a module that nothing imported before

    sys.stderr.write("to nobody\n")
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    return content, wave.__name__, os.environ["HF_HUB_OFFLINE"], sys.dont_write_bytecode


def native_write(folder: str) -> int:
    """Write below Python's audit events, through the C library, and return how many bytes it took."""
    import ctypes

    library = ctypes.CDLL(None)
    descriptor = library.open(f"{folder}/native".encode(), os.O_WRONLY | os.O_CREAT, 0o600)
    return library.write(descriptor, b"x", 1)
