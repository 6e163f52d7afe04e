"""The index: what people see first. Its numbers come from the queries of the other sections."""

from analysis.baselines import BASELINES, baselines_of, comparisons_of
from analysis.comparison import (
    DAMAGE,
    DAMAGE_BOUND,
    DamageRow,
    best_methods,
    damage_rows,
    headline_ratio,
    headroom,
    latency_by_scope,
)
from analysis.document import Block, Bullets, Inline, Link, Picture, Strong, paragraph
from analysis.losses import LOSSES
from analysis.numbers import count_of, many, percent, times
from analysis.section import Answers, Section
from analysis.sections.extract.architecture import STRUCTURES
from analysis.sections.extract.catalog import MISSING, OUTCOMES, SOURCES, SourceRow, failures_table, outcomes_picture
from analysis.sections.prediction.proxies import PROXIES, proxy_sentence
from analysis.sections.process.families import FAMILIES, TOP_FAMILIES, families_picture, families_table
from analysis.sections.process.families import MISSING as NO_FAMILIES
from analysis.sections.process.names import DUPLICATES, PUBLISHED_SHARE, widest_level
from analysis.sections.prune.baselines import baseline_sentences
from analysis.sections.prune.damage import BUDGETS, SHOWN_MODELS, damage_picture, leaderboard
from analysis.sections.prune.dense import DENSE
from analysis.sections.prune.dense import MISSING as NO_EXPERIMENTS
from analysis.sections.prune.sanity import CHECKS, sanity_sentence

Sentence = tuple[Inline, ...]


def _newest_picture(answers: Answers) -> Picture:
    """Return the picture that says most: of the last stage that has results."""
    if answers[DAMAGE]:
        return damage_picture(answers.derive(damage_rows))
    if answers[FAMILIES]:
        return families_picture(answers[FAMILIES])
    return outcomes_picture(answers[OUTCOMES])


def _findings(answers: Answers) -> tuple[Block, ...]:
    sentences = [
        _mined(answers),
        *_families_sentence(answers),
        *_names_sentence(answers),
        *_floor_sentence(answers),
        *_pruning_sentences(answers),
        *sanity_sentence(answers[CHECKS]),
        *proxy_sentence(answers[PROXIES]),
    ]
    missing = [paragraph(*NO_FAMILIES)] if not answers[FAMILIES] else []
    missing += [paragraph(*NO_EXPERIMENTS)] if not answers[DAMAGE] else []
    return _newest_picture(answers), Bullets(tuple(sentences)), *missing


def _mined(answers: Answers) -> Sentence:
    sources = answers[SOURCES]
    models, extracted = sum(row.n_models for row in sources), sum(row.n_extracted for row in sources)
    listed = ", ".join(f"{many(row.n_models)} from {row.source}{_revision(row)}" for row in sources)
    return (
        Strong(f"{count_of(models, 'model revision')} mined"),
        _text(
            f"({listed}): {many(extracted)} gave a structure, {many(len(answers[STRUCTURES]))} of them distinct;",
            f"{many(models - extracted)} did not, each with its reason below.",
        ),
    )


def _revision(row: SourceRow) -> str:
    return f" at {row.greatest_revision}" if row.n_revisions == 1 else ""


def _text(*parts: str) -> str:
    return " ".join(parts)


def _families_sentence(answers: Answers) -> list[Sentence]:
    rows = answers[FAMILIES]
    if not rows:
        return []
    models = sum(row.n_models for row in rows)
    with_weights = sum(row.has_weights for row in rows)
    return [
        (
            Strong(f"{count_of(len(rows), 'family')} among {count_of(models, 'model')}"),
            _text(
                f"(strategy {rows[0].strategy}, threshold {rows[0].threshold:g}); the largest, {rows[0].family_id},",
                f"has {count_of(rows[0].n_models, 'model')}; {many(with_weights)} have a representative with weights.",
            ),
        )
    ]


def _names_sentence(answers: Answers) -> list[Sentence]:
    rows = answers[DUPLICATES]
    if not rows:
        return []
    widest = widest_level(rows)
    same = min((row for row in rows if row.rule == widest.rule), key=lambda row: row.position)
    return [
        (
            Strong(
                f"{percent(widest.duplicate_share)} of {many(widest.n_names)} distinct names are structural duplicates"
            ),
            _text(
                f"when width and depth are ignored, {percent(same.duplicate_share)} when sizes must match; the earlier",
                f"miner published {percent(PUBLISHED_SHARE)} for 754 Hub names.",
            ),
        )
    ]


def _floor_sentence(answers: Answers) -> list[Sentence]:
    excess = [
        row.perplexity / row.perplexity_floor for row in answers[DENSE] if row.perplexity and row.perplexity_floor
    ]
    if not excess:
        return []
    return [
        (
            Strong(f"Dense perplexity is {min(excess):.3f} x to {max(excess):.3f} x the exact floor of the language"),
            f"on {count_of(len(excess), 'model')} trained here.",
        )
    ]


