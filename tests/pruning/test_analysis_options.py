"""Options and configurations of analyses: strict, with near matches, from TOML, YAML and flags alike."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import UsageError
from pipeline.registry import Registry
from pruning.analyses import ANALYSES, configurations
from pruning.analyses.command import asked_configuration
from pruning.analyses.configurations import FOLDER, load_configuration, read_overrides, shipped
from pruning.analyses.options import options_json, read_options
from tests.pruning.toy_analyses import SEEING, TOY, ToyOptions


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configurations, "ANALYSES", Registry("analysis", [TOY, SEEING, *ANALYSES]))


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.iterdir()))
def test_every_shipped_configuration_is_known_and_says_what_it_is_for(name: str) -> None:
    found = load_configuration(name)
    assert name in shipped()
    assert found.description
    assert found.steps


def test_values_are_taken_by_type_and_lists_become_tuples() -> None:
    given = {"count": 3, "pause": 1, "words": ["a", "b"], "refused": None, "refuses": True}
    assert read_options(TOY, given) == ToyOptions(3, 1.0, 0.0, ("a", "b"), None, None, True)
    assert read_options(TOY, {}) == ToyOptions()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"cout": 1}, "unknown option of toy 'cout'. Did you mean count"),
        ({"count": "3"}, "option toy.count: expected int, got '3'"),
        ({"count": 3.5}, "option toy.count: expected int, got 3.5"),
        ({"count": True}, "option toy.count: expected int"),
        ({"refuses": 1}, "option toy.refuses: expected bool"),
        ({"words": "a"}, "option toy.words: expected tuple"),
        ({"words": [1]}, "option toy.words: expected tuple"),
        ({"words": ["a", "b", "a"]}, "option toy.words: expected each once, got a, b, a"),
        ({"offset": float("nan")}, "finite"),
        ({"words": ["a", "b", "a"]}, "option toy.words: expected each once, got a, b, a"),
    ],
)
def test_anything_else_is_an_error_that_says_what_was_expected(given: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words.replace("(", r"\(")):
        read_options(TOY, given)


def test_toml_and_yaml_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        'description = "d"\n[[analyses]]\nname = "toy"\noptions.words = ["a"]\n[[analyses]]\nname = "seeing"\n'
    )
    (tmp_path / "mine.yaml").write_text(
        "description: d\nanalyses:\n  - {name: toy, options: {words: [a]}}\n  - {name: seeing}\n"
    )
    by_toml, by_yaml = (load_configuration(str(tmp_path / f"mine.{kind}")) for kind in ("toml", "yaml"))
    assert by_toml == by_yaml
    assert [(step.analysis.name, step.options) for step in by_toml.steps] == [
        ("toy", ToyOptions(words=("a",))),
        ("seeing", ToyOptions()),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("description = 'd'\nanalyses = []", "a description and"),
        ("descripton = 'd'\n[[analyses]]\nname = 'toy'", "Did you mean description"),
        ("[[analyses]]\nname = 'toi'", "unknown analysis 'toi'. Did you mean toy"),
        ("[[analyses]]\nname = 'toy'\nopitons = {}", "Did you mean options"),
        ("[[analyses]]\nname = 'toy'\noptions = 3", "expected options of toy by name"),
        ("[[analyses]]\nnam = 'toy'", "expected an analysis with a name"),
        ("analyses = 'toy'", "a description and"),
        ("[[", "no valid TOML"),
        ("a = " + "[" * 5000, "no valid TOML"),
    ],
)
def test_a_file_with_a_fault_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "faulty.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=words):
        load_configuration(str(path))


@pytest.mark.parametrize("text", ["[", "[" * 5000, "- 1", "!!python/object/apply:os.getcwd []", "null"])
def test_yaml_is_read_without_running_anything(tmp_path: Path, text: str) -> None:
    path = tmp_path / "faulty.yaml"
    path.write_text(text)
    with pytest.raises(UsageError):
        load_configuration(str(path))


def test_names_that_are_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Did you mean standard"):
        load_configuration("standart")
    with pytest.raises(UsageError, match="no file"):
        load_configuration(str(tmp_path / "absent.toml"))


def test_flags_lie_over_a_configuration_and_choose_from_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[[analyses]]\nname = 'toy'\noptions.count = 2\n[[analyses]]\nname = 'seeing'\n")
    options = ("toy.words=a, b", "toy.offset=2", "seeing.refuses=true")
    found = asked_configuration((), str(path), options)
    assert [step.options for step in found.steps] == [
        ToyOptions(2, offset=2.0, words=("a", "b")),
        ToyOptions(refuses=True),
    ]
    assert [step.analysis for step in asked_configuration(("seeing",), str(path), ()).steps] == [SEEING]
    with pytest.raises(UsageError, match="unknown analysis of mine 'blocks'"):
        asked_configuration(("blocks",), str(path), ())
    with pytest.raises(UsageError, match="seeing is not run; expected an option of one of toy"):
        asked_configuration(("toy",), str(path), options)
    assert [step.options for step in asked_configuration(("toy",), None, ("toy.count=9",)).steps] == [ToyOptions(9)]


@pytest.mark.parametrize("text", ["toy", "toy.count", "toy=1", "toi.count=1", "toy.cout=1", "toy.count=x"])
def test_flags_that_set_nothing(text: str) -> None:
    with pytest.raises(UsageError):
        read_overrides([text])


def test_options_are_written_one_way() -> None:
    assert options_json(ToyOptions(words=("é",))) == (
        '{"count":6,"offset":0.0,"pause":0.0,"refused":null,"refuses":false,"spoiled":null,"words":["é"]}'
    )
