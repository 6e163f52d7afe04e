"""The plan on a store: by key, within a time limit, as jobs, and for models without text."""

import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pipeline.engines import Engine, Limits, Outcome, Task
from pipeline.errors import UsageError
from pipeline.progress import PlainProgress
from pipeline.settings import load_settings
from pruning import stage
from pruning.__main__ import app
from pruning.checkpoint import write_weights
from pruning.experiments import run, work
from pruning.experiments.candidates import CANDIDATES
from pruning.experiments.cost import COSTS
from pruning.experiments.plan import OUTCOMES, make_plan
from pruning.experiments.specification import DENSE, Experiment, TextSizes
from pruning.reference.tokenizer import build_tokenizer, write_tokenizer
from pruning.sanity import dense
from pruning.sanity.dense import Again, DenseRow, check_dense
from pruning.sanity.records import Check
from store import Store
from store.database import Query
from store.records import NameRecord, RepresentativeRecord, SightingRecord
from tests.pruning.architectures import ARCHITECTURES, build_tiny

FLAGS = {
    "methods": "random,magnitude,depth-last,wanda",
    "ratios": "0.25,0.5",
    "evaluation_windows": "2",
    "calibration_windows": "2",
    "window_tokens": "32",
    "latency_repeats": "1",
    "analyses": "",
}
ARGUMENTS = [part for name, value in FLAGS.items() for part in (f"--{name.replace('_', '-')}", value)]


def fill(path: Path, folders: dict[str, Path]) -> Path:
    """Write a store as stages 1 and 2 leave it."""
    made = "20260101T000000.000000-000000"
    with Store.open(path) as store:
        for name, folder in folders.items():
            store.insert(
                [RepresentativeRecord(made, name, name, "directory", "1", 1, "k-medoids", True, 50_000, "test")],
                [NameRecord(made, name, "directory", name, name, None, None, None, None, "name")],
                [SightingRecord(made, name, "directory", "1", has_weights=True, location=str(folder))],
            )
    return path


@pytest.fixture
def path(checkpoints: dict[str, Path], tmp_path: Path) -> Path:
    return fill(tmp_path / "store.duckdb", {"llama": checkpoints["llama"], "ev`il/$(model) ::name": checkpoints["opt"]})


class HereEngine:
    """Does tasks in this process, and nothing with their models."""

    name = "here"

    def check(self) -> None:
        """Ready."""

    def run(
        self, function: Callable[[Any], Any], tasks: Iterable[Task[Any]], *, workers: int, limits: Limits, preload: Any
    ) -> Iterator[Outcome[Any]]:
        for task in tasks:
            time.sleep(0.05)
            yield Outcome(task.key, "done", work.Result("done", None, None), "", 2.5)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    engine: Engine = HereEngine()  # pyright: ignore[reportAssignmentType]  # a generator is more than is needed
    monkeypatch.setattr(run, "engine_for", lambda _: engine)


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["run", *map(str, arguments), *ARGUMENTS])


def counts(path: Path, **flags: str) -> dict[str, int]:
    with Store.open(path) as store:
        report = stage.run(store, load_settings({**FLAGS, **flags}), PlainProgress())
    left = report.counts["experiments left by the time limit"]
    assert any("--max-minutes" in note and f"{left} experiment" in note for note in report.notes) == (left > 0)
    return {name.removeprefix("experiments "): count for name, count in report.counts.items() if count}


@pytest.mark.usefixtures("here")
def test_no_experiment_begins_after_the_time_limit_and_the_next_run_goes_on(path: Path) -> None:
    first = counts(path, max_minutes=str(0.12 / 60))
    assert 1 <= first["done"] <= 3
    assert first["done"] + first["left by the time limit"] == 18
    assert counts(path, max_minutes="1") == {
        "models": 2,
        "done": 18 - first["done"],
        "from earlier runs": first["done"],
    }
    with Store.open(path) as store:
        rows = store.rows("SELECT method FROM experiments ORDER BY run_id, rowid LIMIT 2")
    assert rows == [(DENSE,), (DENSE,)] if first["done"] > 1 else rows[:1] == [(DENSE,)]


@pytest.mark.usefixtures("here")
def test_what_is_left_keeps_its_order_when_a_run_goes_on(path: Path) -> None:
    settings = load_settings({**FLAGS, "seeds": "2"})
    with Store.open(path) as store:
        planned = [each.specification for each in make_plan(store, settings).todo]
    done = [found.key for found in planned if (found.method, found.seed) == ("random", 0)]
    assert counts(path, seeds="2", only=",".join(done))["done"] == len(done)
    with Store.open(path) as store:
        left = [each.specification for each in make_plan(store, settings).todo]
    assert len(left) == len(planned) - len(done)
    seeds = [found.seed for found in left]
    assert seeds == sorted(seeds)


