"""What the reader refuses, each with its line; matrices; files of commands; the survey."""

from itertools import product
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.workflows import WorkflowError, read_workflow, references, survey
from tools.workflows.command_files import assignments, runner_commands
from tools.workflows.errors import ActionFailure, Place
from tools.workflows.matrix import combinations
from tools.workflows.yaml_nodes import read_yaml

CHAIN = Path(__file__).parent / "golden/chain.yml"
HERE = Place(Path("x.yml"), 1)

HEAD = "on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n"
RUNS = "    runs-on: ubuntu-24.04\n    steps: [run: x]\n"
WRONG = [
    ("on: push\n", 1, "jobs"),
    ("jobs: {a: {runs-on: x, steps: [run: y]}}\n", 1, "'on'"),
    ("on: release\njobs: {}\n", 1, "unknown event"),
    ("on: push\nfoo: 1\njobs: {}\n", 2, "unknown key 'foo'"),
    ("on: push\non: push\njobs: {}\n", 2, "stands once"),
    ("on: push\njobs: {}\n", 2, "at least one"),
    ("on: push\njobs:\n  a:\n    runs-on: &x y\n    steps: [run: *x]\n", 5, "aliases"),
    ("on: push\njobs: [\n", 3, "not YAML"),
    ("on: {schedule: [cron: '0 3 * *']}\njobs: {}\n", 1, "five fields"),
    ("on: {schedule: [cron: '61 3 * * *']}\njobs: {}\n", 1, "five fields"),
    ("on:\n  workflow_dispatch:\n    inputs:\n      x: {type: choice}\n", 1, "jobs"),
    ("on:\n  workflow_dispatch:\n    inputs:\n      x: {type: choice}\njobs: {}\n", 4, "choice"),
    ("on:\n  workflow_dispatch:\n    inputs:\n      x: {type: boolean, default: 3}\njobs: {}\n", 4, "true or false"),
    ("on: push\npermissions: {content: read}\njobs: {}\n", 2, "unknown key 'content'"),
    ("on: push\npermissions: {contents: all}\njobs: {}\n", 2, "read, write or none"),
    (HEAD + "      - run: x\n        wiht: y\n", 7, "wiht"),
    (HEAD + "      - run: x\n        uses: y\n", 6, "either run or uses"),
    (HEAD + "      - run: x\n        shell: fish\n", 7, "shell"),
    (HEAD + "      - run: ${{ nosuch.x }}\n", 6, "unknown context 'nosuch'"),
    (HEAD + "      - run: ${{ success() }}\n", 6, "unknown function 'success'"),
    (HEAD + "      - run: ${{ github.x\n", 6, "}}"),
    (HEAD + "      - run: x\n        if: secrets.X != ''\n", 7, "unknown context 'secrets'"),
    (HEAD + "      - run: x\n        if: ${{ github.x }} == 'y'\n", 7, "always true"),
    (HEAD + "      - {id: x, run: x}\n      - {id: x, run: x}\n", 7, "twice"),
    ("on: push\njobs:\n  a:\n    if: matrix.x\n    runs-on: y\n    steps: [run: x]\n", 4, "unknown context 'matrix'"),
    ("on: push\njobs:\n  a:\n    needs: b\n    runs-on: y\n    steps: [run: x]\n", 3, "unknown job 'b'"),
    ("on: push\njobs:\n  a:\n    needs: a\n    runs-on: y\n    steps: [run: x]\n", 3, "circle"),
    ("on: push\njobs:\n  a:\n    container: x\n    runs-on: y\n    steps: [run: x]\n", 4, "container"),
    ("on: push\njobs:\n  a:\n    environment: x\n    runs-on: y\n    steps: [run: x]\n", 4, "environment"),
    ("on:\n  workflow_dispatch:\n    inputs:\n      x: {type: environment}\njobs: {}\n", 4, "environment"),
    ("on: push\njobs:\n  a:\n    steps: [run: x]\n", 3, "runs-on"),
    ("on: push\nenv:\n  X: ${{ env.Y }}\njobs: {}\n", 3, "unknown context 'env'"),
    (HEAD + "      - run: ${{ inputs.x }}\n", 6, "unknown inputs.x"),
    (HEAD + "      - run: ${{ github.evnt.x }}\n", 6, "unknown github.evnt"),
    (HEAD + "      - run: ${{ steps.later.outputs.x }}\n      - {id: later, run: x}\n", 6, "unknown steps.later"),
    (HEAD + "      - {id: x, run: x}\n      - if: steps.X.result == 1\n        run: x\n", 7, "unknown x.result"),
    (HEAD + "      - run: ${{ toJSON(needs.b) }}\n", 6, "unknown needs.b"),
    (HEAD + "      - run: ${{ matrix['x'] }}\n", 6, "unknown matrix.x"),
    (HEAD + "      - run: x\n  b:\n    needs: a\n    if: needs.a.outputs.x\n" + RUNS, 9, "unknown a.x"),
    (
        HEAD + '      - run: x\n    strategy: {matrix: {x: [1], include: [{y: 2}]}}\n    env: {A: "${{ matrix.z }}"}\n',
        8,
        "unknown matrix.z, expected one of x, y",
    ),
]


