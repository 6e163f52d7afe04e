"""Tensors without storage that remember their values where these are few and follow from the inputs alone.

A forward on the meta device fails where its course depends on values: how many tokens are an image's, whether a mask
is all true. Such values follow from the small integer inputs and not from weights. So each meta storage may have a
twin in real memory, and an operation whose operands all have one is also calculated. What depends on weights stays
unknown. Where a value of it is asked for, it is assumed: 1 for a number, 0 for the numbers of a list, False for a
truth, every element for a selection. Shapes after such a selection are upper bounds.

Modes: https://docs.pytorch.org/docs/stable/notes/extending.html#extending-all-torch-api-with-modes
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._mode_utils import no_dispatch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

MOST_ELEMENTS = 16_384  # of a known tensor: a mask of 128 by 128
_MOST_BYTES = 16 * MOST_ELEMENTS
_SWEEP = 512  # twins above which those of dead storages are dropped
_META = torch.device("meta")
_MASKS = (torch.bool, torch.uint8)
aten = torch.ops.aten
# Their values follow from the size of the operand, not from what is in it.
_OF_SIZE = frozenset(
    {
        aten.new_zeros.default,
        aten.new_ones.default,
        aten.new_full.default,
        aten.zeros_like.default,
        aten.ones_like.default,
        aten.full_like.default,
    }
)
_UNSET = frozenset(
    {aten.empty.memory_format, aten.new_empty.default, aten.empty_like.default, aten.empty_strided.default}
)


class OvertimeError(Exception):
    """A forward that was stopped at its deadline."""


@contextmanager
def known_values(deadline: float) -> Iterator["Twins"]:
    """Run torch inside on the meta device alone and follow the values that are known.

    `deadline` is a moment of `time.monotonic`; the first operation after it raises `OvertimeError`.
    """
    twins = Twins()
    with torch.no_grad(), _Dispatch(twins, deadline), _Functions(twins):
        yield twins


class Twins:
    """The known values: storage on the meta device -> storage in memory with the same layout."""

    def __init__(self) -> None:
        # The weak reference keeps the address from being used again while the entry lives.
        self._twins: dict[int, tuple[StorageWeakRef, torch.UntypedStorage]] = {}
        self._sweep_at = _SWEEP

    def value(self, tensor: torch.Tensor) -> torch.Tensor | None:
        """Return the values of a meta tensor as a view of its twin, None = unknown."""
        found = self._twins.get(tensor.untyped_storage()._cdata)
        if found is None:
            return None
        with no_dispatch():
            blank = torch.empty(0, dtype=tensor.dtype)
            return blank.set_(found[1], tensor.storage_offset(), tensor.size(), tensor.stride())

    def remember(self, tensor: torch.Tensor, value: torch.Tensor) -> None:
        """Keep the values of a meta tensor, unless its storage is too large."""
        storage = tensor.untyped_storage()
        if storage.nbytes() > _MOST_BYTES:
            return
        if len(self._twins) > self._sweep_at:
            self._twins = {key: pair for key, pair in self._twins.items() if not pair[0].expired()}
            self._sweep_at = max(_SWEEP, 2 * len(self._twins))
        with no_dispatch():
            self._twins[storage._cdata] = (StorageWeakRef(storage), torch.UntypedStorage(storage.nbytes()))
            twin = self.value(tensor)
            assert twin is not None
            twin.copy_(value)

    def set(self, tensor: torch.Tensor, number: int) -> None:
        """Say which number a meta tensor without axes holds."""
        with no_dispatch():
            self.remember(tensor, torch.tensor(number))

    def forget(self, tensor: torch.Tensor) -> None:
        self._twins.pop(tensor.untyped_storage()._cdata, None)

    def enter(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return a tensor in memory as one on the meta device; one that is there already as it is."""
        if tensor.is_meta:
            return tensor
        entered = torch.empty_like(tensor, device=_META)
        self.remember(entered, tensor)
        return entered


class _Dispatch(TorchDispatchMode):
    """Sees every operation below autograd."""

    def __init__(self, twins: Twins, deadline: float) -> None:
        super().__init__()
        self._twins = twins
        self._deadline = deadline

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if time.monotonic() > self._deadline:
            raise OvertimeError("the time for the forward was over")
        kwargs = {**(kwargs or {}), "device": _META} if _takes_device(func) else kwargs or {}
        if not all(tensor.is_meta for tensor in _operands(args, kwargs)):
            args, kwargs = tree_map_only(torch.Tensor, self._twins.enter, (args, kwargs))
        answer = _ANSWERS.get(func)
        if answer is not None:
            return answer(self._twins, func, *args, **kwargs)
        if func in _INDEXED:
            args = (args[0], _without_masks(self._twins, args[1]), *args[2:])
        if func in _SPLIT:
            args = (args[0], _whole(args[0], *args[1:], **kwargs), *args[2:])
        result = func(*args, **kwargs)
        _follow(self._twins, func, args, kwargs, result)
        return result


