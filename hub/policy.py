"""Limits of a question, and the account of what was sent and received."""

import threading
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Policy:
    """Limits of one request; waits for rate limits and between attempts come on top of `seconds`, each attempt's."""

    seconds: float = 20.0  # one attempt, redirects and the whole body included
    silence_seconds: float = 8.0  # connecting, or the longest pause inside an answer
    attempts: int = 4
    longest_wait_seconds: float = 60.0  # a longer wait for a rate limit is refused instead
    backoff_seconds: float = 0.25  # before the second attempt; doubles
    pause_seconds: float = 0.0  # between the beginnings of two requests


@dataclass
class Traffic:
    """What a client has sent and received so far. Counted under a lock; read as it is."""

    requests: int = 0
    retries: int = 0
    bytes: int = 0
    waited_seconds: float = 0.0
    longest_seconds: float = 0.0  # of one attempt
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count(self, *, n_bytes: int, seconds: float, retry: bool) -> None:
        """Count one attempt."""
        with self._lock:
            self.requests += 1
            self.retries += retry
            self.bytes += n_bytes
            self.longest_seconds = max(self.longest_seconds, seconds)

    def waited(self, seconds: float) -> None:
        """Count a wait."""
        with self._lock:
            self.waited_seconds += seconds


@dataclass
class Allowance:
    """How many bytes the streamed bodies of a client may still bring, all together, and how often they may break off.

    huggingface_hub goes on with a body that broke off as long as some bytes came.
    """

    left_bytes: int
    left_breaks: int = 20
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def covers(self, n_bytes: int) -> bool:
        """Take bytes, and return whether there were as many."""
        with self._lock:
            self.left_bytes -= n_bytes
            return self.left_bytes >= 0

    def forgives(self) -> bool:
        """Count a body that broke off, and return whether that may still be."""
        with self._lock:
            self.left_breaks -= 1
            return self.left_breaks >= 0
