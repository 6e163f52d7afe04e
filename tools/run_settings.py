"""Writes the section "Settings of a run" of docs/OPERATIONS.md from pipeline.yml: `python -m tools.run_settings`."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.settings import ENVIRONMENT_PREFIX, ROOT, Settings, default_values
from tools.ci.request import Request
from tools.workflows import survey

WORKFLOW = ROOT / ".github/workflows/pipeline.yml"
PAGE = ROOT / "docs/OPERATIONS.md"
HEADING = "## Settings of a run"
INTRODUCTION = """\
A scheduled run takes the repository's variables (Settings, Secrets and variables, Actions, Variables), a run on demand
what its form says and then the variables; what neither names has the default of `pipeline.toml`. An empty value is not
set; a comma alone is an empty list (`ARBORIST_ANALYSES` = `,`: no analyses). The plan checks all of them before
anything starts. This table is written by `python -m tools.run_settings`."""
_EXPRESSION = re.compile(r"\$\{\{ (?:inputs\.(\w+))?(?: \|\| )?(?:vars\.(\w+))?(?: \|\| '([^']*)')? \}\}")


@dataclass(frozen=True)
class RunSetting:
    """A line of the table: how a setting is given ("" = not in this way), its default and its meaning."""

    input: str
    variable: str
    default: str
    meaning: str


def run_settings(workflow: Path = WORKFLOW) -> list[RunSetting]:
    """Return what pipeline.yml takes from inputs and variables, in its order."""
    found: dict[str, RunSetting] = {}
    for text in survey(workflow).texts:
        name = text.path[-1]
        match = _EXPRESSION.fullmatch(text.text)
        if "env" in text.path and name.startswith(ENVIRONMENT_PREFIX) and match and (match[1] or match[2]):
            variable = match[2] or ""
            found.setdefault(variable or name, _setting(match[1] or "", variable, match[3], name))
    return list(found.values())


def _setting(given: str, variable: str, default: str | None, name: str) -> RunSetting:
    field = name.removeprefix(ENVIRONMENT_PREFIX).lower()
    fields = Request.model_fields if field in Request.model_fields else Settings.model_fields
    usual = Request.model_fields[field].default if field in Request.model_fields else default_values()[field]
    return RunSetting(given, variable, default or _shown(usual), fields[field].description or "")


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def section() -> str:
    """Return the section, heading included."""
    lines = ["| Input | Variable | Default | Meaning |", "| --- | --- | --- | --- |"]
    for each in run_settings():
        cells = (_code(each.input), _code(each.variable), _code(each.default), each.meaning.replace("|", "&#124;"))
        lines.append(f"| {' | '.join(cells)} |")
    return f"{HEADING}\n\n{INTRODUCTION}\n\n" + "\n".join(lines) + "\n"


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def with_section(page: str) -> str:
    """Return a page with its section as it should be; one that has none gets it at its end."""
    before, found, after = page.partition(HEADING + "\n")
    if not found:
        return page.rstrip("\n") + "\n\n" + section()
    rest = re.search(r"^## ", after, re.MULTILINE)
    return before + section() + ("\n" + after[rest.start() :] if rest else "")


if __name__ == "__main__":
    PAGE.write_text(with_section(PAGE.read_text(encoding="utf-8") if PAGE.exists() else "# Operations\n"), "utf-8")
