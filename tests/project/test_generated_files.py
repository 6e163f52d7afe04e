"""Files that are made from others are up to date and clean."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pipeline.settings import ROOT
from pruning.evaluation import METRICS
from store import Store
from tools.dictionary import DICTIONARY_FILE, SCHEMA_FILE, dictionary_text, read_schema
from tools.lock import (
    CONDA_FILE,
    CONDA_NAMES,
    DEVELOPMENT_LOCK_FILE,
    LOCK_FILE,
    conda_text,
    direct_requirements,
    running_requirements,
)
from tools.metrics import PAGE, metrics_page


def locked(*files: Path) -> dict[str, str]:
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines() if "==" in line]
    versions = {line.partition("==")[0]: line.partition("==")[2] for line in lines}
    assert len(versions) == len(lines)  # no package stands in both files
    return versions


@pytest.mark.parametrize(
    ("requirements", "files"),
    [(running_requirements(), (LOCK_FILE,)), (direct_requirements(), (LOCK_FILE, DEVELOPMENT_LOCK_FILE))],
)
def test_the_locks_hold_every_pin_of_pyproject(requirements: tuple[Requirement, ...], files: tuple[Path, ...]) -> None:
    versions = locked(*files)
    for requirement in requirements:
        assert str(requirement.specifier) == f"=={versions[canonicalize_name(requirement.name)]}", requirement.name


def test_running_installs_no_tool_and_no_extra() -> None:
    running = {canonicalize_name(each.name) for each in running_requirements()}
    others = {canonicalize_name(each.name) for each in direct_requirements()} - running
    # rich needs markdown-it-py, transformers packaging
    assert others & set(locked(LOCK_FILE)) == {"markdown-it-py", "packaging"}


def test_the_locks_name_no_host_no_path_and_no_local_version() -> None:
    running, development = (
        file.read_text(encoding="utf-8").splitlines()[1:] for file in (LOCK_FILE, DEVELOPMENT_LOCK_FILE)
    )
    assert development[0] == "--requirement requirements.lock"
    for line in (*running, *development[1:]):
        assert re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", line), line


def test_conda_and_pip_install_the_same_versions() -> None:
    text = CONDA_FILE.read_text(encoding="utf-8")
    assert text == conda_text(direct_requirements())
    pins = dict(re.findall(r"^ +- ([\w-]+)={1,2}([0-9][\w.]*)$", text, flags=re.MULTILINE))
    back = {conda: name for name, conda in CONDA_NAMES.items()}
    named = {canonicalize_name(back.get(name) or name): version for name, version in pins.items()}
    assert named == {
        name: version for name, version in locked(LOCK_FILE, DEVELOPMENT_LOCK_FILE).items() if name in named
    }
    assert len(named) == len(direct_requirements())


def test_every_dependency_has_its_reason() -> None:
    reasons = (ROOT / "docs" / "DEPENDENCIES.md").read_text(encoding="utf-8")
    for requirement in direct_requirements():
        assert f"| {requirement.name} |" in reasons, requirement.name


def test_the_page_of_metrics_is_up_to_date_and_a_table() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == metrics_page(METRICS)
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert len(rows) == len(METRICS)
    assert all(len(re.split(r"(?<!\\)\|", row)) == 7 for row in rows)  # 5 cells
    assert all(metric.meaning and metric.source for metric in METRICS)


def test_the_data_dictionary_is_up_to_date_and_complete() -> None:
    relations = read_schema(SCHEMA_FILE.read_text(encoding="utf-8"))
    assert DICTIONARY_FILE.read_text(encoding="utf-8") == dictionary_text(relations)
    with Store.open(None) as store:
        present = store.rows(
            "SELECT table_name FROM duckdb_tables() UNION ALL SELECT view_name FROM duckdb_views() WHERE NOT internal"
        )
        assert {name for (name,) in present} == {each.name for each in relations} | {"schema_version"}
        for relation in relations:
            if relation.kind == "table":
                described = [row[0] for row in store.rows(f"DESCRIBE {relation.name}")]
                assert described == [column.name for column in relation.columns]


def test_a_column_without_a_meaning_is_refused() -> None:
    with pytest.raises(ValueError, match="expected `"):
        read_schema("-- table t: a thing\nCREATE TABLE t (\n    a INTEGER\n);\n")


def test_python_versions_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["requires-python"] == ">=3.11"
    assert all(Requirement(line).specifier for line in project["project"]["dependencies"])