def test_no_dense_model_is_measured_again_after_the_time_limit(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []
    again = Again(
        DenseRow("key", "directory", "llama", "1", "text", "cpu", [1.0], [1]), path, TextSizes(2, 2, 32), "cpu"
    )
    monkeypatch.setattr(dense, "_open", lambda *_: [again])
    monkeypatch.setattr(dense, "engine_for", lambda _: HereEngine())
    monkeypatch.setattr(dense, "_compared", lambda row, _: begun.append(row.model_id) or Check("dense_again", "ok", ""))
    with Store.open(path) as store, store.run("prune", {}) as handle:
        check_dense(store, handle, load_settings(FLAGS), (), time.monotonic() - 1)
        assert not begun
        check_dense(store, handle, load_settings(FLAGS), (), time.monotonic() + 60)
        assert begun == ["llama"]


@pytest.mark.usefixtures("here")
def test_only_does_what_it_names(path: Path) -> None:
    with Store.open(path) as store:
        keys = [each.specification.key for each in make_plan(store, load_settings(FLAGS)).todo]
    wanted = {keys[3], keys[11]}
    found = counts(path, only=",".join(wanted), analyses="standard")
    assert found == {"models": 2, "done": 2}
    with Store.open(path) as store:
        assert {key for (key,) in store.rows("SELECT experiment_key FROM experiments")} == wanted
        assert store.rows("SELECT count(*) FROM analyses") == [(0,)]
        with pytest.raises(UsageError, match=f"has the key {'0' * 32} .1 of 2 keys.*--plan-json"):
            make_plan(store, load_settings({**FLAGS, "only": f"{keys[0]},{'0' * 32}"}))
    assert counts(path, only=keys[3]) == {"models": 2, "from earlier runs": 1}
    with pytest.raises(UsageError, match="--only: expected keys of experiments"):
        load_settings({"only": "$(id)"})


@pytest.mark.usefixtures("here")
def test_a_ratio_given_twice_is_one(path: Path) -> None:
    assert counts(path, methods="random", ratios="0.5,0.50,5e-1") == {"models": 2, "done": 4}


def test_a_dry_run_promises_nothing_where_every_representative_is_too_large(path: Path) -> None:
    told = json.loads(call("--store", path, "--dry-run", "--json", "--max-params", "1").stdout)
    assert told["seconds"] == 0
    assert told["steps"][0].startswith("0 experiments to run on 0 models")
    assert "2 representatives with more than 1 parameters left out" in told["steps"]


def test_a_model_whose_folder_is_gone_is_refused_and_not_looked_for_beside_it(
    checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    parent = shutil.copytree(checkpoints["opt"], tmp_path / "models")
    gone = shutil.copytree(checkpoints["llama"], parent / "llama")
    path = fill(tmp_path / "store.duckdb", {"llama": gone, "by_file": parent / "config.json"})
    shutil.rmtree(gone)
    with Store.open(path) as store:
        plan = make_plan(store, load_settings(FLAGS))
    found = {(each.specification.model_id, each.folder, each.refusal) for each in plan.todo}
    assert found == {
        ("llama", None, "the weights of llama are not on this machine"),
        ("by_file", parent, None),
    }


@pytest.mark.usefixtures("here")
def test_the_jobs_of_a_matrix_do_the_whole_plan(path: Path) -> None:
    file = path.with_name("plan.json")
    answer = call("--store", path, "--plan-json", file, "--shards", "5")
    assert answer.exit_code == 0, answer.stderr
    assert "18 experiments in 5 jobs, about 18 s of work" in answer.stderr
    entries = json.loads(file.read_text())["include"]
    assert [entry["model"] for entry in entries][0::4] == ["ev-il-model-name", "llama"]
    for entry in entries:
        assert counts(path, only=entry["keys"])["done"] == entry["experiments"]
    assert counts(path) == {"models": 2, "from earlier runs": 18}
    for flags, words in ((("--shards", "257"), "--shards: expected 1 to 256"), (("--plan-json", "/proc/x"), "/proc/x")):
        answer = call("--store", path, "--plan-json", file, *flags)
        assert answer.exit_code == 2
        assert words in answer.stderr


@pytest.mark.usefixtures("here")
def test_a_dry_run_lists_what_the_history_lets_expect(path: Path) -> None:
    assert counts(path, methods="random", ratios="0.5")["done"] == 4  # each took 2.5 s
    answer = call("--store", path, "--dry-run", "--json", "--workers", "2")
    told = json.loads(answer.stdout)
    seconds = {(item["model"], item["method"], item["ratio"]): item["seconds"] for item in told["items"]}
    assert len(seconds) == 14
    assert {value for (_, method, _), value in seconds.items() if method == "random"} == {2.5}
    assert {value for (_, method, _), value in seconds.items() if method != "random"} == {1.0}
    assert told["seconds"] == (2 * 2.5 + 12) / 2
    assert "14 experiments to run on 2 models, 4 ended before, about 17 s of work" in told["steps"][0]
    assert "method=" not in call("--store", path, "--dry-run").stdout
    verbose = call("--store", path, "--dry-run", "-v").stdout.splitlines()
    assert [line.partition(" method=")[2].split()[0] for line in verbose if " method=" in line] == [
        item["method"] for item in told["items"]
    ]
    assert "1.0" in call("--store", path, "--dry-run", "-v", "--experiment-seconds", "1").stdout
    with Store.open(path) as store:
        assert store.rows("SELECT count(*) FROM runs WHERE stage = 'prune'") == [(1,)]


def tiny_folder(place: Path, name: str) -> Path:
    import torch

    write_weights(build_tiny(name), place / name, torch.float32)
    return place / name


@pytest.fixture
def encoders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """A masked language model that speaks the reference language, one that does not, one that sees."""

    import transformers

    tokenizer = build_tokenizer(64)
    tokenizer.add_special_tokens({"mask_token": "<mask>"})
    speaking = replace(ARCHITECTURES["bert"], config={**ARCHITECTURES["bert"].config, "vocab_size": len(tokenizer)})
    monkeypatch.setitem(ARCHITECTURES, "speaking", speaking)
    monkeypatch.setattr("tests.pruning.architectures.TOKENS", {"pad_token_id": 0})
    folders = {"speaking": tiny_folder(tmp_path, "speaking")}
    monkeypatch.undo()
    tokenizer.save_pretrained(str(folders["speaking"]))
    assert transformers.AutoConfig.from_pretrained(folders["speaking"]).vocab_size == len(tokenizer)
    return folders | {name: tiny_folder(tmp_path, name) for name in ("bert", "vit", "gpt2")}


def test_models_without_text_are_measured_with_what_applies(encoders: dict[str, Path], tmp_path: Path) -> None:
    with Store.open(fill(tmp_path / "store.duckdb", encoders)) as store:
        plan = make_plan(store, load_settings({**FLAGS, "ratios": "0.5"}))
    results = {(each.specification.model_id, each.specification.method): done(each) for each in plan.todo}
    hashes = {each.specification.model_id: each.specification.evaluation for each in plan.todo}
    assert {name for name, text in hashes.items() if text == "noise"} == {"bert", "vit", "gpt2"}
    assert len(hashes["speaking"]) == 32
    for name in encoders:
        assert {results[name, method].status for method in ("dense", "random", "magnitude", "depth-last")} == {"done"}
        numbers = dict(results[name, "magnitude"].metrics)
        assert 0 < numbers["noise_cosine"].value < 1
        assert ("pseudo_perplexity" in numbers) == (name == "speaking")
        assert not {"perplexity", "kl"} & {*numbers}
        assert results[name, "magnitude"].samples == ()
        assert "noise_cosine" not in dict(results[name, "dense"].metrics)
    assert {name: results[name, "wanda"].status for name in encoders} == {
        "speaking": "done",
        **dict.fromkeys(("bert", "vit", "gpt2"), "refused"),
    }
    assert "no text for this model" in str(results["vit", "wanda"].detail)


def done(experiment: Experiment) -> work.Result:
    """Do an experiment as `run_plan` does."""
    if experiment.refusal is not None:
        return work.Result("refused", "unsupported", experiment.refusal)
    return work.perform(experiment)


def test_a_tokenizer_that_lies_about_its_mask_has_none(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    from pruning.texts import text_for

    write_tokenizer(tmp_path, context=64)
    (tmp_path / "config.json").write_text("{}")
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    for mask in (None, 7, {"content": ["x"]}, "<nowhere>", {}):
        (tmp_path / "tokenizer_config.json").write_text(json.dumps({**config, "mask_token": mask}))
        text = text_for(tmp_path, "evaluation", 2, 32)
        assert text is not None
        assert text.mask_token is None


@pytest.mark.parametrize("query", [COSTS, OUTCOMES, CANDIDATES], ids=lambda query: query.path.stem)
def test_a_query_gives_the_columns_of_its_row(query: Query[Any]) -> None:
    sql = query.sql().replace("$licenses", "[]").replace("$device", "'cpu'")
    with Store.open(None) as store:
        described = store.rows(f"DESCRIBE {sql}")
    assert [column for column, *_ in described] == [field.name for field in fields(query.row)]
