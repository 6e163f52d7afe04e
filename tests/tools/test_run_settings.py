"""docs/OPERATIONS.md says what pipeline.yml takes, and pipeline.yml takes what can be set."""

import re

from pipeline.settings import Settings
from tools.ci.request import Request
from tools.run_settings import PAGE, WORKFLOW, run_settings, with_section
from tools.workflows import read_workflow, references

# What a job decides itself, what names places of a machine, and what is for one run by hand.
NOT_FOR_A_WORKFLOW = {
    "store", "output_dir", "directory", "only", "max_minutes", "engine", "offline", "fresh", "retry_failed",
    "append_timestamp",
}  # fmt: skip


def test_the_table_is_what_the_workflow_says() -> None:
    page = PAGE.read_text()
    assert with_section(page) == page, "run python -m tools.run_settings"


def test_a_page_without_the_section_gets_it_and_what_comes_after_stays() -> None:
    made = with_section("# A\n")
    assert with_section(made) == made
    assert with_section(made + "\n## Behind\n\ntext\n").endswith("\n\n## Behind\n\ntext\n")
    stale = re.sub(r"`ARBORIST_TASKS`", "`OLD`", made)
    assert with_section(stale) == made


def test_every_input_and_variable_of_the_workflow_is_in_the_table() -> None:
    workflow = read_workflow(WORKFLOW)
    inputs = {each.name for each in workflow.triggers["workflow_dispatch"].inputs}
    rows = run_settings()
    assert {row.input for row in rows} - {""} == inputs
    assert {row.variable.lower() for row in rows} - {""} == references(workflow, "vars")
    assert all(row.meaning and row.default is not None for row in rows)


def test_every_setting_can_be_set_by_a_variable_or_input() -> None:
    names = {row.variable.removeprefix("ARBORIST_").lower() or row.input for row in run_settings()}
    assert {*Settings.model_fields, *Request.model_fields} - names == NOT_FOR_A_WORKFLOW


def test_an_input_comes_before_its_variable() -> None:
    texts = WORKFLOW.read_text()
    for row in run_settings():
        if row.input and row.variable:
            assert f"inputs.{row.input} || vars.{row.variable}" in texts
