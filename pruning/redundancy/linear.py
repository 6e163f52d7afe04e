"""How much of the states that leave a block no linear map of those that enter it explains."""

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

# Share of the mean square of the entering states that the ridge adds: it bounds the map where text is short.
RIDGE = 1e-6


class LinearResidual:
    """min over A of |Y - A X| / |Y| with a ridge on A, in [0, 1]; X enters, Y leaves, no intercept; all in fp64.

    Holds a (width, width) matrix for every state and one for every block: ask for few block sizes of a wide model.
    """

    def __init__(self, sizes: Collection[int]) -> None:
        self._cross: dict[int, torch.Tensor | float] = dict.fromkeys((0, *sizes), 0.0)

    def add(self, states: "torch.Tensor") -> None:
        """Take in (layers + 1, tokens, width)."""
        rows = states.double()
        columns = rows.transpose(1, 2)
        for size in self._cross:
            self._cross[size] += columns[: len(rows) - size] @ rows[size:]

    def result(self) -> "dict[int, torch.Tensor]":
        """Return the residuals."""
        import torch

        moments = torch.as_tensor(self._cross[0])
        return {size: _residuals(moments, torch.as_tensor(cross)) for size, cross in self._cross.items() if size}


def _residuals(moments: "torch.Tensor", cross: "torch.Tensor") -> "torch.Tensor":
    """Return the residuals from X X^T of all states and X Y^T of the blocks of one size: (blocks)."""
    import torch

    size = len(moments) - len(cross)
    entering, leaving = moments[: len(cross)], moments[size:]
    power = entering.diagonal(dim1=1, dim2=2).mean(dim=1).clamp(min=torch.finfo(torch.float64).tiny)
    ridge = torch.diag_embed((RIDGE * power).unsqueeze(1).expand(-1, entering.shape[1]))
    maps = torch.linalg.solve(entering + ridge, cross)  # A^T
    total = leaving.diagonal(dim1=1, dim2=2).sum(dim=1)
    left = total - 2 * (maps * cross).sum(dim=(1, 2)) + (maps * (entering @ maps)).sum(dim=(1, 2))
    return (left.clamp(min=0) / total).sqrt()