@pytest.mark.parametrize(("text", "line", "message"), WRONG, ids=[message for _, _, message in WRONG])
def test_wrong_files_are_refused_with_their_line(tmp_path, text, line, message):
    path = tmp_path / "wrong.yml"
    path.write_text(text)
    with pytest.raises(WorkflowError) as caught:
        read_workflow(path)
    assert f"wrong.yml:{line}: " in str(caught.value)
    assert message in str(caught.value)


def test_yaml_is_read_as_github_reads_it(tmp_path):
    path = tmp_path / "x.yml"
    path.write_text("on: yes\na: 010\nb: 0x10\nc: 3.10\nd: '1'\ne: True\nf: ~\ng: 2026-01-01\nh: 1:30\n")
    values = {key: node.value for key, node in read_yaml(path).mapping("x").items()}
    assert values == {"on": "yes", "a": 10, "b": 16, "c": 3.1, "d": "1", "e": True, "f": None, "g": "2026-01-01",
                      "h": "1:30"}  # fmt: skip


@given(st.text(alphabet="ab:{}[]-#'\"!&*|> \n\t$,?%@`é", max_size=40))
def test_any_text_is_read_or_refused(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.yml"
    path.write_text(text)
    with pytest.raises(WorkflowError):
        read_workflow(path)


def test_the_documented_matrix():
    """The example of "Running variations of jobs in a workflow", Expanding or adding matrix configurations."""
    matrix = {
        "fruit": ["apple", "pear"],
        "animal": ["cat", "dog"],
        "include": [
            {"color": "green"},
            {"color": "pink", "animal": "cat"},
            {"fruit": "apple", "shape": "circle"},
            {"fruit": "banana"},
            {"fruit": "banana", "animal": "cat"},
        ],
    }
    assert combinations(matrix, HERE) == [
        {"fruit": "apple", "animal": "cat", "color": "pink", "shape": "circle"},
        {"fruit": "apple", "animal": "dog", "color": "green", "shape": "circle"},
        {"fruit": "pear", "animal": "cat", "color": "pink"},
        {"fruit": "pear", "animal": "dog", "color": "green"},
        {"fruit": "banana"},
        {"fruit": "banana", "animal": "cat"},
    ]


def test_excludes_come_before_includes():
    matrix = {"a": [1.0, 2.0], "b": ["x", "y"], "exclude": [{"a": 1.0}, {"a": 2.0, "b": "y"}], "include": [{"a": 1.0}]}
    assert combinations(matrix, HERE) == [{"a": 2.0, "b": "x"}, {"a": 1.0}]
    assert combinations({"include": [{"a": 1.0}, {"a": 2.0}]}, HERE) == [{"a": 1.0}, {"a": 2.0}]


@pytest.mark.parametrize(
    "matrix", [None, [], {}, {"a": []}, {"a": "x"}, {"include": []}, {"a": [1.0], "exclude": [{"b": 1.0}]},
               {"a": [1.0], "include": [3.0]}, {"a": [1.0], "exclude": [{"a": 1.0}]}, {"a": [0.0] * 257}], ids=str,
)  # fmt: skip
def test_wrong_matrices(matrix):
    with pytest.raises(WorkflowError):
        combinations(matrix, HERE)


AXES = st.dictionaries(
    st.sampled_from("abc"), st.lists(st.sampled_from("xyz"), min_size=1, max_size=3, unique=True), min_size=1
)


@settings(max_examples=50)
@given(AXES, st.data())
def test_excludes_against_a_slow_loop(axes, data):
    wanted = data.draw(st.fixed_dictionaries({key: st.sampled_from("xyz") for key in sorted(axes)[:2]}))
    expected = [
        dict(zip(axes, values, strict=True))
        for values in product(*axes.values())
        if any(dict(zip(axes, values, strict=True))[key] != value for key, value in wanted.items())
    ]
    matrix = {**axes, "exclude": [wanted]}
    if expected:
        assert combinations(matrix, HERE) == expected
    else:
        with pytest.raises(WorkflowError):
            combinations(matrix, HERE)


NAMES = st.text(alphabet="ab_-", min_size=1, max_size=4)
TEXTS = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=10)


