"""Rate limits as the Hub announces them: fixed windows, one budget a class of requests."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.loopback.wire import Reply

Budget = Mapping[str, tuple[int, float]]  # class of requests -> how many in a window, and its length in seconds


@dataclass
class _Window:
    started: float
    used: int = 0


class Budgets:
    """The windows of all classes. `now` gives seconds."""

    def __init__(self, budget: Budget, now: Callable[[], float] = time.monotonic) -> None:
        self._budget = budget
        self._now = now
        self._windows: dict[str, _Window] = {}

    def spend(self, name: str) -> tuple[dict[str, str], Reply | None]:
        """Count a request of a class; return the headers that its answer carries, and a refusal if it is one too many.

        A class without a budget has no headers and no refusals.
        """
        if name not in self._budget:
            return {}, None
        quota, seconds = self._budget[name]
        window = self._window(name, seconds)
        window.used += 1
        left = max(1, round(window.started + seconds - self._now()))
        headers = {
            "ratelimit": f'"{name}";r={max(0, quota - window.used)};t={left}',
            "ratelimit-policy": f'"fixed window";"{name}";q={quota};w={seconds:g}',
        }
        if window.used <= quota:
            return headers, None
        return headers, Reply(429, b'{"error":"Too Many Requests"}', {**headers, "Retry-After": str(left)})

    def _window(self, name: str, seconds: float) -> _Window:
        """Return the window of a class, a fresh one if the last is over."""
        window = self._windows.get(name)
        if window is None or self._now() - window.started >= seconds:
            window = self._windows[name] = _Window(self._now())
        return window
