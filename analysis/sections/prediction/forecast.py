"""What to expect of families that nobody measured. Every number here is a prediction."""

from collections.abc import Sequence

from analysis.document import Block, Column, Strong, Table, paragraph
from analysis.numbers import count_of, percent, short_count, times_with_interval
from analysis.prediction.forecasts import Forecast, Guess, forecasts, guesses, unmeasured
from analysis.prediction.judged import Judged, judged, types_of
from analysis.prediction.left_out import LEAST_FAMILIES
from analysis.prediction.models import MODEL_FEATURES, ModelRow
from analysis.section import Answers, Section
from analysis.sections.prediction.damage_model import QUERIES_USED
from analysis.sections.prune.dense import MISSING

SHOWN_FAMILIES = 25


def _forecast(answers: Answers) -> tuple[Block, ...]:
    found, types = answers.derive(judged), types_of(answers)
    return forecast_blocks(
        found, unmeasured(answers[MODEL_FEATURES], {one.family for one in found.observed}, types), types
    )


def forecast_blocks(found: Judged, asked: Sequence[ModelRow], types: dict[str, str]) -> tuple[Block, ...]:
    """Return what is expected of the models that are asked for, each the first choice of its family."""
    guessed = guesses(found.left_out, found.scores)
    if not guessed:
        return (paragraph(f"No prediction: fewer than {LEAST_FAMILIES} measured families."),)
    shown = forecasts(found.observed, guessed, asked[:SHOWN_FAMILIES], types)
    return (*_introduced(guessed, len(asked)), guess_table(found, guessed), *_family_table(guessed, shown, len(asked)))


def _introduced(guessed: list[Guess], n_families: int) -> tuple[Block, ...]:
    """Say that these are predictions, from what, and how far they can be trusted."""
    informed = [guess.scope for guess in guessed if guess.predictor == "structure"]
    unmeasured_families = count_of(n_families, "unmeasured family")
    if informed:
        how = (
            f"by structure in the scopes where that was shown to beat the mean ({', '.join(informed)}), elsewhere the "
            "mean of the measured families, the same for every family."
        )
    else:
        how = (
            "structure was not shown to beat the mean in any scope, so the best guess is the mean of the measured "
            "families, and one line a scope holds for every family."
        )
    return (
        paragraph(Strong("Predictions, not measurements:"), f"{unmeasured_families} of causal language models; {how}"),
        paragraph(
            "Interval: the prediction times and over the greatest factor by which left-out families missed it (of 19 "
            "and more families the 95 % rank); it covers n / (n + 1) of new families if they were drawn like the n "
            "measured ones.",
            "They are not: measured were small models of an artificial language. For large models this is an "
            "extrapolation that no left-out error vouches for.",
        ),
    )


def guess_table(found: Judged, guessed: list[Guess]) -> Table:
    """Return what is expected of any unmeasured family: a row a scope, by the mean of the measured families."""
    columns = (
        Column("Scope"),
        Column("Least damaging method measured on most families"),
        Column("Asked share", numeric=True),
        Column("Mean of measured families [interval]", numeric=True),
        Column("Families", numeric=True),
        Column("By family"),
    )
    means = forecasts(found.observed, [_by_mean(guess) for guess in guessed], [found.observed[0].model], {})[0]
    cells = tuple(
        (
            guess.scope,
            guess.method,
            percent(guess.ratio),
            "see below" if guess.predictor == "structure" else times_with_interval(*damage),
            str(guess.n_families),
            guess.predictor,
        )
        for guess, damage in zip(guessed, means.damages, strict=True)
    )
    return Table(columns, cells)


def _by_mean(guess: Guess) -> Guess:
    return Guess(guess.scope, guess.method, guess.ratio, "method mean", guess.half_width, guess.n_families)


def _family_table(guessed: list[Guess], shown: list[Forecast], n_families: int) -> tuple[Block, ...]:
    """Return a row a family where structure says something, else nothing."""
    informed = [place for place, guess in enumerate(guessed) if guess.predictor == "structure"]
    if not informed or not shown:
        return ()
    columns = (
        Column("Family"),
        Column("Its first choice"),
        Column("Parameters", numeric=True),
        *(Column(f"PREDICTED {_what(guessed[place])}", numeric=True) for place in informed),
        Column("Features unknown"),
        Column("Features out of range", numeric=True),
    )
    cells = tuple(
        (
            row.family,
            row.model.model_id,
            short_count(row.model.n_parameters),
            *(times_with_interval(*row.damages[place]) for place in informed),
            ", ".join(row.unknown) or "none",
            str(len(row.outside)),
        )
        for row in shown
    )
    which = (
        f"The first {len(shown)} of {n_families} by downloads, then parameters. A feature out of the range of the "
        "measured models counts as the nearest measured value, so that very large models are told apart by their kind "
        "and not by their size; no cheap scores are known of these."
    )
    return paragraph(which), Table(columns, cells)


def _what(guess: Guess) -> str:
    return f"{guess.scope}: {guess.method} at {percent(guess.ratio)}"


FORECAST_SECTION = Section(
    "forecast",
    "What to expect of families that nobody measured",
    "reports/prediction",
    QUERIES_USED,
    _forecast,
    MISSING,
)