@settings(max_examples=50)
@given(st.dictionaries(NAMES, st.lists(TEXTS, max_size=3)))
def test_assignments_survive_a_round_trip(values):
    text = "".join(
        f"{name}<<-END-\n" + "".join(f"{line}\n" for line in lines) + "-END-\n" for name, lines in values.items()
    )
    assert assignments(text, "x") == {name: "\n".join(lines) for name, lines in values.items()}


def test_whichever_sign_comes_first_decides():
    assert assignments("a=b<<c\nd<<E=F\ng\nE=F\n", "x") == {"a": "b<<c", "d": "g"}


@given(st.text(alphabet="ab=<\n\r ", max_size=30))
def test_any_output_is_parsed_or_refused(text):
    try:
        assert all(assignments(text, "x"))
    except ActionFailure:
        return


def test_lines_that_are_commands_to_the_runner():
    output = "::error file=x::y\n  ::add-mask::z\nx ::error::y\n::\na ##[error]b\n::set-output name=a::b"
    found = ["::error file=x::y", "  ::add-mask::z", "a ##[error]b", "::set-output name=a::b"]
    assert runner_commands(output) == found


def test_survey_of_a_file():
    read = survey(CHAIN)
    assert read.triggers == ("schedule", "workflow_dispatch")
    assert read.expressions_in_runs() == ()
    assert len(read.runs) == 6
    assert read.labels["plan"] == ("ubuntu-24.04",)
    assert "self-hosted" in read.labels["prune"][0]
    assert len(read.expressions) == CHAIN.read_text().count("${{")
    assert [(use.pinned, use.version, use.local) for use in read.uses] == [(True, "v0", False)] * 3


def test_names_of_a_context():
    assert references(read_workflow(CHAIN), "vars") == {"limit", "gpu_runner"}
    assert references(read_workflow(CHAIN), "inputs") == {"stage", "limit", "note"}


def test_survey_finds_what_is_dangerous(tmp_path):
    path = tmp_path / "danger.yml"
    path.write_text(
        dedent(
            """
            on: [pull_request_target]
            jobs:
              a:
                runs-on: {group: g, labels: [self-hosted, "${{ matrix.x }}"]}
                steps:
                  - run: |
                      echo
                      echo ${{ github.event.title }}
                  - uses: actions/checkout@v6
            """
        )
    )
    read = survey(path)
    assert read.triggers == ("pull_request_target",)
    assert read.labels == {"a": ("g", "self-hosted", "${{ matrix.x }}")}
    assert [(found.place.line, found.path) for found in read.expressions_in_runs()] == [
        (7, ("jobs", "a", "steps", "0", "run"))
    ]
    assert [(use.text, use.pinned, use.version) for use in read.uses] == [("actions/checkout@v6", False, "")]
