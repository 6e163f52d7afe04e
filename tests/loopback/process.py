"""The loopback Hub in a process of its own, so that a benchmark's client does not share its interpreter."""

import json
import multiprocessing
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any
from urllib.request import urlopen

from tests.hub_server import HubServer

_START_SECONDS = 120.0  # a new interpreter, and as many models as the factory makes


@dataclass(frozen=True)
class ServedHub:
    """A server that runs elsewhere."""

    url: str
    cdn_url: str | None

    def counts(self) -> dict[str, Any]:
        """Return the server's `Counts`: requests by class, spoiled by fault, over_budget, bytes_sent."""
        with urlopen(f"{self.url}/__counts", timeout=_START_SECONDS) as answer:
            return json.load(answer)


@contextmanager
def serve_in_process(factory: Callable[[], HubServer]) -> Iterator[ServedHub]:
    """Serve what a module's function (or a partial of one) makes; it is called in the new process."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(factory, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(_START_SECONDS):
            raise TimeoutError(f"the loopback Hub did not start in {_START_SECONDS:g} s")
        yield ServedHub(*ours.recv())
    finally:
        ours.close()
        process.join(_START_SECONDS)
        status = process.exitcode
        process.close()
    if status != 0:
        raise RuntimeError(f"the loopback Hub ended with status {status}; its last words are on stderr")


def _serve(factory: Callable[[], HubServer], connection: Connection) -> None:
    """Serve until the other process ends the connection, or itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    with factory() as server:
        connection.send((server.url, server.cdn_url))
        connection.poll(None)
