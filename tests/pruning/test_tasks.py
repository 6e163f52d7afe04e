"""Task files and extras that are not installed: what is refused, and with which words."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import UsageError
from pruning import evaluate
from pruning.evaluation.observe import Extras
from pruning.evaluation.tasks import run_tasks, write_pairs


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "got nothing"),
        ("[1, 2]", "got nothing"),
        ('{"question": "?", "answer": "!"}', "expected lines with sentence_good and sentence_bad, or with text"),
        ("what", "expected lines of JSON"),
    ],
)
def test_a_file_that_is_no_task_is_refused(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "odd.jsonl").write_text(content)
    unused: Any = None
    with pytest.raises(UsageError, match=words):
        run_tasks(unused, unused, tmp_path)
    with pytest.raises(UsageError, match=r"expected a folder with files NAME\.jsonl"):
        run_tasks(unused, unused, tmp_path / "none")


def test_without_an_extra_it_is_named(dense_models: dict[str, Any], tmp_path: Path, monkeypatch: Any) -> None:
    for module in ("tasks", "energy"):
        monkeypatch.setattr(f"pruning.evaluation.{module}.find_spec", lambda name: None)
    write_pairs(tmp_path / "pairs.jsonl", [("a", "b")])
    unused: Any = None
    with pytest.raises(UsageError, match=r"arborist\[tasks\]"):
        run_tasks(unused, unused, tmp_path)
    with pytest.raises(UsageError, match=r"arborist\[energy\]"):
        evaluate(dense_models["llama"], repeats=1, extras=Extras(energy_country="DEU"))
