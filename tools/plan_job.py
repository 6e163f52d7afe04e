"""Reads the plan that `python -m pruning run --plan-json FILE` wrote, for an array of jobs of a cluster.

`python -m tools.plan_job FILE --last` prints the greatest number of a job, from 0; `--job N` the keys of job N.
"""

import argparse
import json
import sys
from pathlib import Path


def jobs_of(path: Path) -> list[str]:
    """Return the keys of every job, comma-separated, as `--only` takes them."""
    return [str(job["keys"]) for job in json.loads(path.read_text(encoding="utf-8"))["include"]]


def main(arguments: list[str]) -> None:
    """Print what is asked, or exit with 1 and the reason."""
    parser = argparse.ArgumentParser(prog="python -m tools.plan_job", description=__doc__)
    parser.add_argument("plan", type=Path, metavar="FILE")
    asked = parser.add_mutually_exclusive_group(required=True)
    asked.add_argument("--last", action="store_true", help="the greatest number of a job")
    asked.add_argument("--job", type=int, metavar="N", help="the keys of job N, from 0")
    given = parser.parse_args(arguments)
    if not given.plan.is_file():
        sys.exit(f"expected a plan in {given.plan}: `python -m pruning run --plan-json FILE` writes one")
    jobs = jobs_of(given.plan)
    if not jobs:
        sys.exit(f"{given.plan} holds no job: nothing is left to prune")
    number = len(jobs) - 1 if given.last else given.job
    if not 0 <= number < len(jobs):
        sys.exit(f"expected a job from 0 to {len(jobs) - 1}: {given.plan} holds {len(jobs)}")
    sys.stdout.write(f"{number if given.last else jobs[number]}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