class _Functions(TorchFunctionMode):
    """Sees calls that leave the dispatcher: from and to Python's own values."""

    def __init__(self, twins: Twins) -> None:
        super().__init__()
        self._twins = twins

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in _FROM_PYTHON:  # would make an empty meta tensor of the values it is given
            numbers = (
                tree_map_only(torch.Tensor, self._number, args[0]) if isinstance(args[0], list | tuple) else args[0]
            )
            return func(numbers, *args[1:], **{key: value for key, value in kwargs.items() if key != "device"})
        if func in _TO_PYTHON:
            with no_dispatch():
                return func(_assumed(self._twins, args[0]), *args[1:], **kwargs)
        return func(*args, **kwargs)

    def _number(self, tensor: torch.Tensor) -> Any:
        with no_dispatch():
            return _number(self._twins, None, tensor) if tensor.dim() == 0 else tensor


_FROM_PYTHON = frozenset({torch.tensor, torch.as_tensor, torch.asarray})
_TO_PYTHON = frozenset({torch.Tensor.tolist, torch.Tensor.numpy, torch.Tensor.__format__, torch.Tensor.__array__})
_SPLIT = frozenset({aten.split_with_sizes.default, aten.split_with_sizes_copy.default})
_INDEXED = frozenset({aten.index.Tensor, aten.index_put_.default, aten.index_put.default})


@cache
def _takes_device(func: Any) -> bool:
    return any(argument.name == "device" for argument in func._schema.arguments)


