"""Where stage 3 computes: what stands in keys, who checks the machine, and what reaches the children."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

import run_pipeline
from pipeline.engines import Limits, Outcome, Task, ran_out_of_memory
from pipeline.errors import UsageError
from pipeline.progress import PlainProgress
from pipeline.settings import ROOT, Settings, load_settings
from pruning import stage
from pruning.__main__ import app
from pruning.analyses import slices
from pruning.analyses.plan import make_analysis_plan
from pruning.analyses.slices import Slice, measure_slice
from pruning.analyses.specification import Specification as AnalysisSpecification
from pruning.devices import pruning_workers
from pruning.experiments import plan, run, work
from pruning.experiments.plan import make_plan
from pruning.experiments.run import ENGINE_REASONS
from pruning.experiments.specification import DENSE, Experiment, Specification, TextSizes
from pruning.sanity import dense
from pruning.sanity.dense import Again, DenseRow, check_dense, losses_again
from pruning.sanity.records import Check
from pruning.texts import text_for
from store import Store
from store.records import (
    AnalysisRecord,
    AnalysisStatus,
    ExperimentRecord,
    MetricRecord,
    NameRecord,
    RepresentativeRecord,
    SightingRecord,
    WindowLossRecord,
)

FLAGS = {
    "methods": "magnitude,wanda",
    "ratios": "0.5",
    "evaluation_windows": "2",
    "calibration_windows": "2",
    "window_tokens": "32",
    "latency_repeats": "1",
    "analyses": str(Path(__file__).with_name("blocks_alone.yaml")),
}
ARGUMENTS = [part for name, value in FLAGS.items() for part in (f"--{name.replace('_', '-')}", value)]
MADE = "20260101T000000.000000-000000"
SIZES = TextSizes(2, 2, 32)


def settings_with(**flags: str) -> Settings:
    return load_settings({**FLAGS, **flags})


@pytest.fixture
def path(checkpoints: dict[str, Path], tmp_path: Path) -> Path:
    """A store as stages 1 and 2 leave it, with one model."""
    found = tmp_path / "store.duckdb"
    with Store.open(found) as store:
        store.insert(
            [RepresentativeRecord(MADE, "llama", "llama", "directory", "1", 1, "k-medoids", True, 50_000, "test")],
            [NameRecord(MADE, "llama", "directory", "llama", "llama", None, None, None, None, "name")],
            [SightingRecord(MADE, "llama", "directory", "1", has_weights=True, location=str(checkpoints["llama"]))],
        )
    return found


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)


class HereEngine:
    """Does nothing, in this process, and remembers what it was asked."""

    name = "here"

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []
        self.arguments: list[Any] = []

    def check(self) -> None:
        """Ready."""

    def run(
        self, function: Callable[[Any], Any], tasks: Iterable[Task[Any]], *, workers: int, limits: Limits, preload: Any
    ) -> Iterator[Outcome[Any]]:
        self.asked.append((workers, limits.gpus))
        for task in tasks:
            self.arguments.append(task.argument)
            yield Outcome(task.key, "done", work.Result("done", None, None), "", 2.5)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> HereEngine:
    engine = HereEngine()
    for module in (plan, run, slices, dense):
        monkeypatch.setattr(module, "engine_for", lambda _: engine)
    return engine


def test_keys_of_the_cpu_are_what_they_were() -> None:
    """Written down by the version that knew no other device: a store finds what it has done."""
    experiment = Specification(
        "m", "directory", "1", "wanda", 1, "weight", 0.5, 0, "c", "e", 9, "cpu", ("perplexity",), protocol_version=2
    )
    assert experiment.key == "6a4ae2f476da3e0a61c91b626279361c"
    analysis = AnalysisSpecification("m", "directory", "1", "rank", 1, None, "{}", 0, "cpu")
    assert analysis.key == "bbc2adbe630264781bac455b338f5b82"


def test_the_type_of_the_device_is_in_the_key_and_its_number_is_not(path: Path) -> None:
    def planned(device: str) -> tuple[list[str], list[str], set[str], set[str]]:
        settings = settings_with(device=device)
        experiments, analyses = make_plan(store, settings).todo, make_analysis_plan(store, settings).todo
        types = {each.specification.device for each in experiments} | {
            each.order.specification.device for each in analyses
        }
        places = {each.device for each in (*experiments, *analyses)}
        return [each.specification.key for each in experiments], [each.order.key for each in analyses], types, places

    with Store.open(path) as store:
        found = {device: planned(device) for device in ("auto", "cpu", "cuda", "cuda:1")}
    assert found["auto"] == found["cpu"]
    assert found["cuda"][:3] == found["cuda:1"][:3]
    assert {device: each[2:] for device, each in found.items()} == {
        "auto": ({"cpu"}, {"cpu"}),
        "cpu": ({"cpu"}, {"cpu"}),
        "cuda": ({"cuda"}, {"cuda"}),
        "cuda:1": ({"cuda"}, {"cuda:1"}),
    }
    for keys, others in zip(found["cpu"][:2], found["cuda"][:2], strict=True):
        assert len(keys) == len(others) > 0
        assert not {*keys} & {*others}


@pytest.mark.usefixtures("no_gpu")
def test_a_plan_for_a_gpu_is_made_anywhere_and_run_where_there_is_one(path: Path) -> None:
    def call(*arguments: str | Path) -> Any:
        return CliRunner().invoke(
            app, ["run", "--store", str(path), "--device", "cuda", *map(str, arguments), *ARGUMENTS]
        )

    assert "3 experiments to run on 1 model" in call("--dry-run").stdout
    assert call("--plan-json", path.with_name("plan.json")).exit_code == 0
    assert len(json.loads(path.with_name("plan.json").read_text())["include"]) == 3
    refused = call()
    assert refused.exit_code == 2
    assert "--device: expected auto or cpu, got 'cuda'; torch sees 0 CUDA devices here" in refused.stderr
    with Store.open(path) as store:
        assert store.rows("SELECT count(*) FROM runs") == [(0,)]


@pytest.mark.usefixtures("no_gpu")
def test_the_pipeline_refuses_before_its_first_stage(tmp_path: Path) -> None:
    words = ["--all", "--source", "builtin", "--device", "cuda:3", "--store", str(tmp_path / "store.duckdb")]
    refused = CliRunner().invoke(run_pipeline.app, words)
    assert refused.exit_code == 2
    assert "got 'cuda:3'; torch sees 0 CUDA devices here" in refused.stderr
    assert not [*tmp_path.iterdir()]
    assert "prune: " in CliRunner().invoke(run_pipeline.app, ["--prune", *words[1:], "--dry-run"]).stdout


def test_the_cpu_is_checked_without_torch() -> None:
    code = (
        "import sys\nfrom pipeline.settings import load_settings\nfrom pruning.devices import check_machine\n"
        "[check_machine(load_settings({'device': device})) for device in ('auto', 'cpu')]\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60).returncode == 0


def test_the_warm_server_asks_nothing_of_cuda() -> None:
    """What has asked the driver can no longer be forked into a child that computes on it."""
    code = (
        "import sys, torch\nfrom importlib import import_module\nfrom pruning.experiments.run import PRELOAD\n"
        "for name in ('is_available', 'device_count', '_lazy_init'):\n"
        "    setattr(torch.cuda, name, lambda *_, name=name: sys.exit(f'{name} was called'))\n"
        "for name in PRELOAD:\n    import_module(name)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=120, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"device": "cpu", "workers": "3"}, (3, 0)),
        ({"device": "cuda", "workers": "3"}, (3, 1)),
        ({"device": "cuda:1"}, (1, 1)),
        ({"device": "cuda", "engine": "ray", "workers": "4"}, (4, 1)),
    ],
)
def test_workers_and_gpus_that_an_engine_is_asked_for(
    flags: dict[str, str], expected: tuple[int, int], path: Path, here: HereEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    with Store.open(path) as store:
        stage.run(store, settings_with(**flags, analyses=""), PlainProgress())
    assert here.asked == [expected]
    assert {argument.device for argument in here.arguments} == {flags["device"]}


def test_one_worker_a_core_except_on_a_gpu_that_they_would_share() -> None:
    cores = load_settings({}).worker_count
    for flags, workers in (
        ({}, cores), ({"device": "cuda"}, 1), ({"device": "cuda", "workers": "2"}, 2),
        ({"device": "cuda", "engine": "slurm"}, cores),
    ):  # fmt: skip
        assert pruning_workers(load_settings(flags)) == workers


@pytest.mark.usefixtures("no_gpu")
def test_an_engine_that_hands_out_gpus_chooses_which(path: Path, here: HereEngine) -> None:
    assert here.name
    stage.check(settings_with(device="cuda", engine="slurm"))
    with pytest.raises(UsageError, match=r"--device: expected auto, cpu or cuda with --engine slurm.*got 'cuda:0'"):
        stage.check(settings_with(device="cuda:0", engine="slurm"))


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Models that stay on the CPU and remember where they were to go, and when memory was handed back."""
    from pruning import models

    real, asked = models.load_model, list[str]()

    def load(folder: Path) -> Any:
        model = real(folder)

        def to(device: str) -> Any:
            asked.append(device)
            return model

        object.__setattr__(model, "to", to)
        return model

    monkeypatch.setattr(models, "load_model", load)
    monkeypatch.setattr("torch.cuda.empty_cache", lambda: asked.append("handed back"))
    work.dense_model.cache_clear()
    yield asked
    work.dense_model.cache_clear()


