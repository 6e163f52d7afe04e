"""The one exception inside this stage: a model that cannot be read, with its reason. It ends as a row."""

from store.records import ExtractionReason, ExtractionStatus

# What is no fault of the model and not an error of ours: the rest of the closed list counts as failed.
_SKIPPED: frozenset[ExtractionReason] = frozenset(
    {"component", "gated", "no_config", "pickle_only", "remote_code", "unknown_type", "config_too_big"}
)


class UnreadableError(Exception):
    """A model that cannot be read. `detail` holds the original words."""

    def __init__(self, reason: ExtractionReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: ExtractionReason = reason
        self.detail = detail


def status_of(reason: ExtractionReason) -> ExtractionStatus:
    """Return whether a reason means that the model was left out or that reading it failed."""
    return "skipped" if reason in _SKIPPED else "failed"
