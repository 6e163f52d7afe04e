"""The expression language against a table of what GitHub documents, and against texts that mean nothing."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.workflows.errors import ExpressionError, WorkflowError
from tools.workflows.expressions import CaseSensitive, Scope, evaluate, parse, string
from tools.workflows.expressions.syntax import walk

CONTEXTS = {
    "github": {
        "event_name": "push",
        "Ref": "refs/heads/main",
        "event": {"issue": {"labels": [{"name": "bug"}, {"name": "help wanted"}]}},
    },
    "env": CaseSensitive({"Path": "a", "EMPTY": ""}),
    "fruits": [
        {"name": "apple", "quantity": 1.0},
        {"name": "orange", "quantity": 2.0},
        {"name": "pear", "quantity": 1.0},
    ],
    "vegetables": {
        "scallions": {"colors": ["green", "white", "red"], "ediblePortions": ["roots", "stalks"]},
        "beets": {"colors": ["purple", "red"], "ediblePortions": ["greens", "roots"]},
        "none": 1.0,
    },
}

# Results from docs.github.com, "Evaluate expressions in workflows and actions" (literals, the tables of operators and
# coercions, the functions' examples, object filters); of the rest, from the runner's own unit tests' rules.
TABLE = [
    ("null", None),
    ("false", False),
    ("true", True),
    ("711", 711.0),
    ("-9.2", -9.2),
    ("0xff", 255.0),
    ("0o17", 15.0),
    ("0x7fffffff", 2147483647.0),
    ("0xffffffff", -1.0),
    ("-Infinity < -1", True),
    ("-2.99e-2", -0.0299),
    ("'Mona the Octocat'", "Mona the Octocat"),
    ("'It''s open source!'", "It's open source!"),
    ("''", ""),
    ("(1)", 1.0),
    ("!true", False),
    ("!''", True),
    ("!0", True),
    ("!-0", True),
    ("!null", True),
    ("!'false'", False),
    ("!NaN", True),
    ("!github", False),
    ("1 < 2", True),
    ("2 <= 2", True),
    ("3 > 4", False),
    ("2 >= 3", False),
    ("'a' < 'B'", True),
    ("'b' > 'A'", True),
    ("'10' < '9'", True),
    ("'10' < 9", False),
    ("'9' < 10", True),
    ("1 == 1", True),
    ("1 != 1", False),
    ("'push' == 'PUSH'", True),
    ("'a' != 'A'", False),
    ("null == ''", True),
    ("null == 0", True),
    ("null == false", True),
    ("'' == 0", True),
    ("'' == false", True),
    ("true == 1", True),
    ("true == '1'", True),
    ("true == 'true'", False),
    ("false == 'false'", False),
    ("'1' == 1", True),
    ("' 1 ' == 1", True),
    ("'0xA' == 10", True),
    ("'0x1ffffffff' > 0", False),
    ("'+1.' == 1", True),
    ("'-.5' == -0.5", True),
    ("'+Infinity' > 0", False),
    ("'Infinity' > 0", True),
    ("'1_0' == 10", False),
    ("null >= null", True),
    ("null > null", False),
    ("true > false", True),
    ("'1e2' == 100", True),
    ("'abc' == 0", False),
    ("'abc' < 0", False),
    ("'abc' >= 0", False),
    ("NaN == NaN", False),
    ("NaN != NaN", True),
    ("github == github", True),
    ("github == null", False),
    ("fromJSON('[1]') == fromJSON('[1]')", False),
    ("true && 'yes'", "yes"),
    ("0 && 'yes'", 0.0),
    ("'' || 'no'", "no"),
    ("null || false", False),
    ("true && 'a' || 'b'", "a"),
    ("false && 'a' || 'b'", "b"),
    ("true && '' || 'b'", "b"),
    ("true || false && false", True),
    ("1 == 1 && 2 > 1", True),
    ("1 < 2 == true", True),
    ("!true == false", True),
    ("github.event_name", "push"),
    ("GITHUB.EVENT_NAME", "push"),
    ("github['event_name']", "push"),
    ("github.ref", "refs/heads/main"),
    ("github.missing", None),
    ("github.missing.more", None),
    ("github.missing['x'].*", []),
    ("env.Path", "a"),
    ("env.PATH", None),
    ("fruits[0].name", "apple"),
    ("fruits['1'].name", "orange"),
    ("fruits[1.9].name", "orange"),
    ("fruits[3]", None),
    ("fruits[-1]", None),
    ("fruits['x']", None),
    ("fruits.*.name", ["apple", "orange", "pear"]),
    ("fruits[*].quantity", [1.0, 2.0, 1.0]),
    ("vegetables.*.ediblePortions", [["roots", "stalks"], ["greens", "roots"]]),
    ("vegetables.*.ediblePortions.*", ["roots", "stalks", "greens", "roots"]),
    ("vegetables.*.colors[0]", ["green", "purple"]),
    ("contains('Hello world', 'llo')", True),
    ("contains('Hello world', 'LLO')", True),
    ("contains(github.event.issue.labels.*.name, 'bug')", True),
    ("contains(fromJSON('[\"push\", \"pull_request\"]'), github.event_name)", True),
    ("contains(fromJSON('[1, 2]'), '2')", True),
    ("contains(github, 'push')", False),
    ("contains('a10', 10)", True),
    ("startsWith('Hello world', 'He')", True),
    ("startsWith('Hello world', 'world')", False),
    ("STARTSWITH('hello', 'HE')", True),
    ("endsWith('Hello world', 'ld')", True),
    ("endsWith(100, 0)", True),
    ("format('Hello {0} {1} {2}', 'Mona', 'the', 'Octocat')", "Hello Mona the Octocat"),
    ("format('{{Hello {0} {1} {2}!}}', 'Mona', 'the', 'Octocat')", "{Hello Mona the Octocat!}"),
    ("format('{0}{0}', 1.50)", "1.51.5"),
    ("join(github.event.issue.labels.*.name, ', ')", "bug, help wanted"),
    ("join(fromJSON('[1, true, null]'))", "1,true,"),
    ("join('one', '-')", "one"),
    ("join(github)", ""),
    ("toJSON('a\"b')", '"a\\"b"'),
    ("toJSON(fromJSON('[]'))", "[]"),
    ("toJSON(fromJSON('{\"é\": \"é\"}'))", '{\n  "é": "é"\n}'),
    ("toJSON(fromJSON('{\"a\": {}, \"c\": [1, null]}'))", '{\n  "a": {},\n  "c": [\n    1,\n    null\n  ]\n}'),
    ("fromJSON('true')", True),
    ("fromJSON('{\"A\": 3}').a", 3.0),
    ("fromJSON(' 1.0 ')", 1.0),
]  # fmt: skip

WRONG = [
    "",
    "1 +",
    '"a"',
    "'a",
    "a..b",
    "(1",
    "1)",
    "1 2",
    "1.2.3",
    "0xg",
    "a[",
    "a[]",
    "a.1",
    "*",
    "!",
    "= 1",
    "1 === 1",
    "a & b",
    "True",
    "secret.x",
    "nosuch(1)",
    "contains('a')",
    "contains('a', 'b', 'c')",
    "format('{1}', 1)",
    "format('{', 1)",
    "format('{9999999999999999999999}', 1)",
    "fromJSON('')",
    "fromJSON('NaN')",
    "fromJSON('{')",
    "success()",
    "hashFiles('*')",
    "(" * 51 + "1" + ")" * 51,
    "!" * 51 + "1",
    "a" + ".a" * 51,
    "'" + "a" * 21_000 + "'",
]


@pytest.mark.parametrize(("text", "expected"), TABLE, ids=[text for text, _ in TABLE])
def test_documented_results(text, expected):
    found = evaluate(parse(text), Scope(CONTEXTS))
    assert type(found) is type(expected) or isinstance(expected, list)
    assert found == expected


def test_the_table_is_no_shorter_than_promised():
    assert len(TABLE) >= 60


@pytest.mark.parametrize("text", WRONG, ids=[text[:30] for text in WRONG])
def test_what_is_wrong_is_refused(text):
    with pytest.raises(ExpressionError):
        evaluate(parse(text), Scope(CONTEXTS))


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, ""), (True, "true"), (1.0, "1"), (1.5, "1.5"), (1e20, "1E+20"), (0.00001, "1E-05"), (-0.0, "0"),
     (math.nan, "NaN"), (-math.inf, "-Infinity"), ([], "Array"), ({}, "Object"), (1 / 3, "0.333333333333333")],
)  # fmt: skip
def test_texts_of_values(value, expected):
    assert string(value) == expected


def test_operands_that_do_not_decide_are_not_evaluated():
    assert evaluate(parse("false && fromJSON('')"), Scope({})) is False
    assert evaluate(parse("1 || fromJSON('')"), Scope({})) == 1.0


def test_hash_of_files(tmp_path):
    scope = Scope({}, folder=tmp_path)
    (tmp_path / "a.lock").write_text("one")
    (tmp_path / "b.txt").write_text("two")
    before = evaluate(parse("hashFiles('*.lock')"), scope)
    assert before == evaluate(parse("hashFiles('**/*', '!*.txt')"), scope)
    assert evaluate(parse("hashFiles('nothing')"), scope) == ""
    (tmp_path / "a.lock").write_text("three")
    assert evaluate(parse("hashFiles('*.lock')"), scope) not in (before, "")


PIECES = st.sampled_from(
    [
        "github",
        ".",
        "[",
        "]",
        "(",
        ")",
        "!",
        "&&",
        "||",
        "==",
        "!=",
        "<",
        "<=",
        ">",
        ">=",
        ",",
        "*",
        "'a'",
        "''",
        "1",
        "-2",
        "0x1",
        "true",
        "null",
        "NaN",
        "contains",
        "format",
        "fromJSON",
        "join",
        "x_-y",
        "'{0}'",
        "toJSON",
        "success",
        "hashFiles",
        "'",
        '"',
        "$",
        "é",
    ]
)


@given(st.lists(PIECES, max_size=25).map(" ".join) | st.text(max_size=60))
def test_any_text_has_a_value_or_a_workflow_error(text):
    try:
        found = evaluate(parse(text), Scope(CONTEXTS))
    except WorkflowError:
        return
    assert isinstance(string(found), str)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-999, 999).map(float) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=50)
@given(JSON)
def test_json_survives_a_round_trip(value):
    scope = Scope({"x": {"y": value}})
    assert json.loads(str(evaluate(parse("toJSON(x.y)"), scope))) == value
    assert evaluate(parse("fromJSON(toJSON(x.y))"), scope) == value


SCALARS = st.none() | st.booleans() | st.integers(-3, 3).map(float) | st.sampled_from(["", "a", "A", "1", "-2", "true"])


@settings(max_examples=60)
@given(SCALARS, SCALARS)
def test_comparisons_agree_with_one_another(left, right):
    def holds(sign):
        return evaluate(parse(f"x.l {sign} x.r"), Scope({"x": {"l": left, "r": right}}))

    assert holds("==") != holds("!=")
    assert holds("<=") == (holds("<") or holds("=="))
    assert holds(">=") == (holds(">") or holds("=="))
    assert [holds("<"), holds("=="), holds(">")].count(True) <= 1


@given(st.text(alphabet="ab'{}", max_size=8))
def test_any_text_can_be_written_as_a_literal(text):
    assert evaluate(parse("'" + text.replace("'", "''") + "'"), Scope({})) == text


@given(st.integers(1, 49))
def test_levels_up_to_the_limit_parse(depth):
    assert max(level for _, level in walk(parse("!" * depth + "1"))) == depth + 1
