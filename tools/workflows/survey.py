"""What safety checks ask about a workflow or an action file, read as text: nothing here depends on what would run."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.workflows.errors import Place
from tools.workflows.expressions import string
from tools.workflows.yaml_nodes import Node, read_yaml

EXPRESSION = re.compile(r"\$\{\{.*?(?:\}\}|\Z)", re.DOTALL)
PINNED = re.compile(r"[^@\s]+@[0-9a-f]{40}")
VERSION = re.compile(r"uses:.*#\s*(v\d+(\.\d+){0,2})\s*$")


@dataclass(frozen=True)
class Found:
    """A text and the place of its key; `path` are the keys and positions that lead to it."""

    text: str
    path: tuple[str, ...]
    place: Place


@dataclass(frozen=True)
class Use:
    """A `uses`; `version` is what the comment behind it says, '' without one."""

    text: str
    place: Place
    version: str

    @property
    def local(self) -> bool:
        """Tell this repository's own actions and workflows from others."""
        return self.text.startswith("./")

    @property
    def pinned(self) -> bool:
        """Tell whether it names a commit."""
        return bool(PINNED.fullmatch(self.text))


@dataclass(frozen=True)
class Survey:
    """Everything of interest in one file.

    `labels` are the texts under `runs-on` of every job, expressions as they stand; `texts` are all scalars of the file,
    for what must stand nowhere in it, such as `self-hosted` beside a trigger of pull requests.
    """

    path: Path
    triggers: tuple[str, ...]
    runs: tuple[Found, ...]
    expressions: tuple[Found, ...]
    labels: dict[str, tuple[str, ...]]
    uses: tuple[Use, ...]
    texts: tuple[Found, ...]

    def expressions_in_runs(self) -> tuple[Found, ...]:
        """Return every `run` with an expression in it: text from outside would become a command."""
        return tuple(found for found in self.runs if "${{" in found.text)


def survey(path: Path) -> Survey:
    """Read a file of any keys."""
    root = read_yaml(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    texts = tuple(scalars(root, ()))
    fields = root.mapping("workflow")
    jobs = fields["jobs"].mapping("jobs") if "jobs" in fields else {}
    return Survey(
        path=path,
        triggers=trigger_names(fields["on"]) if "on" in fields else (),
        runs=tuple(found for found in texts if found.path[-1:] == ("run",)),
        expressions=tuple(
            Found(match.group(), found.path, found.place)
            for found in texts
            for match in EXPRESSION.finditer(found.text)
        ),
        labels={name: labels_of(job) for name, job in jobs.items()},
        uses=tuple(use_of(found, lines) for found in texts if found.path[-1:] == ("uses",)),
        texts=texts,
    )


def scalars(node: Node, path: tuple[str, ...]) -> Iterator[Found]:
    """Yield all scalars of a tree as texts with their paths."""
    if isinstance(node.value, dict):
        for key, item in node.value.items():
            yield from scalars(item, (*path, key))
    elif isinstance(node.value, list):
        for index, item in enumerate(node.value):
            yield from scalars(item, (*path, str(index)))
    else:
        yield Found(string(node.value), path, node.place)


def trigger_names(node: Node) -> tuple[str, ...]:
    """Return the events of `on` in any of its forms."""
    if isinstance(node.value, dict):
        return tuple(node.value)
    return tuple(item.word("on") for item in node.items("on"))


def labels_of(job: Node) -> tuple[str, ...]:
    """Return the texts under a job's `runs-on`."""
    runs_on = job.mapping("job").get("runs-on")
    return tuple(found.text for found in scalars(runs_on, ())) if runs_on else ()


def use_of(found: Found, lines: list[str]) -> Use:
    """Return a `uses` with the version in the comment on its line."""
    match = VERSION.search(lines[found.place.line - 1])
    return Use(found.text, found.place, match[1] if match else "")
