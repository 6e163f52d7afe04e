"""What mining the Hub will cost: requests, bytes and minutes, under the rate limits as they are now."""

import math
from dataclasses import dataclass
from pathlib import Path

from hub import Hub
from hub.limits import PUBLIC_BUDGETS, RateClass
from model_extract.listing import Context
from model_extract.sources.hub import ALL_TASKS, PAGE_SIZE, why_unreachable
from pipeline.settings import Settings
from pipeline.stages import StagePlan
from pipeline.text import count_of
from store import Query, Store

QUERIES = Path(__file__).resolve().parent / "queries"
_LISTED_BYTES = 1_500  # of a model in a page of a listing
_BUILD_SECONDS = 0.1  # of one process, for a config that is new
_DISTINCT = 0.25  # share of configs that no earlier model of the run has
_REQUESTS_A_SECOND = 50.0  # where no limit slows them down
_TASKS_OF_THE_HUB = 60  # about, where all are asked for


@dataclass(frozen=True)
class MeanCost:
    """What a model of the Hub has cost so far, on average; None = none was read."""

    requests: float | None
    n_bytes: float | None
    models: int


MEAN_COST = Query(QUERIES / "mean_cost.sql", MeanCost)
# Requests and bytes of a model before there is experience: a config has about 3 kB, a first range 100 kB.
_FIRST_GUESS = {"config": (1.0, 3_000), "auto": (1.1, 15_000), "header": (1.16, 105_000), "both": (2.16, 108_000)}


def plan_for_hub(store: Store, settings: Settings) -> StagePlan:
    """Say what listing and reading the Hub will take at most: what is unchanged since an earlier run costs nothing."""
    with Context(settings) as context:
        return _plan(store, settings, context.hub)


def _plan(store: Store, settings: Settings, hub: Hub) -> StagePlan:
    silent = why_unreachable(hub)
    n_tasks = _TASKS_OF_THE_HUB if ALL_TASKS in settings.tasks else len(settings.tasks)
    models = min(settings.limit * n_tasks, settings.max_models or settings.limit * n_tasks)
    pages = n_tasks * math.ceil(settings.limit / PAGE_SIZE)
    each_requests, each_bytes = _cost_of_a_model(store, settings)
    requests = round(models * each_requests)
    n_bytes = round(models * (each_bytes + _LISTED_BYTES))
    seconds = _seconds(hub, "api", pages) + _seconds(hub, "resolvers", requests)
    build = models * _DISTINCT * _BUILD_SECONDS / settings.worker_count
    about = "about " if ALL_TASKS in settings.tasks else ""
    steps = (
        f"list up to {count_of(models, 'model')} of {about}{count_of(n_tasks, 'task')}: {count_of(pages, 'request')}",
        f"read those that are new: up to {count_of(requests, 'request')}, {n_bytes / 1e6:,.0f} MB",
        _told_budget(hub),
        *(
            [f"the Hub gives no answer now ({silent}): --source auto would take builtin and reference"]
            if silent
            else []
        ),
    )
    return StagePlan("extract", steps, n_bytes, round(seconds + build, 1))


def _cost_of_a_model(store: Store, settings: Settings) -> tuple[float, float]:
    mean = store.fetch(MEAN_COST, views=settings.views)[0]
    guess = _FIRST_GUESS[settings.views]
    return (mean.requests or guess[0], mean.n_bytes or guess[1]) if mean.models >= 20 else guess


def _seconds(hub: Hub, name: RateClass, requests: int) -> float:
    """Return how long requests take: those that the window still has as fast as they go, the rest at its rate."""
    quick = requests / _REQUESTS_A_SECOND
    budget = hub.limits.budget(name)
    if budget is None or requests <= budget.remaining:
        return quick
    window = next((w for quotas in PUBLIC_BUDGETS.values() for q, w in quotas.values() if q == budget.quota), 300)
    return max(quick, budget.reset_seconds + (requests - budget.remaining) * window / budget.quota)


def _told_budget(hub: Hub) -> str:
    names: tuple[RateClass, ...] = ("api", "resolvers")
    told = [(name, budget) for name in names if (budget := hub.limits.budget(name))]
    who = "with a token" if hub.has_token else "without a token"
    if not told:
        return f"rate limits: this Hub names none ({who})"
    return f"rate limits ({who}): " + ", ".join(
        f"{name} {budget.remaining:,} of {budget.quota:,} left for {budget.reset_seconds:.0f} s"
        for name, budget in told
    )
