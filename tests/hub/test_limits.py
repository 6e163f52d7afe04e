"""Rate limits: what headers say, how requests are spread, when a class is closed. The clock is the test's."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.limits import RateLimits, Reservation, rate_class, retry_after

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = 3600.0
HEADER_TEXT = st.one_of(
    st.text(max_size=60),
    st.from_regex(r'"[a-z]{1,9}";r=-?\d{1,12};t=\d{1,12}'),
    st.from_regex(r'"fixed window";"[a-z]{1,9}";q=\d{1,12};w=\d{1,12}'),
    st.from_regex(r"[A-Z][a-z]{2}, \d{1,3} [A-Z][a-z]{2} \d{1,6} \d{1,3}:\d\d:\d\d [A-Z+\-0-9]{1,6}"),
    st.from_regex(r"\d{1,12}"),
)


def told(quota: int, window: int, remaining: int, reset: int, name: str = "api") -> dict[str, str]:
    return {
        "ratelimit": f'"{name}";r={remaining};t={reset}',
        "ratelimit-policy": f'"fixed window";"{name}";q={quota};w={window}',
    }


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://h/api/models?limit=1", "api"),
        ("https://h/prefix/api/models", "api"),
        ("https://h/a/b/resolve/0/config.json", "resolvers"),
        ("https://h/api/resolve-cache/models/a/b/0/config.json", "api"),
        ("https://h/a/b", "pages"),
    ],
)
def test_a_request_counts_against_one_limit(url: str, name: str) -> None:
    assert rate_class(url) == name


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": " 120 "}, 120.0),
        ({"retry-after": format_datetime(NOW + timedelta(seconds=90), usegmt=True)}, 90.0),
        ({"retry-after": format_datetime(NOW - timedelta(seconds=90), usegmt=True)}, 0.0),
        ({"retry-after": "Sat, 21 Nov 2026 12:00:30 -0000"}, 30.0),
        ({"retry-after": "Sat, 21 Nov 2026 14:00:30 +0200"}, 30.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "1e9"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "9" * 5000}, None),
        ({"ratelimit": '"api";r=0;t=55'}, 55.0),
        ({"ratelimit": '"api"; r=0 ; t=55'}, 55.0),
        ({"ratelimit": '"api";r=3;t=55'}, None),
        ({"ratelimit": '"api";r=0;t=55', "retry-after": "7"}, 7.0),
        ({"ratelimit": '"api";r=0;t=55', "retry-after": "soon"}, 55.0),
    ],
)
def test_how_long_an_answer_asks_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


@given(HEADER_TEXT, HEADER_TEXT)
def test_any_header_asks_for_a_wait_or_for_none(after: str, limit: str) -> None:
    wait = retry_after({"retry-after": after, "ratelimit": limit}, NOW)
    assert wait is None or 0.0 <= wait < 1e12


@given(st.lists(st.tuples(HEADER_TEXT, HEADER_TEXT), max_size=5))
def test_no_header_makes_a_limit_lose_count(headers: list[tuple[str, str]]) -> None:
    limits = RateLimits({"api": (10, 100)})
    for limit, policy in headers:
        limits.learn("api", {"ratelimit": limit, "ratelimit-policy": policy}, now=5.0)
        budget = limits.budget("api", now=5.0)
        assert budget is not None
        assert 0 <= budget.remaining <= max(budget.quota, 10**9) and 0.0 <= budget.reset_seconds <= 10**9
        assert limits.reserve("api", now=5.0, longest_seconds=1.0).seconds >= 0.0


def test_a_class_without_a_limit_never_waits() -> None:
    limits = RateLimits({})
    assert [limits.reserve("pages", now=0.0) for _ in range(1000)] == [Reservation(0.0, granted=True)] * 1000
    assert limits.budget("pages") is None


def test_the_second_half_of_a_window_is_spread_evenly_over_its_rest() -> None:
    """10 requests in 100 s: six at once (after the fifth, half is left), then one each 20 s; the next window after."""
    limits = RateLimits({"api": (10, 100)})
    waits = [limits.reserve("api", now=0.0) for _ in range(10)]
    assert [wait.seconds for wait in waits] == pytest.approx([0, 0, 0, 0, 0, 0, 20, 40, 60, 80])
    assert all(wait.granted for wait in waits)
    assert limits.reserve("api", now=0.0) == Reservation(100.0, granted=False)
    assert limits.reserve("api", now=100.0) == Reservation(0.0, granted=True)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 200))
def test_however_many_come_at_once_none_waits_beyond_the_window(quota: int, window: int, burst: int) -> None:
    limits = RateLimits({"api": (quota, window)})
    reservations = [limits.reserve("api", now=7.0) for _ in range(burst)]
    assert sum(reservation.granted for reservation in reservations) == min(quota, burst)
    assert all(0.0 <= reservation.seconds <= window + 1e-6 for reservation in reservations)


def test_what_would_wait_too_long_takes_nothing() -> None:
    limits = RateLimits({"api": (10, 100)})
    for _ in range(6):
        limits.reserve("api", now=0.0)
    for _ in range(50):
        assert limits.reserve("api", now=0.0, longest_seconds=5.0) == Reservation(20.0, granted=False)
    assert limits.reserve("api", now=0.0, longest_seconds=30.0) == Reservation(20.0, granted=True)
    budget = limits.budget("api", now=0.0)
    assert budget is not None and budget.remaining == 3


def test_the_servers_number_counts_when_it_is_smaller() -> None:
    limits = RateLimits({"api": (500, 300)})
    limits.reserve("api", now=0.0)
    limits.learn("api", told(500, 300, remaining=3, reset=300), now=0.0)
    limits.learn("api", told(500, 300, remaining=9, reset=299), now=1.0)  # an answer that was overtaken
    budget = limits.budget("api", now=1.0)
    assert budget is not None and budget.remaining == 3
    limits.learn("api", told(500, 300, remaining=499, reset=300), now=50.0)
    assert limits.reserve("api", now=50.0) == Reservation(0.0, granted=True), "a new window is taken at once"


def test_the_limit_that_a_header_names_is_the_one_it_speaks_of() -> None:
    limits = RateLimits({"api": (500, 300), "resolvers": (3000, 300)})
    limits.learn("resolvers", told(500, 300, remaining=0, reset=300, name="api"), now=0.0)
    assert limits.reserve("resolvers", now=0.0).granted
    assert not limits.reserve("api", now=0.0).granted
    limits.learn("resolvers", told(100, 10, remaining=0, reset=10, name="something"), now=0.0)
    assert not limits.reserve("resolvers", now=0.0).granted, "an unknown name is that of the request's own limit"


def test_a_mirror_without_known_limits_tells_its_own() -> None:
    limits = RateLimits({})
    limits.learn("api", {"ratelimit": '"api";r=0;t=9'}, now=0.0)
    assert limits.reserve("api", now=0.0).granted, "a remainder without a quota says nothing lasting"
    limits.learn("api", told(4, 10, remaining=0, reset=9), now=0.0)
    assert limits.reserve("api", now=0.0) == Reservation(9.0, granted=False)


def test_no_reset_is_further_away_than_its_window() -> None:
    limits = RateLimits({"api": (500, 300)})
    limits.learn("api", {"ratelimit": '"api";r=0;t=999999999'}, now=0.0)
    assert limits.reserve("api", now=0.0) == Reservation(300.0, granted=False)


def test_five_refusals_in_a_row_close_a_class_until_the_time_is_over() -> None:
    limits = RateLimits({})
    for count in range(1, 6):
        assert limits.reserve("api", now=0.0).granted
        limits.refused("api", HOUR, now=float(count))
    assert limits.reserve("api", now=5.0) == Reservation(HOUR, granted=False)
    assert limits.reserve("resolvers", now=5.0).granted
    assert limits.reserve("api", now=5.0 + HOUR).granted


def test_an_answer_in_between_keeps_a_class_open() -> None:
    limits = RateLimits({})
    for _ in range(20):
        for _ in range(4):
            limits.refused("api", HOUR, now=0.0)
        limits.answered("api")
    assert limits.reserve("api", now=0.0).granted


def test_pauses_lie_between_requests_of_all_classes() -> None:
    limits = RateLimits({"api": (500, 300)}, pause_seconds=2.0)
    waits = [limits.reserve(name, now=0.0).seconds for name in ("api", "pages", "api")]
    assert waits == [0.0, 2.0, 4.0]
    assert limits.reserve("pages", now=10.0).seconds == 0.0


def test_threads_together_get_no_more_than_the_budget() -> None:
    limits = RateLimits({"api": (1000, 300)})
    with ThreadPoolExecutor(16) as threads:
        granted = list(threads.map(lambda _: limits.reserve("api", now=0.0).granted, range(3000)))
    assert sum(granted) == 1000