def todo(path: Path, device: str) -> dict[str, Experiment]:
    with Store.open(path) as store:
        return {each.specification.method: each for each in make_plan(store, settings_with(device=device)).todo}


def test_a_child_computes_where_it_is_told_with_one_dense_model(path: Path, moved: list[str]) -> None:
    experiments = todo(path, "cuda:1")
    results = {method: work.perform(each) for method, each in experiments.items()}
    assert {result.status for result in results.values()} == {"done"}, results
    assert moved == ["cuda:1", *["handed back"] * 3]
    on_cpu = work.perform(todo(path, "auto")["wanda"])
    assert moved[4:] == ["cpu"]
    assert dict(results["wanda"].metrics)["perplexity"] == dict(on_cpu.metrics)["perplexity"]


def test_analyses_and_second_measurements_compute_there_too(path: Path, moved: list[str]) -> None:
    with Store.open(path) as store:
        [planned] = make_analysis_plan(store, settings_with(device="cuda:1")).todo
    found = measure_slice(Slice(planned, frozenset(), 60.0, None))
    assert found.ending.status == "done" and found.pieces
    assert moved == ["cuda:1", "handed back"]
    assert planned.folder is not None
    row = DenseRow("key", "directory", "llama", "1", "text", "cuda", [1.0], [1])
    assert len(losses_again(Again(row, planned.folder, SIZES, "cuda:1"))) == 2
    assert moved[2:] == ["cuda:1"]


