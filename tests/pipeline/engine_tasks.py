"""Functions for the engine's tests: children import them by name."""

import gc
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_HELD: list[bytes] = []


def double(number: int) -> int:
    return 2 * number


def misbehave(how: str) -> str:
    if how == "raise":
        raise ValueError("bad value")
    if how == "hang":
        while True:
            time.sleep(60)
    if how == "eat":
        block = bytearray(600_000_000)
        return str(len(block))
    if how == "hoard":
        answer = how * 1_000_000  # made while there is memory; sending it takes as much again
        for size in (1_000_000, 1_000):
            _hoard(size)
        return answer
    if how == "bad_alloc":
        raise RuntimeError("std::bad_alloc")
    if how == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "exit":
        os._exit(3)
    return how


def _hoard(size: int) -> None:
    """Take memory until there is none, and keep it."""
    with suppress(MemoryError):
        while True:
            _HELD.append(bytes(size))


def secrets_seen(_: object) -> list[str]:
    """Return the secrets in this process' environment and in the one that its server was started with."""
    server = Path(f"/proc/{os.getppid()}/environ").read_bytes().decode().split("\0")
    return sorted(name for name in {*os.environ, *(line.partition("=")[0] for line in server)} if "TOKEN" in name)


def garbage_and_imports(_: object) -> tuple[bool, bool, bool]:
    """Return whether garbage is looked for, whether something is left out, and whether the server rested."""
    return gc.isenabled(), gc.get_freeze_count() > 0, "pipeline.engines.resting" in sys.modules


def process_identity(_: object) -> int:
    return os.getpid()


def end_whoever_runs_the_child(_: object) -> None:
    """Kill the process that holds the fork server: the worker of a cluster, not only the child."""
    server = Path(f"/proc/{os.getppid()}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    os.kill(int(server[1]), signal.SIGKILL)
    time.sleep(60)


def note_then_hang_in_the_second(path: str) -> None:
    """Say who works on it, in one step, and hang when it is the second."""
    Path(f"{path}.tmp").write_text(str(os.getpid()), encoding="utf-8")
    Path(f"{path}.tmp").rename(path)
    while path.endswith("second"):
        time.sleep(60)


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def runs(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
