"""Which cheap score foretells the damage of taking a part out (METHODS, section 6)."""

from dataclasses import dataclass
from functools import partial

from analysis.capped import SHOWN_MODELS
from analysis.document import Block, Code, Column, Inline, Picture, Strong, Table, paragraph
from analysis.figures.redundancy import draw_proxies
from analysis.numbers import count_of, decimal, range_of
from analysis.section import QUERIES, Answers, Section
from store import Query

MAIN_TRUTH = "kl"
TARGETS = ("layer", "attention", "mlp", "head")
# Of 95 % intervals around nothing, this share lies above 0.
BY_CHANCE = 0.025
MISSING = (
    "No cheap score was compared with measured damage yet: run",
    Code("python run_pipeline.py --prune --analyses standard"),
)


@dataclass(frozen=True)
class ProxyRow:
    """A row of `proxies.sql`; `source` and `model_id` None = pooled over models, ranks taken within each."""

    source: str | None
    model_id: str | None
    target: str
    proxy: str
    truth: str
    spearman: float | None
    ci_low: float | None
    ci_high: float | None
    n_components: int
    n_models: int

    @property
    def points_right(self) -> bool:
        """Say whether the whole interval lies above 0."""
        return self.ci_low is not None and self.ci_low > 0

    @property
    def points_wrong(self) -> bool:
        """Say whether the whole interval lies below 0."""
        return self.ci_high is not None and self.ci_high < 0

    @property
    def text(self) -> str:
        """Return "0.75 [0.5, 0.93]"."""
        if self.spearman is None or self.ci_low is None or self.ci_high is None:
            return "no number"
        return f"{self.spearman:.2f} [{self.ci_low:.2f}, {self.ci_high:.2f}]"


PROXIES: Query[ProxyRow] = Query(QUERIES / "proxies.sql", ProxyRow)


def pooled(rows: list[ProxyRow], truth: str = MAIN_TRUTH) -> list[ProxyRow]:
    """Return the comparisons over all models, target by target, the greatest correlation first, none last."""
    found = [row for row in rows if row.model_id is None and row.truth == truth]
    return sorted(found, key=lambda row: (TARGETS.index(row.target), -_sortable(row), row.proxy))


def _sortable(row: ProxyRow) -> float:
    return -2.0 if row.spearman is None else row.spearman


def proxy_sentence(rows: list[ProxyRow]) -> list[tuple[Inline, ...]]:
    """Return the finding in words, none without numbers."""
    known = [row for row in pooled(rows) if row.spearman is not None]
    if not known:
        return []
    right = [row for row in known if row.points_right]
    if not right:
        text = f"none of {len(known)} pooled intervals of Spearman's rho lies above 0: none of them tells what may go."
        return [(Strong("No cheap score is shown to predict damage:"), text, *_wrong(known))]
    finding = f"Cheap scores predict damage better than chance in {len(right)} of {count_of(len(known), 'comparison')}"
    meaning = (
        f"(pooled interval of Spearman's rho above 0; chance alone gives about {decimal(BY_CHANCE * len(known))})."
    )
    return [(Strong(finding), meaning, *_best(known), *_wrong(known))]


def _best(known: list[ProxyRow]) -> list[Inline]:
    """Name the best score of each part, and the parts that no score foretells."""
    best = {row.target: row for row in reversed(known) if row.points_right}
    named = "; ".join(f"{target}: {best[target].proxy} {best[target].text}" for target in TARGETS if target in best)
    blind = [target for target in TARGETS if target not in best and any(row.target == target for row in known)]
    return [f"Best for {named}.", *([f"None for {', '.join(blind)}."] if blind else [])]


def _wrong(known: list[ProxyRow]) -> list[Inline]:
    """Name the scores whose whole interval lies below 0."""
    wrong = [f"{row.proxy} for {row.target} {row.text}" for row in known if row.points_wrong]
    return [f"Pointing the wrong way: {'; '.join(wrong)}."] if wrong else []


def _proxies(answers: Answers) -> tuple[Block, ...]:
    rows = answers[PROXIES]
    [*sentence] = proxy_sentence(rows)
    return (
        paragraph(*sentence[0]) if sentence else paragraph("No comparison has enough parts for a number."),
        *_picture(rows),
        _explained(),
        _table(rows),
    )


def _picture(rows: list[ProxyRow]) -> list[Picture]:
    order = [(row.target, row.proxy) for row in pooled(rows) if row.spearman is not None]
    models = sorted({row.model_id for row in rows if row.model_id is not None})
    shown = {None, *models[:SHOWN_MODELS]}
    drawn = [row for row in rows if row.truth == MAIN_TRUTH and (row.target, row.proxy) in order]
    drawn = [row for row in drawn if row.model_id in shown and row.spearman is not None]
    if not drawn:
        return []
    drawn.sort(key=lambda row: (order.index((row.target, row.proxy)), row.model_id is None, row.model_id or ""))
    title = _title([row for row in pooled(rows) if row.spearman is not None])
    alt = f"Dots with intervals: rank correlation of each cheap score with damage, a panel a part of the layer: {title}"
    numbers = [row.n_components for row in drawn if row.model_id is None]
    caption = (
        "Spearman's rho between a score and the KL divergence from the dense model when the part is zeroed; black: "
        f"pooled over models with its 95 % bootstrap interval (n = {range_of(numbers)} parts), small marks: single "
        "models."
    )
    return [Picture("proxies", alt, caption, drawn, partial(draw_proxies, title=title))]


def _title(known: list[ProxyRow]) -> str:
    right = sum(row.points_right for row in known)
    return f"Cheap scores foretell damage in {right} of {count_of(len(known), 'comparison')} (interval above 0)"


def _explained() -> Block:
    return paragraph(
        "Each score is turned so that more of it should mean more damage; a negative rho points the wrong way. A layer "
        "that changes the state more, a matrix of higher effective rank, larger weights, and a head that adds more, "
        "has no near twin or attends to few tokens should be missed more.",
        "bi: block influence, one minus the cosine across a layer; relative-magnitude: norm of what a layer adds over "
        "the norm of the state; angular-last: the angle by which a layer turns the last token's state.",
        "Pooled: ranks within each model, so that differences between models do not count; the interval resamples "
        "models and the parts of each (of one model its parts alone); in simulations it covers the truth in 94 to 99 % "
        "of cases. Intervals are not adjusted for their number.",
        "A model with fewer than four parts, or whose score or damage does not vary, has no number.",
    )


def _table(rows: list[ProxyRow]) -> Table:
    columns = (
        Column("Part"),
        Column("Cheap score"),
        Column("Rho with KL [95 %]", numeric=True),
        Column("Rho with loss increase [95 %]", numeric=True),
        Column("Parts", numeric=True),
        Column("Models", numeric=True),
        Column("Verdict"),
    )
    losses = {(row.target, row.proxy): row for row in pooled(rows, "loss_increase")}
    cells = tuple(
        (
            row.target,
            row.proxy,
            row.text,
            losses[row.target, row.proxy].text if (row.target, row.proxy) in losses else "not measured",
            str(row.n_components),
            str(row.n_models),
            _verdict(row),
        )
        for row in pooled(rows)
    )
    return Table(columns, cells)


def _verdict(row: ProxyRow) -> Inline:
    if row.points_right:
        return Strong("predicts damage")
    return Strong("points the wrong way") if row.points_wrong else "not shown"


PROXIES_SECTION = Section("proxies", "What predicts damage", "reports/prediction", (PROXIES,), _proxies, MISSING)
