"""Debiased linear CKA between the hidden states of all layers, from one forward pass over the text.

Kornblith et al. 2019 (arXiv 1905.00414, section 3); unbiased HSIC of Song et al. 2012 (JMLR 13, section 2.3); over
minibatches as Nguyen, Raghu, Kornblith 2021 (arXiv 2010.15327, section 3).
"""

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from pruning.adapters.parts import Adapter
from pruning.errors import UnsupportedModelError
from pruning.redundancy.states import all_tokens, text_states

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

# The Gram matrices of 33 states in fp64 are 280 MB.
MINIBATCH_TOKENS = 1024
# Unbiased HSIC is not defined for fewer tokens.
FEWEST_TOKENS = 4
# Below this share of its Gram matrix what centring leaves is rounding.
_ROUNDING = 1e-12


class LinearCka:
    """Running CKA of several states of the same tokens, in minibatches of `most` tokens or a little fewer, all in fp64.

    `tokens`, how many will come, are shared out to minibatches whose sizes differ by at most one; when they fit in one
    the result is the debiased CKA of all tokens. `most` is at least 8. Raises `UnsupportedModelError` for fewer than
    four tokens.
    """

    def __init__(self, states: int, tokens: int, most: int = MINIBATCH_TOKENS) -> None:
        import torch

        if tokens < FEWEST_TOKENS:
            raise UnsupportedModelError(f"CKA needs at least {FEWEST_TOKENS} tokens of text; got {tokens}")
        self._sizes = _even_sizes(tokens, most)
        self._pieces: list[torch.Tensor] = []
        self._hsic = torch.zeros(states, states, dtype=torch.float64)
        self._power = torch.zeros(states, dtype=torch.float64)
        self._equal = {*combinations(range(states), 2)}

    def add(self, states: "torch.Tensor") -> None:
        """Take in (states, tokens, width)."""
        while states.shape[1]:
            room = self._sizes[-1] - sum(piece.shape[1] for piece in self._pieces)
            piece, states = states[:, :room], states[:, room:]
            self._pieces.append(piece)
            if piece.shape[1] == room:
                self._measure(self._sizes.pop())
                self._pieces.clear()
        # A view would hold the whole batch.
        self._pieces = [piece.clone() for piece in self._pieces]

    def result(self) -> "torch.Tensor":
        """Return CKA, symmetric, in [-1, 1]: (states, states), fp64. States that were always equal have exactly 1.

        NaN where one state is the same for all tokens, or for all but one: CKA is not defined there.
        """
        import torch

        own = self._hsic.diagonal()
        cka = (self._hsic / (own.sqrt().unsqueeze(1) * own.sqrt())).clamp(-1, 1).fill_diagonal_(1)
        for one, other in self._equal:
            cka[one, other] = cka[other, one] = 1
        defined = own > _ROUNDING**2 * self._power
        return torch.where(defined.unsqueeze(1) & defined, cka, torch.nan)

    def _measure(self, tokens: int) -> None:
        """Add the unbiased HSIC of all pairs in the minibatch that is held."""
        import torch

        self._equal = {
            pair for pair in self._equal if all(torch.equal(piece[pair[0]], piece[pair[1]]) for piece in self._pieces)
        }
        rows = torch.empty(len(self._power), tokens * tokens, dtype=torch.float64, device=self._pieces[0].device)
        share = tokens * (tokens - 3)
        for index, row in enumerate(rows):
            gram, power = _centred_gram(torch.cat([piece[index] for piece in self._pieces]))
            row.copy_(gram.flatten())
            self._power[index] += float(power) / share
        self._hsic += (rows @ rows.T / share).cpu()


def layer_cka(
    model: "PreTrainedModel", adapter: Adapter, windows: Sequence[Sequence[int]], most: int = MINIBATCH_TOKENS
) -> "torch.Tensor":
    """Return `LinearCka` between h_0 ... h_L of all tokens of the text: (layers + 1, layers + 1), fp64.

    A minibatch holds tokens that follow one another. Raises `UnsupportedModelError` and `NotFiniteError`.
    """
    import torch

    running = LinearCka(len(adapter.layers) + 1, sum(map(len, windows)), most)
    with torch.inference_mode():
        for states in text_states(model, adapter, windows, all_tokens, "cka"):
            running.add(states)
    return running.result()


def _even_sizes(tokens: int, most: int) -> list[int]:
    """Return the sizes of the fewest minibatches of at most `most` tokens."""
    count = -(-tokens // most)
    return [(tokens + place) // count for place in range(count)]


def _centred_gram(states: "torch.Tensor") -> "tuple[torch.Tensor, torch.Tensor]":
    """Return the U-centred Gram matrix of (tokens, width) and the sum of squares of the plain one, fp64.

    The inner product of two such matrices is tokens * (tokens - 3) times the unbiased HSIC (Szekely and Rizzo 2014,
    Annals of Statistics 42, section 3): equal to Song's three terms, which cancel, and never below 0 for a state and
    itself.
    """
    tokens = len(states)
    rows = states.double()
    # Subtracting a token first makes states that do not vary exactly 0. Moving all tokens changes no HSIC.
    rows = rows - rows[0]
    rows -= rows.mean(dim=0)
    gram = rows @ rows.T
    power = gram.square().sum()
    gram.fill_diagonal_(0)
    sums = gram.sum(dim=1) / (tokens - 2)
    gram += sums.sum() / (tokens - 1) - sums.unsqueeze(1) - sums
    return gram.fill_diagonal_(0), power
