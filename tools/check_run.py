"""Checks what a run over the machine's own models left: `python -m tools.check_run STORE REPORT_FOLDER`.

Prints a line a check and ends with "N passed, N failed"; exit 1 when one failed.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

from store import Store
from store.records import ExtractionReason

# What transformers 5.23 offers: 804 types, of which 595 build from their default config with no help.
LEAST_EXTRACTED = 620
COMPONENTS = 156  # parts of other models, which no class of their own builds
MOST_MISSING_DEPENDENCY = 21

Check = Callable[[Store, Path], tuple[bool, str]]


def every_type_has_one_outcome(store: Store, _: Path) -> tuple[bool, str]:
    """One extraction row for each registered type, with a reason from the closed list."""
    from transformers import CONFIG_MAPPING

    rows = store.rows("SELECT model_id, reason FROM current_extractions WHERE source = 'builtin'")
    unknown = {reason for _, reason in rows} - {None, *get_args(ExtractionReason)}
    types = sorted(CONFIG_MAPPING.keys())
    same = sorted(model for model, _ in rows) == types
    return (
        same and not unknown,
        f"{len(rows)} rows for {len(types)} types, unknown reasons: {unknown or 'none'}",
    )


def enough_types_are_extracted(store: Store, _: Path) -> tuple[bool, str]:
    """The catalogue is mined nearly whole."""
    counts = dict(
        store.rows(
            "SELECT coalesce(reason, 'extracted'), count(*) FROM current_extractions "
            "WHERE source = 'builtin' GROUP BY ALL ORDER BY ALL"
        )
    )
    enough = counts.get("extracted", 0) >= LEAST_EXTRACTED and counts.get("component") == COMPONENTS
    return enough and counts.get("missing_dependency", 0) <= MOST_MISSING_DEPENDENCY, str(counts)


def relatives_share_a_family(store: Store, _: Path) -> tuple[bool, str]:
    """The llama kin meet in one family hash; bert and gpt2 do not."""
    hashes = dict(
        store.rows(
            "SELECT model_id, family_hash FROM current_extractions JOIN structures USING (structure_id) "
            "WHERE source = 'builtin'"
        )
    )
    kin = {hashes.get(name) for name in ("llama", "mistral", "granite", "helium", "smollm3")}
    return len(kin) == 1 and hashes["bert"] != hashes["gpt2"], f"{len(kin)} hash for the llama kin"


def experiments_are_done(store: Store, _: Path) -> tuple[bool, str]:
    """All five reference models have a dense number and finished experiments; nothing failed."""
    ((models, done, failed),) = store.rows(
        "SELECT count(DISTINCT model_id) FILTER (method = 'dense' AND status = 'done'), "
        "count(*) FILTER (status = 'done'), count(*) FILTER (status = 'failed') FROM current_experiments"
    )
    return models == 5 and failed == 0, f"{models} dense models, {done} experiments done, {failed} failed"


def magnitude_beats_random(store: Store, _: Path) -> tuple[bool, str]:
    """At half of the weights, on every model."""
    rows = store.rows(
        "SELECT model_id, max(value) FILTER (method = 'magnitude') < max(value) FILTER (method = 'random') "
        "FROM current_experiments JOIN current_metrics USING (experiment_key) "
        "WHERE metric = 'perplexity' AND ratio = 0.5 GROUP BY model_id ORDER BY model_id"
    )
    better = [model for model, wins in rows if wins]
    return len(better) == len(rows) == 5, f"on {len(better)} of {len(rows)} models"


def the_report_has_its_pictures(_: Store, report: Path) -> tuple[bool, str]:
    """An index, at least six pictures, a CSV beside each."""
    pictures = sorted(report.glob("images/*.png"))
    without = [picture.stem for picture in pictures if not (report / "csv_data" / f"{picture.stem}.csv").is_file()]
    complete = (report / "README.md").is_file() and len(pictures) >= 6 and not without
    return complete, f"{len(pictures)} pictures, without a CSV: {without or 'none'}"


CHECKS: tuple[Check, ...] = (
    every_type_has_one_outcome,
    enough_types_are_extracted,
    relatives_share_a_family,
    experiments_are_done,
    magnitude_beats_random,
    the_report_has_its_pictures,
)


def results(store_path: Path, report: Path) -> Iterator[tuple[bool, str]]:
    """Yield each check's verdict and its line."""
    with Store.open(store_path, create=False) as store:
        for check in CHECKS:
            passed, figures = check(store, report)
            yield passed, f"{'ok    ' if passed else 'FAILED'} {check.__name__.replace('_', ' ')}: {figures}"


def main() -> None:
    """Run all checks."""
    if len(sys.argv) != 3:
        sys.exit("usage: python -m tools.check_run STORE REPORT_FOLDER")
    verdicts: list[bool] = []
    for passed, line in results(Path(sys.argv[1]), Path(sys.argv[2])):
        verdicts.append(passed)
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(f"{sum(verdicts)} passed, {len(verdicts) - sum(verdicts)} failed\n")
    sys.exit(0 if all(verdicts) else 1)


if __name__ == "__main__":
    main()