def test_a_text_is_continued_on_the_models_device(monkeypatch: pytest.MonkeyPatch) -> None:
    from pruning.generation import greedy_continuation
    from tests.pruning.architectures import build_tiny

    model, prompts = build_tiny("llama").to("meta"), list[torch.Tensor]()

    def generate(prompt: torch.Tensor, **_: Any) -> torch.Tensor:
        prompts.append(prompt)
        return torch.zeros(1, 5, dtype=torch.long)

    monkeypatch.setattr(model, "generate", generate)
    assert greedy_continuation(model, [1, 2, 3]) == [0, 0]
    assert prompts[0].device.type == "meta"


@pytest.mark.parametrize(
    "words",
    [
        "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 11.76 GiB",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "CUDA error: out of memory",
    ],
)
def test_a_gpu_without_memory_is_out_of_memory(words: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Path, __: str) -> Any:
        raise torch.OutOfMemoryError(words)

    monkeypatch.setattr(work, "dense_model", full)
    with pytest.raises(torch.OutOfMemoryError) as raised:  # no refusal, which would stand for good
        work.perform(todo(path, "cuda")["wanda"])
    assert ran_out_of_memory(raised.value)
    assert ENGINE_REASONS["out_of_memory"] == "out_of_memory"


def experiment(key: str, device: str, method: str = DENSE, evaluation: str = "e") -> ExperimentRecord:
    pruned = method != DENSE
    return ExperimentRecord(
        MADE, key, "llama", "directory", "1", method, 1, "weight" if pruned else "none", 0.5 if pruned else 0.0, 0,
        None, evaluation, device, "done", None, None, 40.0, None,
    )  # fmt: skip


