"""The browser that the web page is tested in: `python -m tools.browser` installs it where it may.

Debian's package manager has it as `chromium`; only root may ask for it. Elsewhere the tests that need it are skipped,
but for continuous integration (CI=true), where a missing browser is an error.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HOW = "no Chromium: `make browser` installs it for root where apt-get is; else put one of these on PATH: " + ", ".join(
    NAMES
)
INSTALL = (
    ("apt-get", "update", "--quiet"),
    ("apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "chromium"),
)
LONGEST_SECONDS = 600


def find_browser() -> Path | None:
    """Return the first Chromium on PATH."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return Path(found) if found else None


def is_required(environment: Mapping[str, str]) -> bool:
    """Say whether a missing browser is an error rather than a reason to skip."""
    return environment.get("CI", "").lower() == "true"


def install_browser() -> None:
    """Install Chromium as the system does; whatever fails is left to the system's own words."""
    for command in INSTALL:
        if subprocess.run(command, check=False, timeout=LONGEST_SECONDS).returncode != 0:
            return


def main() -> int:
    """Install the browser unless there is one; return 1 when it is required and missing."""
    if find_browser() is None and os.geteuid() == 0 and shutil.which("apt-get"):
        install_browser()
    if find_browser() is not None:
        return 0
    sys.stderr.write(HOW + "\n")
    return int(is_required(os.environ))


if __name__ == "__main__":
    sys.exit(main())
