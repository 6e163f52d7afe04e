"""What a sanity check answers."""

from dataclasses import dataclass

from store.records import CheckOutcome


@dataclass(frozen=True)
class Check:
    """One answer. `detail` says what was expected and what was found."""

    name: str
    outcome: CheckOutcome
    detail: str


def answer(name: str, passed: bool, detail: str) -> Check:
    """Return a check that passed or failed."""
    return Check(name, "ok" if passed else "failed", detail)
