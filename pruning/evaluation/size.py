"""How large a model is, and what a forward pass costs. Zeros in a dense matrix are never counted as smaller."""

from pruning.evaluation.records import Measurement, Metric, Observation


def parameters(seen: Observation) -> Measurement:
    """Return the number of parameters, tied ones counted once."""
    return Measurement(seen.parameters, "parameters")


def nonzeros(seen: Observation) -> Measurement:
    """Return the prunable weights that are not zero."""
    return Measurement(seen.nonzeros, "weights")


def file_bytes(seen: Observation) -> Measurement:
    """Return the size of the saved safetensors."""
    return Measurement(seen.file_bytes, "bytes")


def removed_fraction(seen: Observation) -> Measurement:
    """Return the share of the dense model's prunable weights that are gone or zero: the common budget of all scopes."""
    return Measurement(1 - seen.nonzeros / seen.dense_prunable_weights, "1")


def peak_memory(seen: Observation) -> Measurement | None:
    """Return the bytes of the model in fp32 and of what one forward pass holds at its worst moment."""
    return None if seen.peak_bytes is None else Measurement(seen.peak_bytes, "bytes")


def flops(seen: Observation) -> Measurement | None:
    """Return the floating-point operations of matrix products in one forward pass."""
    return None if seen.flops is None else Measurement(seen.flops, "operations")


PARAMETERS = Metric(
    "parameters", "parameters", "lower", parameters, "parameters, tied ones counted once", "counted in memory"
)
NONZEROS = Metric(
    "nonzeros", "weights", "lower", nonzeros, "prunable weights (matrices of layers) that are not zero", "METHODS 6"
)
BYTES = Metric(
    "bytes", "bytes", "lower", file_bytes, "size of the saved safetensors file", "equals the file that is written"
)
REMOVED_FRACTION = Metric(
    "removed_fraction",
    "1",
    "neither",
    removed_fraction,
    "share of the dense model's prunable weights that are gone or zero: the budget that methods are compared at",
    "METHODS 6",
)
PEAK_MEMORY = Metric(
    "peak_memory",
    "bytes",
    "lower",
    peak_memory,
    "parameters and buffers as computed with (fp32), and the most that one forward pass over the longest window holds: "
    "live tensors on a CPU (no scratch memory inside an operation), the allocator's peak on a GPU",
    "TorchDispatchMode; torch.cuda.max_memory_allocated",
)
FLOPS = Metric(
    "flops",
    "operations",
    "lower",
    flops,
    "operations of matrix products and convolutions in one forward pass over the longest window, additions and "
    "multiplications each; zeros are multiplied too",
    "torch.utils.flop_counter on the meta device, eager attention",
)
