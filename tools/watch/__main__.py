"""`python -m tools.watch`: says whether the published report is old or fails more than it did.

Exit status: 0 all is well, or an issue says that it is not; 1 it is not, or the issue could not be kept; 2 bad usage.
"""

import argparse
import math
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from pipeline.errors import ArboristError, StageError, UsageError
from pipeline.progress import PlainProgress, Progress
from tools.ci.command_files import given
from tools.watch.confirmed import confirmed_at
from tools.watch.decision import Thresholds, findings
from tools.watch.issue import keep_issue
from tools.watch.published import read_published

DAYS, JUMP = "9", "0.1"
EARLIER_VERSIONS = 5


def parse(arguments: list[str]) -> argparse.Namespace:
    """Return the arguments; an empty variable is not set."""
    parser = argparse.ArgumentParser(prog="python -m tools.watch", description=__doc__)
    parser.add_argument("--report", type=Path, default=Path("analysis_result"), help="folder of the report")
    parser.add_argument("--issue", action="store_true", help="ask gh for good runs, and open, update or close an issue")
    days, jump = (os.environ.get(f"ARBORIST_WATCH_{name}") for name in ("DAYS", "JUMP"))
    parser.add_argument("--days", default=days or DAYS, help="older is old, days (ARBORIST_WATCH_DAYS; 9)")
    parser.add_argument(
        "--jump", default=jump or JUMP, help="more failures than before, fraction (ARBORIST_WATCH_JUMP; 0.1)"
    )
    return parser.parse_args(arguments)


def number(flag: str, text: str, greatest: float) -> float:
    """Return a number above 0, at most `greatest`. Raises `UsageError`."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= greatest:
        raise UsageError(f"{flag}: expected a number above 0, at most {greatest:g}, got {text[:100]!r}")
    return value


def watch(arguments: argparse.Namespace, progress: Progress) -> None:
    """Look, tell, and keep the issue if asked. Raises `StageError` when something is wrong and no issue says so."""
    thresholds = Thresholds(number("--days", arguments.days, 3650), number("--jump", arguments.jump, 1))
    if not arguments.report.is_dir():
        raise UsageError(f"--report: expected the folder of a report, got {str(arguments.report)!r}")
    report = read_published(arguments.report, EARLIER_VERSIONS)
    publishes = os.environ.get("ARBORIST_PUBLISH") != "none"  # else a good run says nothing of the published report
    confirmed = confirmed_at(given("GITHUB_REF_NAME")) if arguments.issue and publishes else None
    found = findings(report, thresholds, datetime.now(UTC), confirmed)
    progress.result("\n".join(found or ["all is well"]))
    if arguments.issue:
        progress.note(f"issue: {keep_issue(found)}")
    elif found:
        raise StageError("the published report needs a look")


def main(arguments: list[str]) -> int:
    """Return the exit status."""
    progress = PlainProgress()
    try:
        watch(parse(arguments), progress)
    except StageError as error:
        progress.error(str(error))
        return 1
    except ArboristError as error:
        progress.error(str(error))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
