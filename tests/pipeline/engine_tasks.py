"""Functions for the engine's tests: children import them by name."""

import os
import signal
import time
from contextlib import suppress

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
        for size in (1_000_000, 1_000, 500):
            _hoard(size)
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
    return sorted(name for name in os.environ if "TOKEN" in name)


def process_identity(_: object) -> int:
    return os.getpid()
