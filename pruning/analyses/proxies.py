"""Cheap scores against measured damage: which of them says what may go (METHODS, section 6)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pruning.analyses.scores import CHEAP_SCORES, CheapScore
from pruning.redundancy.rank_correlation import RankCorrelation, rank_correlation
from store import Query, Store
from store.records import ProxyRecord, SourceName

TARGETS = ("layer", "attention", "mlp", "head")
TRUTHS = ("kl", "loss_increase")
_QUERIES = Path(__file__).parent / "queries"


@dataclass(frozen=True)
class ScoreRow:
    """A row of `scores.sql`: a cheap score of a part of a layer."""

    source: SourceName
    model_id: str
    revision: str
    analysis: str
    measure: str
    target: str
    layer: int
    head: int | None
    value: float


@dataclass(frozen=True)
class DamageRow:
    """A row of `damages.sql`: the damage of taking a part of a layer out, in nats per token."""

    source: SourceName
    model_id: str
    revision: str
    measure: str
    target: str
    layer: int
    head: int | None
    value: float


SCORES: Query[ScoreRow] = Query(_QUERIES / "scores.sql", ScoreRow)
DAMAGES: Query[DamageRow] = Query(_QUERIES / "damages.sql", DamageRow)

# Source, model id and revision: the weights of another revision are others.
Model = tuple[SourceName, str, str]
Place = tuple[int, int | None]  # layer, head
Values = Mapping[Place, float]


@dataclass(frozen=True)
class Comparison:
    """One cheap score against one measure of damage, for one kind of part."""

    run_id: str
    target: str
    score: CheapScore
    truth: str

    def scores_of(self, rows: Iterable[ScoreRow]) -> Mapping[Model, Values]:
        """Return the score by model and place, turned so that more should mean more damage."""
        found: dict[Model, dict[Place, float]] = defaultdict(dict)
        for row in rows:
            if (row.analysis, row.measure, row.target) == (self.score.analysis, self.score.measure, self.target):
                found[row.source, row.model_id, row.revision][row.layer, row.head] = self.score.turned(row.value)
        return found

    def damages_of(self, rows: Iterable[DamageRow]) -> Mapping[Model, Values]:
        """Return the damage by model and place; a model without any has no places."""
        found: dict[Model, dict[Place, float]] = defaultdict(dict)
        for row in rows:
            if (row.measure, row.target) == (self.truth, self.target):
                found[row.source, row.model_id, row.revision][row.layer, row.head] = row.value
        return found

    def record(self, model: Model | None, found: RankCorrelation) -> ProxyRecord:
        """Return the row of the store of a model, None = pooled."""
        source, model_id, _ = model or (None, None, None)
        return ProxyRecord(
            self.run_id, source, model_id, self.target, self.score.name, self.truth, found.rho, found.low, found.high,
            found.points, found.groups,
        )  # fmt: skip


def update_proxies(store: Store, run_id: str) -> None:
    """Compare again when an analysis ended after the newest comparison."""
    newest = store.rows("SELECT (SELECT max(run_id) FROM analyses), (SELECT max(run_id) FROM proxies)")
    analysed, compared = newest[0]
    if analysed is not None and (compared is None or analysed > compared):
        store.insert(compare_proxies(store, run_id))


def compare_proxies(store: Store, run_id: str) -> list[ProxyRecord]:
    """Return the rank correlation of every cheap score with every measure of ablation damage, target by target.

    One row a model that has both, over the parts that have both; then one pooled over these models (`model_id` None;
    see `rank_correlation` for how). A positive correlation says that the score points the right way.
    """
    scores, damages = store.fetch(SCORES), store.fetch(DAMAGES)
    return [
        record
        for target in TARGETS
        for score in CHEAP_SCORES
        for truth in TRUTHS
        for record in _records(Comparison(run_id, target, score, truth), scores, damages)
    ]


def _records(asked: Comparison, scores: Iterable[ScoreRow], damages: Iterable[DamageRow]) -> Iterator[ProxyRecord]:
    """Yield a record a model that has both score and damage, and the pooled one last."""
    mine, truths = asked.scores_of(scores), asked.damages_of(damages)
    pairs = {model: _paired(mine[model], truths[model]) for model in mine if mine[model].keys() & truths[model].keys()}
    for model, pair in pairs.items():
        yield asked.record(model, rank_correlation([pair]))
    if pairs:
        yield asked.record(None, rank_correlation([*pairs.values()]))


def _paired(scores: Values, damages: Values) -> tuple[list[float], list[float]]:
    """Return score and damage of the places that have both, in the order of the places."""
    places = [place for place in scores if place in damages]
    return [scores[place] for place in places], [damages[place] for place in places]
