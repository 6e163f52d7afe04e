"""The ways to answer badly, by name, and the plan that says which request meets which."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Literal

Fault = Literal[
    "gated",  # 403 with the Hub's code
    "unauthorized",  # 401 with the Hub's code
    "disabled",  # 403 with the Hub's words
    "no_repository",  # 404, the repository is gone
    "no_config",  # 404, the repository has no such file
    "server_error",  # 500
    "bad_gateway",  # 502
    "unavailable",  # 503
    "too_many",  # 429, asks to wait for an hour
    "too_many_briefly",  # 429, Retry-After in seconds
    "too_many_until",  # 429, Retry-After as a date
    "too_many_ratelimit",  # 429, only the header `ratelimit` tells how long
    "no_content",  # 204
    "not_modified",  # 304, though nobody asked for it
    "elsewhere",  # 302 to another host
    "foreign_redirect",  # 302 to another host that nobody has
    "file_redirect",  # 302 to a file of the client's machine
    "redirect_loop",  # 302 to itself
    "broken_json",  # 200, half a document
    "garbage_json",  # 200, bytes that are no JSON and no UTF-8
    "deep_json",  # 200, lists nested 100,000 levels
    "wrong_types",  # 200, the right names with values of wrong types
    "gzip_bomb",  # 200, four megabytes that become four gigabytes
    "huge_headers",  # 200 with a megabyte of repeated headers
    "negative_length",  # 200, Content-Length: -5
    "text_length",  # 200, Content-Length: many
    "foreign_link",  # a listing whose next page is on another host
    "looping_link",  # a listing whose next page is itself
    "range_ignored",  # 200 with the whole file, however large
    "wrong_content_range",  # 206 that names an impossible range
    "other_range",  # 206 with, and naming, other bytes than asked for
    "short_range",  # 206 with, and naming, half of the bytes asked for
    "long_range",  # 206 that names the range asked for and brings twice as many bytes
    "silent",  # takes the request and says nothing
    "dripping",  # 200, one byte of the body now and then, for ever
    "dripping_headers",  # 200, one byte of a header now and then, for ever
    "endless",  # 200, more bytes than any config has, as announced
    "endless_chunks",  # 200, more bytes than any config has, of unannounced length
    "truncated",  # 200, half of the body, then the end
    "reset",  # 200, half of the body, then a reset
    "garbage",  # bytes that are no HTTP
    "bad_status_line",  # an answer whose status is a word
]


@dataclass(frozen=True)
class FaultPlan:
    """Transient faults: the first `failures` requests of a share of all resources are spoiled, the later ones are not.

    `rates` gives each fault's share of the resources, in [0, 1], together at most 1. Which resource meets which fault
    depends on the seed and the resource (path and query) alone. A fault that does not fit a request, such as one of
    ranges where none is asked for, leaves the answer right and counts all the same.
    """

    rates: Mapping[Fault, float]
    seed: int = 0
    failures: int = 1

    def __post_init__(self) -> None:
        if min(self.rates.values(), default=0) < 0 or sum(self.rates.values()) > 1 + 1e-9:
            raise ValueError(f"rates are shares of all resources, together at most 1; got {dict(self.rates)}")

    def choice(self, resource: str) -> Fault | None:
        """Return the fault that a resource's first requests meet; None = none."""
        digest = blake2b(f"{self.seed}:{resource}".encode(), digest_size=8).digest()
        share = int.from_bytes(digest, "big") / 2**64
        for fault, rate in self.rates.items():
            if share < rate:
                return fault
            share -= rate
        return None


@dataclass
class FaultState:
    """A plan on its way: how often each spoiled resource was asked for."""

    plan: FaultPlan | None
    met: dict[str, int] = field(default_factory=dict)

    def meet(self, resource: str) -> Fault | None:
        """Count a request and return the fault that it meets."""
        fault = self.plan.choice(resource) if self.plan else None
        if self.plan is None or fault is None:
            return None
        self.met[resource] = self.met.get(resource, 0) + 1
        return fault if self.met[resource] <= self.plan.failures else None
