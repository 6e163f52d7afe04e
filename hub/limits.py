"""The Hub's rate limits: what its headers say, how to stay within them, and how long a wait may be.

Headers: `ratelimit: "api";r=12;t=55` (remaining requests, seconds to the reset) and `ratelimit-policy:
"fixed window";"api";q=500;w=300` (requests a window, seconds), after the IETF draft httpapi-ratelimit-headers-09;
`Retry-After` in both forms of RFC 9110, 10.2.3.
"""

import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal, get_args
from urllib.parse import urlsplit

RateClass = Literal["api", "resolvers", "pages"]

# Requests and seconds of a window at the public Hub, without and with a free token (November 2026).
PUBLIC_BUDGETS: dict[bool, dict[RateClass, tuple[int, int]]] = {
    False: {"api": (500, 300), "resolvers": (3000, 300)},
    True: {"api": (1000, 300), "resolvers": (5000, 300)},
}
_REFUSALS = 5
_REMAINING = re.compile(r'"(?P<name>[\w-]{1,40})"\s*;\s*r=(?P<r>\d{1,9})\s*;\s*t=(?P<t>\d{1,9})')
_POLICY = re.compile(r'"(?P<name>[\w-]{1,40})"\s*;\s*q=(?P<q>\d{1,9})\s*;\s*w=(?P<w>\d{1,9})')
_SECONDS = re.compile(r"\d{1,9}")


@dataclass(frozen=True)
class Budget:
    """What is left of a rate limit: `remaining` of `quota` requests for the next `reset_seconds`."""

    quota: int
    remaining: int
    reset_seconds: float


@dataclass(frozen=True)
class Reservation:
    """How long to wait, seconds; then send the request if it is `granted`, else ask again."""

    seconds: float
    granted: bool


def rate_class(url: str) -> RateClass:
    """Return which limit a request counts against."""
    path = urlsplit(url).path
    if "/resolve/" in path:
        return "resolvers"
    return "api" if "/api/" in path else "pages"


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Return how long an answer asks to wait, seconds >= 0; None = it does not say, or not in a known form.

    `Retry-After` counts, else the reset of a `ratelimit` header with nothing remaining.
    """
    value = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(value):
        return float(value)
    moment = _http_date(value)
    if moment is not None:
        return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
    match = _REMAINING.search(headers.get("ratelimit", "")[:500])
    return float(match["t"]) if match and int(match["r"]) == 0 else None


class RateLimits:
    """What is known of each limit of one host, shared by all threads.

    While less than half of a window's requests remain, they are spread over the time to its reset, so that the window
    never runs dry and no request is answered with 429.
    """

    def __init__(self, budgets: Mapping[RateClass, tuple[int, int]], pause_seconds: float = 0.0) -> None:
        self._lock = threading.Lock()
        self._pause, self._next_at = pause_seconds, 0.0
        self._states = {name: _Window(*budget) for name, budget in budgets.items()}
        self._refusals: dict[RateClass, int] = {}
        self._closed: dict[RateClass, float] = {}

    def reserve(self, name: RateClass, now: float | None = None, longest_seconds: float = float("inf")) -> Reservation:
        """Take one request from a budget; nothing is taken when its turn is more than `longest_seconds` away."""
        now = time.monotonic() if now is None else now
        with self._lock:
            closed_until = self._closed.get(name, 0.0)
            if now < closed_until:
                return Reservation(closed_until - now, granted=False)
            state = self._states.get(name)
            start = max(now, self._next_at, state.turn(now) if state else now)
            spent = state is not None and state.remaining <= 0
            if spent or start - now > longest_seconds:
                return Reservation(start - now, granted=False)
            if state:
                state.take(start)
            self._next_at = start + self._pause if self._pause else 0.0
            return Reservation(start - now, granted=True)

    def learn(self, name: RateClass, headers: Mapping[str, str], now: float | None = None) -> None:
        """Take over what an answer says of a limit: the one it names, else the one its request counts against.

        Without a known quota a remainder says nothing lasting.
        """
        found = _REMAINING.search(headers.get("ratelimit", "")[:500])
        if found is None:
            return
        policy = _POLICY.search(headers.get("ratelimit-policy", "")[:500])
        said = next((known for known in get_args(RateClass) if known == found["name"]), name)
        with self._lock:
            state = self._states.get(said)
            if policy:
                state = state or self._states.setdefault(said, _Window(1, 1))
                state.quota, state.seconds = max(int(policy["q"]), 1), max(int(policy["w"]), 1)
            if state:
                now = time.monotonic() if now is None else now
                state.told(int(found["r"]), now + min(int(found["t"]), state.seconds))

    def refused(self, name: RateClass, seconds: float, now: float | None = None) -> None:
        """Count a refusal that asks for a longer wait than is taken.

        `_REFUSALS` of them without an answer in between are the Hub's word, not one model's: until the time is over
        no request of this class is sent.
        """
        with self._lock:
            self._refusals[name] = self._refusals.get(name, 0) + 1
            if self._refusals[name] >= _REFUSALS:
                self._closed[name] = (time.monotonic() if now is None else now) + seconds

    def answered(self, name: RateClass) -> None:
        """Count an answer that is no refusal."""
        with self._lock:
            self._refusals[name] = 0

    def budget(self, name: RateClass, now: float | None = None) -> Budget | None:
        """Return what is left of a limit; None = no limit is known."""
        now = time.monotonic() if now is None else now
        with self._lock:
            state = self._states.get(name)
            if state is None:
                return None
            state.roll(now)
            return Budget(state.quota, max(0, state.remaining), max(0.0, state.reset_at - now))


class _Window:
    """A fixed window: `quota` requests in `seconds`; begins with its first request."""

    def __init__(self, quota: int, seconds: int) -> None:
        self.quota, self.seconds = quota, seconds
        self.remaining = quota
        self.reset_at = 0.0
        self._next_at = 0.0  # the moment at which the next request may go when requests are spread

    def roll(self, now: float) -> None:
        if now >= self.reset_at:
            self.remaining, self.reset_at, self._next_at = self.quota, now + self.seconds, now

    def told(self, remaining: int, reset_at: float) -> None:
        """Believe the server. Requests under way are not in its number, so the smaller one counts in one window."""
        same_window = abs(reset_at - self.reset_at) < 2.0
        if remaining > self.remaining and not same_window:
            self._next_at = 0.0
        self.remaining = min(remaining, self.remaining) if same_window else remaining
        self.reset_at = reset_at

    def turn(self, now: float) -> float:
        """Return when the next request may go; at the latest with the next window."""
        self.roll(now)
        return self.reset_at if self.remaining <= 0 else min(max(now, self._next_at), self.reset_at)

    def take(self, start: float) -> None:
        """Take the request that goes at `start`. Those that follow share the rest of the window evenly."""
        gap = 0.0 if self.remaining * 2 > self.quota else max(0.0, self.reset_at - start) / self.remaining
        self._next_at = start + gap
        self.remaining -= 1


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text[:100]) if text else None
    except (ValueError, TypeError, OverflowError):
        return None
    if moment is None:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
