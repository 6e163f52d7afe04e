"""Energy and CO2 of a forward pass, estimated by codecarbon without a network: an optional extra, when asked for."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from time import perf_counter
from typing import TYPE_CHECKING

from pipeline.errors import UsageError
from pruning.evaluation.records import Energy, Measurement, Metric, Observation
from pruning.evaluation.timing import pass_arguments

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

SECONDS = 2.0  # of passes that are measured: codecarbon samples the load of the processor
_JOULES_PER_KILOWATT_HOUR = 3_600_000


def measure_energy(
    model: "PreTrainedModel", inputs: "Mapping[str, torch.Tensor]", country: str, seconds: float = SECONDS
) -> Energy:
    """Return what one forward pass takes on average over `seconds` of passes. `country` is an ISO code of 3 letters.

    An estimate: counters of the processor (RAPL) and the GPU (NVML) where they can be read, else the nominal power of
    the processor times its load by this process; memory by a constant a module; CO2 by the yearly mean of the
    country's electricity. Nothing is written or sent. Raises `UsageError` without codecarbon and for an unknown
    country.
    """
    check_energy(country)
    import torch
    from codecarbon import OfflineEmissionsTracker  # pyright: ignore[reportMissingImports]  # an extra

    with _silent():
        tracker = OfflineEmissionsTracker(
            country_iso_code=country,
            output_methods=[],
            allow_multiple_runs=True,
            tracking_mode="process",
            log_level="critical",
        )
        tracker.start()
        with torch.inference_mode():
            passes = _passes(model, pass_arguments(model, inputs), seconds)
        tracker.stop()
    found = tracker.final_emissions_data
    return Energy(found.energy_consumed * _JOULES_PER_KILOWATT_HOUR / passes, found.emissions * 1000 / passes, passes)


def check_energy(country: str) -> None:
    """Raise `UsageError` without codecarbon, and for a country that it does not know."""
    if find_spec("codecarbon") is None:
        raise UsageError("energy: expected codecarbon; pip install 'arborist[energy]'")
    with _silent():
        from codecarbon.input import DataSource  # pyright: ignore[reportMissingImports]  # an extra

        known = DataSource().get_global_energy_mix_data()
    if country not in known:
        raise UsageError(f"energy: expected the ISO code of a country in 3 letters, such as DEU, got {country!r}")


def _passes(model: "PreTrainedModel", arguments: "Mapping[str, torch.Tensor | bool]", seconds: float) -> int:
    until, passes = perf_counter() + seconds, 0
    while not passes or perf_counter() < until:
        model(**arguments)
        passes += 1
    return passes


@contextmanager
def _silent() -> Iterator[None]:
    """Keep codecarbon's words away: it logs before it reads its own level."""
    logger = logging.getLogger("codecarbon")
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before


def energy_estimate(seen: Observation) -> Measurement | None:
    """Return the joules of one forward pass."""
    return seen.energy and Measurement(seen.energy.joules, "joules", seen.energy.passes)


def co2_estimate(seen: Observation) -> Measurement | None:
    """Return the grams of CO2 equivalent of one forward pass."""
    return seen.energy and Measurement(seen.energy.grams, "grams", seen.energy.passes)


_HOW = (
    "an estimate: RAPL and NVML counters where they can be read, else nominal power times load; memory by a constant; "
    "only when asked for"
)
ENERGY_ESTIMATE = Metric(
    "energy_estimate",
    "joules",
    "lower",
    energy_estimate,
    f"energy of one forward pass over the longest window, mean of 2 s of passes; {_HOW}",
    "codecarbon, offline, process mode",
)
CO2_ESTIMATE = Metric(
    "co2_estimate",
    "grams",
    "lower",
    co2_estimate,
    "CO2 equivalent of that energy by the yearly mean of the electricity of the country that was named",
    "codecarbon, offline, process mode",
)