def _operands(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Iterator[torch.Tensor]:
    """Yield the tensors among arguments, which hold them bare or in a list; a tree walk would take most of the time."""
    for value in (*args, *kwargs.values()):
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from (one for one in value if isinstance(one, torch.Tensor))


def _follow(twins: Twins, func: Any, args: Any, kwargs: Any, result: Any) -> None:
    """Calculate the values of a result that follow from known values."""
    operands = list(_operands(args, kwargs))
    values = _values(twins, func, operands)
    if values is None or torch.Tag.nondeterministic_seeded in func.tags:
        _forget_written(twins, func, args)
        return
    made = [leaf for leaf in tree_leaves(result) if isinstance(leaf, torch.Tensor)]
    if func.is_view or any(tensor.numel() > MOST_ELEMENTS for tensor in made):
        return
    calculated = _calculated(func, args, kwargs, operands, values)
    if not func._schema.is_mutable:
        for tensor, value in zip(made, tree_leaves(calculated), strict=True):
            twins.remember(tensor, value)


def _values(twins: Twins, func: Any, operands: Sequence[torch.Tensor]) -> list[torch.Tensor] | None:
    """Return the operands' values; None = one of them is unknown and matters."""
    if func in _OF_SIZE and all(tensor.numel() <= MOST_ELEMENTS for tensor in operands):
        return [torch.zeros(tensor.shape, dtype=tensor.dtype) for tensor in operands]
    values: list[torch.Tensor] = []
    for tensor in operands:
        value = twins.value(tensor)
        if value is None:
            return None
        values.append(value)
    return values


def _calculated(func: Any, args: Any, kwargs: Any, operands: Sequence[Any], values: Sequence[Any]) -> Any:
    by_identity = {id(tensor): value for tensor, value in zip(operands, values, strict=True)}
    args, kwargs = tree_map_only(torch.Tensor, lambda tensor: by_identity[id(tensor)], (args, kwargs))
    if "device" in kwargs:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    result = func(*args, **kwargs)
    return result.zero_() if func in _UNSET else result


def _forget_written(twins: Twins, func: Any, args: Sequence[Any]) -> None:
    if not func._schema.is_mutable:
        return
    for declared, given in zip(func._schema.arguments, args, strict=False):
        if declared.alias_info is not None and declared.alias_info.is_write:
            for leaf in tree_leaves(given):
                if isinstance(leaf, torch.Tensor):
                    twins.forget(leaf)


def _assumed(twins: Twins, tensor: torch.Tensor) -> torch.Tensor:
    """Return the values of a tensor; zeros where they are unknown."""
    if not tensor.is_meta:
        return tensor
    value = twins.value(tensor)
    if value is not None:
        return value
    if tensor.numel() > MOST_ELEMENTS:
        raise NotImplementedError(f"{tensor.numel():,} unknown values are asked for")
    return torch.zeros(tensor.shape, dtype=tensor.dtype)


def _number(twins: Twins, _: Any, tensor: torch.Tensor) -> Any:
    value = tensor if not tensor.is_meta else twins.value(tensor)
    if value is not None:
        return value.item()
    return torch.ones((), dtype=tensor.dtype).item() if tensor.dtype != torch.bool else False


def _equal(twins: Twins, func: Any, one: torch.Tensor, other: torch.Tensor) -> bool:
    values = _values(twins, func, [one, other])
    return one.shape == other.shape if values is None else torch.equal(*values)


def _whole(tensor: torch.Tensor, sizes: Sequence[int], dim: int = 0, **_: Any) -> Sequence[int]:
    """Return the sizes of pieces; where all were assumed to be 0, the first piece is the whole."""
    return sizes if any(sizes) or not sizes else [tensor.shape[dim], *sizes[1:]]


def _all_true(twins: Twins, func: Any, tensor: torch.Tensor) -> torch.Tensor:
    """Answer a library's check of its own input: what is unknown passes."""
    value = twins.value(tensor)
    return twins.enter(torch.tensor(True) if value is None else func(value))


def _nonzero(twins: Twins, _: Any, tensor: torch.Tensor) -> torch.Tensor:
    value = twins.value(tensor)
    if value is None:
        return torch.empty(tensor.numel(), tensor.dim(), dtype=torch.long, device=_META)
    return twins.enter(value.nonzero())


def _masked_select(twins: Twins, _: Any, tensor: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    whole, mask = torch.broadcast_tensors(tensor, mask)
    chosen = _nonzero(twins, None, mask)
    return torch.empty(chosen.shape[0], dtype=whole.dtype, device=_META)


def _distinct(twins: Twins, func: Any, tensor: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
    """Answer the unique family: (values, inverse, counts); unknown elements are all different."""
    value = twins.value(tensor)
    if value is not None:
        return tree_map_only(torch.Tensor, twins.enter, func(value, *args, **kwargs))
    many = torch.empty(tensor.numel(), dtype=torch.long, device=_META)
    return tensor.reshape(-1), many.reshape(tensor.shape), many


def _repeats(twins: Twins, func: Any, repeats: torch.Tensor, *, output_size: int | None = None) -> torch.Tensor:
    value = twins.value(repeats)
    if value is None:
        return torch.empty(output_size or repeats.numel(), dtype=repeats.dtype, device=_META)
    total = int(value.sum())
    if total > MOST_ELEMENTS:
        return torch.empty(total, dtype=repeats.dtype, device=_META)
    return twins.enter(func(value))


def _counts(twins: Twins, func: Any, tensor: torch.Tensor, weights: Any = None, minlength: int = 0) -> torch.Tensor:
    value = twins.value(tensor)
    if value is None or weights is not None or int(value.max()) > MOST_ELEMENTS:
        return torch.empty(max(minlength, 1), dtype=torch.long, device=_META)
    return twins.enter(func(value, None, minlength))


def _grouped_product(_: Twins, __: Any, one: torch.Tensor, other: torch.Tensor, *___: Any, **____: Any) -> Any:
    """Answer a product of groups of rows (S, K) with a matrix each (G, K, N); torch's answer is for bfloat16 alone."""
    if one.dim() != 2 or other.dim() != 3:
        raise NotImplementedError(f"a grouped product of {one.dim()} and {other.dim()} dimensions")
    return one.new_empty(one.shape[0], other.shape[2])


def _without_masks(twins: Twins, indices: Sequence[torch.Tensor | None]) -> list[torch.Tensor | None]:
    """Return indices in which each mask is replaced by the places that it chooses."""
    plain: list[torch.Tensor | None] = []
    for index in indices:
        if index is None or index.dtype not in _MASKS:
            plain.append(index)
        else:
            plain.extend(_columns(twins, index))
    return plain


def _columns(twins: Twins, mask: torch.Tensor) -> Iterator[torch.Tensor]:
    value = twins.value(mask)
    if value is not None:
        yield from (twins.enter(places) for places in value.nonzero(as_tuple=True))
        return
    for _ in range(mask.dim()):
        yield torch.empty(mask.numel(), dtype=torch.long, device=_META)


_ANSWERS: dict[Any, Callable[..., Any]] = {
    aten._local_scalar_dense.default: _number,
    aten.equal.default: _equal,
    aten._is_all_true.default: _all_true,
    aten.nonzero.default: _nonzero,
    aten.masked_select.default: _masked_select,
    aten._unique2.default: _distinct,
    aten.unique_dim.default: _distinct,
    aten.unique_consecutive.default: _distinct,
    aten.repeat_interleave.Tensor: _repeats,
    aten.bincount.default: _counts,
    aten._grouped_mm.default: _grouped_product,
}
