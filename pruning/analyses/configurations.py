"""Configurations: which analyses are run, with which options. TOML or YAML files; `configurations/` holds our own.

description = "what it is for"
[[analyses]]
name = "blocks"
options.distances = ["angular-last"]
"""

import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError, unknown_name
from pruning.analyses import ANALYSES
from pruning.analyses.options import read_flag, read_options
from pruning.analyses.records import Analysis

FOLDER = Path(__file__).resolve().parent / "configurations"


@dataclass(frozen=True)
class Step:
    """One analysis with all its options, an instance of `analysis.options`."""

    analysis: Analysis[Any]
    options: Any


@dataclass(frozen=True)
class Configuration:
    """Analyses in the order in which they are run. An analysis may stand there again with other options."""

    name: str
    description: str
    steps: tuple[Step, ...]


def shipped() -> tuple[str, ...]:
    """Return the names of our own configurations."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def load_configuration(name: str, overrides: Mapping[str, Mapping[str, Any]] | None = None) -> Configuration:
    """Return one of our own configurations, or one from a .toml, .yaml or .yml file.

    `overrides`: options by analysis, laid over those of every step of it. Raises `UsageError` for an unknown name, a
    file that cannot be read, and anything in it that is not known.
    """
    path = _path_of(name)
    content = _READERS[path.suffix](path)
    _check_keys(f"key of {path.name}", content, ("description", "analyses"))
    description, listed = content.get("description", ""), content.get("analyses")
    if not isinstance(description, str) or not isinstance(listed, list) or not listed:
        raise UsageError(f"{path.name}: expected a description and [[analyses]] with a name each, got {content!r}")
    return Configuration(path.stem, description, tuple(_step(path, entry, overrides or {}) for entry in listed))


def chosen(configuration: Configuration, names: Sequence[str]) -> Configuration:
    """Return a configuration with only the analyses of these names. Raises `UsageError` for one that it has not."""
    known = [step.analysis.name for step in configuration.steps]
    for name in names:
        if name not in known:
            raise unknown_name(f"analysis of {configuration.name}", name, known)
    steps = tuple(step for step in configuration.steps if step.analysis.name in names)
    return Configuration(configuration.name, configuration.description, steps)


def plain(names: Iterable[str], overrides: Mapping[str, Mapping[str, Any]]) -> Configuration:
    """Return a configuration of analyses with their default options. Raises `UsageError` for an unknown name."""
    analyses = [ANALYSES[name] for name in names]
    steps = tuple(Step(each, read_options(each, overrides.get(each.name, {}))) for each in analyses)
    return Configuration("", "", steps)


def read_overrides(given: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the options that flags `ANALYSIS.KEY=VALUE` set, by analysis. Raises `UsageError`."""
    found: dict[str, dict[str, Any]] = {}
    for text in given:
        place, equals, value = text.partition("=")
        name, dot, key = place.strip().partition(".")
        if not (equals and dot and key):
            raise UsageError(f"--option: expected ANALYSIS.KEY=VALUE such as blocks.distances=bi, got {text!r}")
        analysis = ANALYSES[name]
        values = found.setdefault(name, {})
        values[key] = read_flag(analysis, key, value.strip())
        read_options(analysis, values)
    return found


def _path_of(name: str) -> Path:
    own = FOLDER / f"{name}.toml"
    if name in shipped():
        return own
    path = Path(name).expanduser()
    if path.suffix not in _READERS:
        raise unknown_name("configuration", name, (*shipped(), "a .toml, .yaml or .yml file"))
    if not path.is_file():
        raise UsageError(f"--configuration: no file {name!r}")
    return path


def _step(path: Path, entry: Any, overrides: Mapping[str, Mapping[str, Any]]) -> Step:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise UsageError(f"{path.name}: expected an analysis with a name, got {entry!r}")
    _check_keys(f"key of an analysis in {path.name}", entry, ("name", "options"))
    analysis, options = ANALYSES[entry["name"]], entry.get("options") or {}
    if not isinstance(options, dict):
        raise UsageError(f"{path.name}: expected options of {analysis.name} by name, got {options!r}")
    return Step(analysis, read_options(analysis, {**options, **overrides.get(analysis.name, {})}))


def _check_keys(what: str, content: Any, known: Sequence[str]) -> None:
    if not isinstance(content, dict):
        raise UsageError(f"{what}: expected a table, got {content!r}")
    for key in content:
        if key not in known:
            raise unknown_name(what, str(key), known)


def _read_toml(path: Path) -> Any:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"--configuration: {str(path)!r} is no valid TOML: {error}") from error


def _read_yaml(path: Path) -> Any:
    import yaml

    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise UsageError(f"--configuration: {str(path)!r} is no valid YAML: {error}") from error


_READERS: dict[str, Callable[[Path], Any]] = {".toml": _read_toml, ".yaml": _read_yaml, ".yml": _read_yaml}
