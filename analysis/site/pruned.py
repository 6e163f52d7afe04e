"""The web page's tables of what was pruned and measured."""

from analysis.comparison import DAMAGE_BOUND, DamageRow, Headroom, damage_rows, headroom
from analysis.section import Answers
from analysis.sections.prediction.proxies import ProxyRow
from analysis.site.links import linked_model
from analysis.site.tables import Cell, Interval, SiteColumn, SiteTable, site_rows

NOT_PRUNED = "Nothing was pruned yet: run python run_pipeline.py --prune"


def leaderboard_table(answers: Answers, pages: frozenset[str]) -> SiteTable:
    rows = answers.derive(damage_rows)
    found = sorted(headroom(rows), key=lambda row: (-(row.removed_fraction or 0.0), row.model_id, row.method))
    sources = {row.model_id: row.source for row in rows}
    columns = (
        SiteColumn("model", "Model", "link", choice=True),
        SiteColumn("method", "Method", choice=True),
        SiteColumn("scope", "Scope", choice=True),
        SiteColumn("removed", "Can lose", "share", "of all prunable weights"),
        SiteColumn("ratio", "Of its scope", "share", "greatest measured ratio within the bound"),
        SiteColumn("damage", "Damage there", "times", "perplexity over dense"),
        SiteColumn("parameters_left", "Parameters left", "share"),
    )
    caption = (
        f"The greatest measured ratio at which perplexity stays within {DAMAGE_BOUND:g} x of the dense model's, for each "
        "model and method. An empty cell: not even the least measured ratio stays within."
    )
    cells = site_rows(_headroom_cells(row, sources[row.model_id], pages) for row in found)
    return SiteTable("leaderboard", "Leaderboard", caption, columns, cells, NOT_PRUNED)


def _headroom_cells(row: Headroom, source: str, pages: frozenset[str]) -> tuple[Cell, ...]:
    model = linked_model(source, row.model_id, pages)
    return model, row.method, row.scope, row.removed_fraction, row.ratio, row.damage, row.parameters_left


def experiments_table(rows: list[DamageRow], pages: frozenset[str]) -> SiteTable:
    columns = (
        SiteColumn("model", "Model", "link", choice=True),
        SiteColumn("method", "Method", choice=True),
        SiteColumn("scope", "Scope", choice=True),
        SiteColumn("ratio", "Ratio", "share", "asked of the scope"),
        SiteColumn("damage", "Damage", "times", "perplexity over dense, with its 95 % interval"),
        SiteColumn("removed", "Removed", "share", "of all prunable weights"),
        SiteColumn("parameters_left", "Parameters left", "share"),
        SiteColumn("bytes_left", "Bytes left", "share"),
        SiteColumn("latency_left", "Latency", "share", "of the dense model's"),
        SiteColumn("n_windows", "Windows", "count", "of text that perplexity was measured on"),
        SiteColumn("n_seeds", "Seeds", "count"),
    )
    cells = site_rows(_damage_cells(row, pages) for row in rows)
    caption = "Every model, method and ratio that was measured, relative to the dense model on the same windows."
    return SiteTable("experiments", "Experiments", caption, columns, cells, NOT_PRUNED, "csv_data/damage_curves.csv")


def _damage_cells(row: DamageRow, pages: frozenset[str]) -> tuple[Cell, ...]:
    return (
        linked_model(row.source, row.model_id, pages),
        row.method,
        row.scope,
        row.ratio,
        Interval(row.damage, row.damage_low, row.damage_high),
        row.removed_fraction,
        row.parameters_left,
        row.bytes_left,
        row.latency_left,
        row.n_windows,
        row.n_seeds,
    )


def proxies_table(rows: list[ProxyRow]) -> SiteTable:
    columns = (
        SiteColumn("target", "Part of a layer", choice=True),
        SiteColumn("proxy", "Cheap score", choice=True),
        SiteColumn("truth", "Damage measured as", choice=True),
        SiteColumn("model", "Model", choice=True),
        SiteColumn("spearman", "Spearman correlation", "decimal", "with its 95 % interval"),
        SiteColumn("n_components", "Parts", "count"),
        SiteColumn("n_models", "Models", "count"),
    )
    cells = site_rows(
        (
            row.target,
            row.proxy,
            row.truth,
            row.model_id or "all models",
            Interval(row.spearman, row.ci_low, row.ci_high),
            row.n_components,
            row.n_models,
        )
        for row in rows
    )
    caption = "How well a score that costs no experiment ranks the damage of taking a part out: 1 perfectly, 0 not at all."
    missing = "Nothing was compared yet: run python run_pipeline.py --prune --analyses standard"
    return SiteTable("proxies", "What predicts damage", caption, columns, cells, missing, "csv_data/proxies.csv")
