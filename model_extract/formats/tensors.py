"""A tensor as the header of a weight file describes it, and what a header may hold at most."""

from typing import NamedTuple

MAX_TENSORS = 250_000  # the indexes of the largest models that we have seen list some 45,000
MAX_NAME_LENGTH = 1000  # characters; the longest real name that we have seen has 108
MAX_RANK = 64  # of torch's own tensors too
MAX_ELEMENTS = 2**63 - 1  # what the store's BIGINT holds


class Tensor(NamedTuple):
    """Name, type of the elements as the format names it, and size of each dimension (outermost first)."""

    name: str
    dtype: str
    shape: tuple[int, ...]