def test_a_gpus_experiments_are_estimated_from_a_gpus(path: Path) -> None:
    with Store.open(path) as store:
        store.insert([experiment("a", "cpu", "magnitude")])
        seconds = {
            device: {
                each.specification.method: each.seconds for each in make_plan(store, settings_with(device=device)).todo
            }
            for device in ("cpu", "cuda")
        }
    assert (seconds["cpu"]["magnitude"], seconds["cuda"]["magnitude"]) == (40.0, 1.0)


def test_the_report_compares_within_one_device(path: Path) -> None:
    """The GPU's two results are shown, relative to its own dense model; the CPU's single one waits."""
    from analysis.comparison import DAMAGE

    numbers = {"cpu": (10.0, 20.0, ("magnitude",)), "cuda": (16.0, 24.0, ("magnitude", "wanda"))}
    with Store.open(path) as store:
        for device, (before, after, methods) in numbers.items():
            for method in (DENSE, *methods):
                value = before if method == DENSE else after
                store.insert(
                    [experiment(f"{device}-{method}", device, method)],
                    [MetricRecord(MADE, f"{device}-{method}", "perplexity", value, "1", 2, value, value)],
                )
        found = {(row.method, row.dense_perplexity, row.damage) for row in store.fetch(DAMAGE)}
    assert found == {("magnitude", 16.0, 1.5), ("wanda", 16.0, 1.5)}


def test_a_dense_model_is_measured_again_on_its_own_device(
    path: Path, here: HereEngine, checkpoints: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dense, "_compared", lambda *_: Check("dense_again", "ok", ""))
    text = text_for(checkpoints["llama"], "evaluation", 2, 32)
    assert text is not None
    with Store.open(path) as store, store.run("prune", {}) as handle:
        store.insert(
            [experiment("a", "cuda", evaluation=text.text_hash)],
            [WindowLossRecord(MADE, "a", place, 1.0, 1) for place in range(2)],
        )
        check_dense(store, handle, settings_with(), ())
        assert not here.arguments
        check_dense(store, handle, settings_with(device="cuda:1"), ())
    assert [again.device for again in here.arguments] == ["cuda:1"]


@pytest.mark.parametrize(
    ("status", "counts"), [("done", True), ("partial", True), ("refused", False), ("failed", False)]
)
def test_a_store_holds_analyses_of_one_device(status: AnalysisStatus, counts: bool, path: Path) -> None:
    """The newest numbers of each analysis count, and they are compared with one another."""
    with Store.open(path) as store:
        store.insert([
            AnalysisRecord(
                MADE, "k", "directory", "llama", "1", "rank", 1, None, "{}", "{}", 0, "cpu", status, None, None, 1, 1.0,
                None,
            )
        ])  # fmt: skip
        assert make_analysis_plan(store, settings_with()).todo
        assert not make_analysis_plan(store, settings_with(device="cuda", analyses="")).todo
        if not counts:
            assert make_analysis_plan(store, settings_with(device="cuda")).todo
            return
        with pytest.raises(
            UsageError, match=r"--device: the store holds redundancy analyses computed on cpu.*got cuda"
        ):
            make_analysis_plan(store, settings_with(device="cuda"))


@pytest.mark.gpu
def test_a_plan_on_a_gpu_gives_the_cpus_numbers(path: Path, tmp_path: Path) -> None:
    numbers = {}
    for device in ("cpu", "cuda"):
        copy = tmp_path / f"{device}.duckdb"
        copy.write_bytes(path.read_bytes())
        with Store.open(copy) as store:
            report = stage.run(store, settings_with(device=device, experiment_memory="32G"), PlainProgress())
            assert (report.counts["experiments done"], report.counts["analyses done"]) == (3, 1)
            assert store.rows("SELECT DISTINCT device FROM experiments UNION SELECT device FROM analyses") == [
                (device,)
            ]
            assert store.rows("SELECT count(*) FROM checks WHERE outcome = 'failed'") == [(0,)]
            rows = store.rows(
                "SELECT method, metric, value FROM current_metrics JOIN current_experiments USING (experiment_key) "
                "WHERE metric IN ('perplexity', 'kl', 'nonzeros', 'parameters') UNION ALL "
                "SELECT component, measure, value FROM redundancy ORDER BY ALL"
            )
        numbers[device] = {(subject, name): value for subject, name, value in rows}
    assert numbers["cuda"] == pytest.approx(numbers["cpu"], rel=1e-3)
