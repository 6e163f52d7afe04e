"""Functions for the engine's tests: children import them by name."""

import os
import signal
import time


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
    if how == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "exit":
        os._exit(3)
    return how


def secrets_seen(_: object) -> list[str]:
    return sorted(name for name in os.environ if "TOKEN" in name)


def process_identity(_: object) -> int:
    return os.getpid()
