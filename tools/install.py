"""Installs what a lock file names and this interpreter has not: `python -m tools.install [LOCK_FILE]`.

A runner that has it all, such as a prepared GPU machine, is left as it is: a local build of torch (2.13.0+cu130)
counts as its version. Standard library only, since nothing is installed yet.
"""

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

LOCK_FILE = Path(__file__).resolve().parent.parent / "requirements.lock"


def missing(lock_file: Path) -> list[str]:
    """Return the lines of a lock file that are not installed as they say."""
    lines = (line.partition("#")[0].strip() for line in lock_file.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not _is_installed(*line.split("==", 1))]


def _is_installed(name: str, wanted: str) -> bool:
    try:
        return version(name).partition("+")[0] == wanted
    except PackageNotFoundError:
        return False


def main(arguments: list[str]) -> int:
    """Install with pip if anything is missing and return its exit status."""
    lock_file = Path(arguments[0]) if arguments else LOCK_FILE
    if not missing(lock_file):
        return 0
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return subprocess.run([*pip, "--requirement", str(lock_file)], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
