"""Whole workflows: jobs, needs, matrices, conditions, time limits."""

import json
import time
from pathlib import Path

import pytest

from tests.tools.workflows.hostile import hostile_texts
from tools.workflows import Machine, WorkflowError, run_workflow

CHAIN = Path(__file__).parent / "golden/chain.yml"


def run_chain(tmp_path, models, event="schedule", inputs=None, variables=None):
    repository = tmp_path / "repository"
    repository.mkdir(parents=True, exist_ok=True)
    (repository / "models.json").write_text(json.dumps({"model": models}) + "\n")
    return run_workflow(CHAIN, event, inputs or {}, variables or {}, repository, tmp_path / "store")


def outcomes(result):
    return [(job.id, job.name, job.result) for job in result.jobs]


def test_chain_from_plan_to_publish(tmp_path):
    result = run_chain(tmp_path, ["bert", "gpt2"])
    assert outcomes(result) == [
        ("plan", "plan", "success"),
        ("prune", "prune (bert)", "success"),
        ("prune", "prune (gpt2)", "success"),
        ("publish", "publish", "success"),
        ("never", "never", "failure"),
        ("alarm", "alarm", "skipped"),
    ]
    assert result.conclusion == "failure"
    assert result.job("publish").outputs == {"published": "bert gpt2 ", "prune": "success"}
    assert result.of("prune")[1].matrix == {"model": "gpt2"}
    assert result.job("plan").summary == "| model |\n"
    assert result.job("plan").permissions == {"contents": "read"}
    assert result.job("publish").permissions == {}
    assert result.concurrency == {"group": "chain-refs/heads/main", "cancel-in-progress": False}
    assert [(artifact.name, artifact.retention_days) for artifact in result.artifacts] == [
        ("result-bert", 14),
        ("result-gpt2", 14),
    ]
    assert (result.artifact("result-bert") / "bert.txt").read_text() == "bert\n"


def test_a_failing_job_of_a_matrix_leaves_the_rest_published(tmp_path):
    result = run_chain(tmp_path, ["bert", "broken", "gpt2"])
    assert [job.result for job in result.of("prune")] == ["success", "failure", "success"]
    assert result.job("publish").outputs == {"published": "bert gpt2 ", "prune": "failure"}
    assert result.job("never").result == "skipped"
    assert result.job("alarm").result == "success", "failure() looks at all jobs it stands on, through publish"
    assert result.of("prune")[1].steps[1].outcome == "skipped"
    assert result.of("prune")[1].step("work").outputs == {"model": "broken"}


def test_inputs_then_variables_then_defaults(tmp_path):
    def limit(*arguments, **more):
        return run_chain(tmp_path, [], *arguments, **more).job("plan").outputs["limit"]

    assert limit() == "5"
    assert limit(variables={"LIMIT": "7"}) == "7"
    assert limit("workflow_dispatch", variables={"LIMIT": "7"}) == "3"
    assert limit("workflow_dispatch", {"limit": "9"}, {"LIMIT": "7"}) == "9"
    assert limit("workflow_dispatch", {"limit": ""}, {"LIMIT": "7"}) == "7", "an emptied field has no default"


def test_labels_from_a_variable(tmp_path):
    assert run_chain(tmp_path, ["bert"]).job("prune").labels == ("ubuntu-24.04",)
    assert run_chain(tmp_path, ["bert"], variables={"GPU_RUNNER": "1"}).job("prune").labels == ("self-hosted", "gpu")


SHOWING = """
    on: {workflow_dispatch: {inputs: {note: {type: string}}}}
    env: {NOTE: "${{ inputs.note }}"}
    jobs:
      a:
        name: shows ${{ vars.TEXT }}
        runs-on: ubuntu-24.04
        concurrency: one-${{ inputs.note }}
        env: {TEXT: "${{ vars.TEXT }}"}
        steps:
          - name: ${{ inputs.note }}
            if: inputs.note != '' && contains(vars.TEXT, inputs.note)
            env: {BOTH: "${{ format('{0}{1}', inputs.note, vars.TEXT) }}"}
            run: test "$NOTE$TEXT" = "$BOTH" && printf '%s' "$NOTE" > note && printf '%s' "$TEXT" > text
"""


