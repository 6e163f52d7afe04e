"""How large a model is. Zeros in a dense matrix are counted as zeros and never as smaller."""

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


PARAMETERS = Metric("parameters", "parameters", "lower", parameters)
NONZEROS = Metric("nonzeros", "weights", "lower", nonzeros)
BYTES = Metric("bytes", "bytes", "lower", file_bytes)
REMOVED_FRACTION = Metric("removed_fraction", "1", "neither", removed_fraction)
