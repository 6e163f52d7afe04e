"""The web page's tables of what was pruned and measured."""

from collections.abc import Sequence

from analysis.leaderboard import FamilyStanding, LeaderboardRow
from analysis.prediction.left_out import Score
from analysis.sections.prediction.proxies import ProxyRow
from analysis.site.links import linked_model
from analysis.site.tables import Cell, Interval, SiteColumn, SiteTable, site_rows

# What a reader calls the measures of damage of `current_proxies`.
TRUTHS = {"kl": "KL divergence", "loss_increase": "increase of the loss"}
NOT_PRUNED = "Nothing was pruned yet: run python run_pipeline.py --prune"


def leaderboard_table(rows: list[FamilyStanding]) -> SiteTable:
    """Return the best method of each family and scope."""
    columns = (
        SiteColumn("family", "Family"),
        SiteColumn("scope", "Scope", choice=True),
        SiteColumn("method", "Best method", choice=True),
        SiteColumn("ratio", "Asked share", "share", "of the scope"),
        SiteColumn("damage", "Over dense", "times", "perplexity over the dense model's, with its 95 % interval"),
        SiteColumn("random", "Random", "times", "the scope's random baseline where it removed as much"),
        SiteColumn("n_random_clear", "Beats random", "count", "models on which it is clearly better than random"),
        SiteColumn("trivial", "Trivial", "times", "the scope's trivial baseline where it removed as much"),
        SiteColumn("n_trivial_clear", "Beats trivial", "count", "models on which it is clearly better than trivial"),
        SiteColumn("budget", "Budget", "share", "what comparisons go by: the share removed"),
        SiteColumn("parameters_left", "Parameters left", "share"),
        SiteColumn("n_models", "Models", "count"),
        SiteColumn("n_methods", "Methods", "count", "to choose the best from"),
    )
    caption = (
        "The best method of each family and scope at the measured ratio nearest to 50 %, against the random and the "
        "trivial baseline of the scope. Of several models the median, and the widest interval. The best is chosen on "
        "the windows that it is shown for: where methods are close, its number flatters it."
    )
    cells = site_rows(_standing_cells(row) for row in rows)
    return SiteTable("leaderboard", "Leaderboard", caption, columns, cells, NOT_PRUNED)


def _standing_cells(row: FamilyStanding) -> tuple[Cell, ...]:
    return (
        row.family_id,
        row.scope,
        row.method,
        row.ratio,
        Interval(row.damage, row.damage_low, row.damage_high),
        row.random_damage,
        row.n_random_clear,
        row.trivial_damage,
        row.n_trivial_clear,
        row.budget,
        row.parameters_left,
        row.n_models,
        row.n_methods,
    )


def experiments_table(rows: list[LeaderboardRow], pages: frozenset[str]) -> SiteTable:
    """Return every result beside its baselines."""
    columns = (
        SiteColumn("model", "Model", "link", choice=True),
        SiteColumn("method", "Method", choice=True),
        SiteColumn("scope", "Scope", choice=True),
        SiteColumn("ratio", "Asked share", "share", "of the scope"),
        SiteColumn("damage", "Over dense", "times", "perplexity over the dense model's, with its 95 % interval"),
        SiteColumn("random", "Random", "times", "the scope's random baseline where it removed as much"),
        SiteColumn("random_verdict", "Against random", choice=True),
        SiteColumn("trivial", "Trivial", "times", "the scope's trivial baseline where it removed as much"),
        SiteColumn("trivial_verdict", "Against trivial", choice=True),
        SiteColumn("removed", "Removed", "share", "of all prunable weights"),
        SiteColumn("parameters_left", "Parameters left", "share"),
        SiteColumn("bytes_left", "Bytes left", "share"),
        SiteColumn("latency_left", "Latency", "share", "of the dense model's"),
        SiteColumn("flops_left", "FLOPs left", "share"),
        SiteColumn("n_windows", "Windows", "count", "of text that perplexity was measured on"),
        SiteColumn("n_seeds", "Seeds", "count"),
        SiteColumn("family", "Family"),
    )
    cells = site_rows(_result_cells(row, pages) for row in rows)
    caption = (
        "Every model, method and ratio that was measured, relative to the dense model on the same windows, beside the "
        "baselines of its scope where they removed as much."
    )
    return SiteTable("experiments", "Experiments", caption, columns, cells, NOT_PRUNED, "exports/leaderboard.csv")


def _result_cells(row: LeaderboardRow, pages: frozenset[str]) -> tuple[Cell, ...]:
    return (
        linked_model(row.source, row.model_id, pages),
        row.method,
        row.scope,
        row.ratio,
        Interval(row.damage, row.damage_low, row.damage_high),
        row.random_damage,
        row.random_verdict,
        row.trivial_damage,
        row.trivial_verdict,
        row.removed_fraction,
        row.parameters_left,
        row.bytes_left,
        row.latency_left,
        row.flops_left,
        row.n_windows,
        row.n_seeds,
        row.family_id,
    )


def proxies_table(rows: list[ProxyRow]) -> SiteTable:
    """Return cheap scores against damage, those over all models first."""
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
            TRUTHS.get(row.truth, row.truth),
            row.model_id or "all models",
            Interval(row.spearman, row.ci_low, row.ci_high),
            row.n_components,
            row.n_models,
        )
        for row in sorted(rows, key=lambda row: row.model_id is not None)
    )
    caption = (
        "How well a score that costs no experiment ranks the damage of taking a part out: 1 perfectly, 0 not at all."
    )
    missing = "Nothing was compared yet: run python run_pipeline.py --prune --analyses standard"
    return SiteTable("proxies", "What predicts damage", caption, columns, cells, missing, "csv_data/proxies.csv")


def prediction_table(scores: Sequence[Score]) -> SiteTable:
    """Return the errors of predictors on families that they did not learn from."""
    columns = (
        SiteColumn("scope", "Scope", choice=True),
        SiteColumn("predictor", "Predictor", choice=True),
        SiteColumn("error", "Error", "decimal", "mean absolute error in ln(perplexity over dense), 95 % interval"),
        SiteColumn("gain", "Gain over the method mean", "decimal", "how much smaller the error is, 95 % interval"),
        SiteColumn("explained", "Squared error explained", "decimal", "against the method mean"),
        SiteColumn("rho", "Rank correlation", "decimal"),
        SiteColumn("n_families", "Families", "count"),
        SiteColumn("n_numbers", "Numbers", "count"),
    )
    caption = (
        "How far structure and cheap scores foretell the damage to a family that they did not learn from: each family "
        "is left out once. Where the gain's interval holds 0, nothing was shown to beat the mean of the method."
    )
    missing = "No prediction: fewer measured families than leaving one out needs."
    cells = site_rows(_score_cells(score) for score in scores)
    return SiteTable("prediction", "Predicting damage", caption, columns, cells, missing)


def _score_cells(score: Score) -> tuple[Cell, ...]:
    compared = score.predictor != "method mean"
    return (
        score.scope or "all scopes",
        score.predictor,
        Interval(score.error, score.error_low, score.error_high),
        Interval(score.gain, score.gain_low, score.gain_high) if compared else None,
        score.explained if compared else None,
        score.rho,
        score.n_families,
        score.n_numbers,
    )