def test_no_hostile_text_becomes_a_command(run, tmp_path):
    canary = tmp_path / "canary"
    texts = hostile_texts(canary)
    assert len(set(texts)) >= 25
    for text in texts:
        result = run(SHOWING, "workflow_dispatch", {"note": text}, {"TEXT": text})
        workspace = tmp_path / f"store/{result.run_id}/jobs/a/workspace"
        assert result.conclusion == "success", text
        assert (workspace / "note").read_bytes() == (workspace / "text").read_bytes() == text.encode()
        assert result.job("a").concurrency == f"one-{text}"
    assert not list(tmp_path.rglob("canary"))


def test_a_hostile_variable_cannot_add_outputs_to_a_line(tmp_path):
    result = run_chain(tmp_path, [], variables={"LIMIT": "5\nmatrix={}"})
    assert result.job("plan").outputs["matrix"].startswith('{"model"'), "the heredoc behind it wins"
    assert result.job("plan").outputs["limit"] == "5"


def test_lines_for_the_runner_are_reported(tmp_path):
    result = run_chain(tmp_path, [], "workflow_dispatch", {"note": "a\n::error::x"})
    assert result.job("plan").commands == ("::error::x",)


def test_programs_of_the_machine_stand_in_for_others(run_steps, tmp_path):
    program = tmp_path / "programs/gh"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "asked: $*"\n')
    program.chmod(0o755)
    steps = "- run: gh run list --limit 1"
    result = run_steps(steps, machine=Machine(programs=(program.parent,)))
    log = result.job("a").log
    assert log is not None and "asked: run list --limit 1" in log.read_text()
    assert result.conclusion == "success"


@pytest.mark.parametrize(
    "inputs",
    [{"stage": "other"}, {"limit": "many"}, {"dry-run": "yes"}, {"unknown": "1"}, {"note": "x" * 70_000}],
    ids=str,
)
def test_wrong_inputs_are_refused(tmp_path, inputs):
    with pytest.raises(WorkflowError, match="input"):
        run_chain(tmp_path, ["bert"], "workflow_dispatch", inputs)
    assert not list((tmp_path / "store").glob("*"))


def test_an_event_that_does_not_start_it(tmp_path):
    with pytest.raises(WorkflowError, match="pull_request"):
        run_chain(tmp_path, ["bert"], "pull_request")


JOBS = """
    on: push
    jobs:
      ok: {runs-on: ubuntu-24.04, steps: [run: "true"]}
      bad: {runs-on: ubuntu-24.04, steps: [run: "false"]}
      tolerated: {runs-on: ubuntu-24.04, continue-on-error: true, steps: [run: "false"]}
      after-ok: {needs: ok, runs-on: ubuntu-24.04, steps: [run: "true"]}
      after-tolerated: {needs: tolerated, runs-on: ubuntu-24.04, steps: [run: "true"]}
      after-bad: {needs: [ok, bad], runs-on: ubuntu-24.04, steps: [run: "true"]}
      after-skipped: {needs: after-bad, runs-on: ubuntu-24.04, steps: [run: "true"]}
      always: {needs: bad, if: always(), runs-on: ubuntu-24.04, steps: [run: "true"]}
      after-always: {needs: always, runs-on: ubuntu-24.04, steps: [run: "true"]}
      on-failure: {needs: bad, if: failure(), runs-on: ubuntu-24.04, steps: [run: "true"]}
      no-failure: {needs: ok, if: failure(), runs-on: ubuntu-24.04, steps: [run: "true"]}
      by-result:
        needs: bad
        if: always() && needs.bad.result == 'failure'
        runs-on: ubuntu-24.04
        steps: [run: "true"]
      implied: {needs: bad, if: "needs.bad.result == 'failure'", runs-on: ubuntu-24.04, steps: [run: "true"]}
      no: {if: false, runs-on: ubuntu-24.04, steps: [run: "true"]}
"""


def test_conditions_of_jobs(run):
    result = run(JOBS)
    assert {job.id: job.result for job in result.jobs} == {
        "ok": "success",
        "bad": "failure",
        "tolerated": "success",
        "after-ok": "success",
        "after-tolerated": "success",
        "after-bad": "skipped",
        "after-skipped": "skipped",
        "always": "success",
        "after-always": "skipped",
        "on-failure": "success",
        "no-failure": "skipped",
        "by-result": "success",
        "implied": "skipped",
        "no": "skipped",
    }
    assert result.job("tolerated").outcome == "failure"


