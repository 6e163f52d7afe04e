"""A task that does nothing, for the benchmark of engines: workers of a cluster import it by name."""


def nothing(number: int) -> int:
    """Return the number."""
    return number