def _pruning_sentences(answers: Answers) -> list[Sentence]:
    """Compare each method with the trivial baseline of its scope, or with chance where it is that itself."""
    rows = answers.derive(damage_rows)
    if not rows:
        return []
    compared = [item for item in answers.derive(comparisons_of) if item.baseline == baselines_of(item.row)[-1]]
    return [*baseline_sentences(compared), *_headroom_sentences(rows), *_speed_sentence(rows)]


def _headroom_sentences(rows: list[DamageRow]) -> list[Sentence]:
    """Say what each of the first models can lose within the bound, by the method that removes most of its weights."""
    sentences: list[Sentence] = []
    found = headroom(rows)
    for model in sorted({item.model_id for item in found})[:SHOWN_MODELS]:
        within = [item for item in found if item.model_id == model and item.ratio is not None]
        if not within:
            text = f"no measured ratio of any method keeps perplexity within {DAMAGE_BOUND:g} x dense."
            sentences.append((Strong(model), text))
            continue
        best = max(within, key=lambda item: (item.removed_fraction or 0.0, item.method))
        text = _text(
            f"can lose {percent(best.ratio or 0.0)} of what {best.method} may remove within {DAMAGE_BOUND:g} x dense",
            f"perplexity ({times(best.damage or 0.0)};",
            f"{percent(best.removed_fraction or 0.0)} of its prunable weights gone or zero).",
        )
        sentences.append((Strong(model), text))
    return sentences


def _speed_sentence(rows: list[DamageRow]) -> list[Sentence]:
    ratio = headline_ratio(rows)
    parts = latency_by_scope(rows, ratio)
    if not parts:
        return []
    return [
        (Strong("Speed is measured, not assumed:"), f"latency over dense, {percent(ratio)} asked: {', '.join(parts)}.")
    ]


def _leaderboard(answers: Answers) -> tuple[Block, ...]:
    rows = answers.derive(damage_rows)
    ratio = headline_ratio(rows)
    best = best_methods(rows)
    shown = [
        row
        for row in rows
        if row.ratio == ratio
        and (row.place in best or row.method in (BASELINES[row.scope].names if row.scope in BASELINES else ()))
    ]
    explained = paragraph(
        f"The best method of each scope and the scope's baselines at {percent(ratio)} asked of the method's own units: "
        "perplexity on held-out windows with its 95 % interval.",
        *BUDGETS,
        "More:",
        Link("all methods and ratios", "reports/prune.md"),
    )
    return explained, leaderboard(shown)


def _families(answers: Answers) -> tuple[Block, ...]:
    rows = answers[FAMILIES]
    return (
        paragraph(
            f"The {count_of(min(TOP_FAMILIES, len(rows)), 'largest family')} of {many(len(rows))}. More:",
            Link("all of processing", "reports/process.md"),
        ),
        families_table(rows[:TOP_FAMILIES]),
    )


def _failures(answers: Answers) -> tuple[Block, ...]:
    table = failures_table(answers[OUTCOMES])
    if not table.rows:
        return (paragraph("Every model gave a structure."),)
    return paragraph("Nothing disappears: every model without a structure has a reason."), table


def _links(_: Answers) -> tuple[Block, ...]:
    return (
        Bullets(
            (
                (Link("Extraction", "reports/extract.md"), "sources, outcomes, module kinds, sizes, statistics"),
                (Link("Processing", "reports/process.md"), "families, differences within them, names and structures"),
                (
                    Link("Pruning", "reports/prune.md"),
                    "sanity, damage, baselines, size and speed, generated text",
                ),
                (Link("Redundancy", "reports/redundancy.md"), "ablation, replacement, distances, ranks: dense models"),
                (Link("Prediction", "reports/prediction.md"), "which cheap signal would have told"),
                (
                    Link("Analysis", "reports/analyze.md"),
                    "runs and versions behind the numbers, every picture and query",
                ),
            )
        ),
    )


FINDINGS_SECTION = Section(
    "findings",
    "Findings",
    "README",
    (SOURCES, OUTCOMES, STRUCTURES, FAMILIES, DUPLICATES, DENSE, DAMAGE, LOSSES, PROXIES, CHECKS),
    _findings,
    MISSING,
)
LEADERBOARD_SECTION = Section("leaderboard", "Prunability", "README", (DAMAGE, LOSSES), _leaderboard, NO_EXPERIMENTS)
INDEX_FAMILIES_SECTION = Section("index-families", "Families", "README", (FAMILIES,), _families, NO_FAMILIES)
FAILURES_SECTION = Section("failures", "What failed and why", "README", (OUTCOMES,), _failures, MISSING)
LINKS_SECTION = Section("links", "More", "README", (SOURCES,), _links, MISSING)
