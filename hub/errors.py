"""What can go wrong between this machine and the Hub."""

from typing import Literal

HubErrorKind = Literal[
    "timeout",  # no whole answer in time
    "network",  # no connection, a broken answer, a server error that did not heal
    "rate_limited",  # the Hub asks for a longer wait than this run allows
    "too_big",  # a body above the limit of the question
    "gated",  # access must be asked for, or the token does not suffice
    "not_found",  # no such repository or revision, or it is disabled
    "no_file",  # the repository has no such file
]
PASSING: frozenset[HubErrorKind] = frozenset({"timeout", "network", "rate_limited"})  # another time may do better


def hidden(text: str, authorization: str | None) -> str:
    """Return a text of the other side's without the credential that it was sent, in an Authorization header."""
    credential = (authorization or "").rpartition(" ")[2]
    return text.replace(credential, "[token]") if credential else text


class HubError(Exception):
    """A question to which the Hub gave no usable answer.

    `detail` never holds a credential, nor a character that steers a terminal.
    """

    def __init__(self, kind: HubErrorKind, detail: str) -> None:
        detail = "".join(letter if letter.isprintable() else "�" for letter in detail)
        super().__init__(f"{kind}: {detail}")
        self.kind: HubErrorKind = kind
        self.detail = detail
        self.requests = 0  # that were sent before it was clear