def test_fail_fast_cancels_the_rest(run):
    text = """
        on: push
        jobs:
          a:
            runs-on: ubuntu-24.04
            strategy: {{fail-fast: {fail_fast}, matrix: {{n: [1, 2, 3]}}}}
            steps: [run: "test ${{{{ matrix.n }}}} != 2"]
    """
    assert [job.result for job in run(text.format(fail_fast="true")).jobs] == ["success", "failure", "cancelled"]
    assert [job.result for job in run(text.format(fail_fast="false")).jobs] == ["success", "failure", "success"]


def test_the_limit_of_a_job_cancels_it_and_its_always_steps_run(run):
    started = time.monotonic()
    result = run(
        """
        on: push
        jobs:
          slow:
            runs-on: ubuntu-24.04
            timeout-minutes: 0.01
            outputs: {kept: "${{ steps.keep.outputs.kept }}"}
            steps:
              - run: sleep 60
              - run: echo never
              - id: keep
                if: always()
                run: echo "kept=${{ job.status }}" >> "$GITHUB_OUTPUT"
              - if: failure()
                run: echo never
          next: {needs: slow, runs-on: ubuntu-24.04, steps: [run: "true"]}
        """
    )
    assert time.monotonic() - started < 10
    assert [step.outcome for step in result.job("slow").steps] == ["cancelled", "skipped", "success", "skipped"]
    assert (result.job("slow").result, result.job("next").result) == ("cancelled", "skipped")
    assert result.job("slow").outputs == {"kept": "cancelled"}
    assert result.conclusion == "cancelled"


def test_reusable_workflow(run, repository):
    (repository / ".github/workflows/inner.yml").write_text(
        """
on:
  workflow_call:
    inputs:
      count: {type: number, required: true}
    outputs:
      doubled: {value: "${{ jobs.work.outputs.doubled }}"}
jobs:
  work:
    runs-on: ubuntu-24.04
    outputs: {doubled: "${{ steps.x.outputs.doubled }}"}
    steps:
      - id: x
        env: {COUNT: "${{ inputs.count }}"}
        run: echo "doubled=$((COUNT * 2))" >> "$GITHUB_OUTPUT"
"""
    )
    result = run(
        """
        on: push
        jobs:
          call: {uses: ./.github/workflows/inner.yml, with: {count: 21}}
          after:
            needs: call
            runs-on: ubuntu-24.04
            steps: [run: "test ${{ needs.call.outputs.doubled }} = 42"]
        """
    )
    assert outcomes(result) == [
        ("call / work", "call / work", "success"),
        ("call", "call", "success"),
        ("after", "after", "success"),
    ]


def test_values_that_cannot_be_had_fail_the_job(run):
    result = run(
        """
        on: push
        jobs:
          a:
            runs-on: ubuntu-24.04
            strategy: {matrix: "${{ fromJSON(vars.MATRIX) }}"}
            steps: [run: "true"]
          b: {needs: a, if: always(), runs-on: ubuntu-24.04, steps: [run: "true"]}
        """,
        variables={"MATRIX": "no json"},
    )
    assert [job.result for job in result.jobs] == ["failure", "success"]
    log = result.job("a").log
    assert log is not None and "test.yml" in log.read_text() and "fromJSON" in log.read_text()


def test_a_clean_environment(run_steps, monkeypatch, tmp_path):
    monkeypatch.setenv("OF_THIS_PROCESS", "leaked")
    result = run_steps("- run: env -0 | sort -z | tr '\\0' '\\n'; pwd", machine=Machine({"OF_THE_MACHINE": "yes"}))
    log = (result.job("a").log or tmp_path).read_text()
    assert "OF_THIS_PROCESS" not in log
    assert "OF_THE_MACHINE=yes" in log
    assert "GITHUB_ACTIONS=true" in log and "GITHUB_REPOSITORY=example/repository" in log
    names = {line.split("=")[0] for line in log.splitlines() if "=" in line}
    assert all(name.startswith(("GITHUB_", "RUNNER_")) for name in names - {
        "CI", "HOME", "LANG", "PATH", "USER", "PWD", "SHLVL", "_", "OF_THE_MACHINE", "GIT_CONFIG_NOSYSTEM"
    })  # fmt: skip


def test_jobs_do_not_share_a_folder(run):
    result = run(
        """
        on: push
        jobs:
          a: {runs-on: ubuntu-24.04, steps: [run: touch mark "$HOME/mark" "$RUNNER_TEMP/mark"]}
          b:
            needs: a
            runs-on: ubuntu-24.04
            steps: [run: test -z "$(ls -A . "$HOME" | grep mark)" && test ! -e "$RUNNER_TEMP/mark"]
        """
    )
    assert result.conclusion == "success"
