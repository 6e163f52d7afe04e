"""Where the numbers come from: the runs behind them."""

import json
from dataclasses import dataclass
from datetime import datetime

from analysis.document import Block, Column, Table
from analysis.section import QUERIES, Answers, Section
from analysis.sections.extract.catalog import MISSING
from store import Query


@dataclass(frozen=True)
class RunRow:
    """A row of `runs.sql`; times in UTC."""

    run_id: str
    stage: str
    started_at: datetime
    finished_at: datetime | None
    status: str
    versions_json: str
    git_commit: str | None


RUNS: Query[RunRow] = Query(QUERIES / "runs.sql", RunRow)


def _runs(answers: Answers) -> tuple[Block, ...]:
    columns = (
        Column("Run"),
        Column("Stage"),
        Column("Started, UTC"),
        Column("Status"),
        Column("Commit"),
        Column("Versions"),
    )
    cells = tuple(
        (
            row.run_id,
            row.stage,
            f"{row.started_at:%Y-%m-%d %H:%M:%S}",
            row.status,
            row.git_commit or "not from git",
            ", ".join(f"{name} {version}" for name, version in sorted(json.loads(row.versions_json).items())),
        )
        for row in answers[RUNS]
    )
    return (Table(columns, cells),)


RUNS_SECTION = Section("runs", "Runs behind this report", "reports/analyze", (RUNS,), _runs, MISSING)
