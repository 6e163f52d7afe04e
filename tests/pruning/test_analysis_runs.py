"""Running an analysis: checks, deadline, endings; the same table whatever stops it."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.engines import Outcome, Task
from pipeline.engines.local import LocalEngine
from pipeline.progress import PlainProgress
from pipeline.settings import load_settings
from pruning.adapters import find_adapter
from pruning.analyses import Finding, Piece, Subject, slices
from pruning.analyses.configurations import Step
from pruning.analyses.plan import AnalysisPlan, PlannedAnalysis
from pruning.analyses.run import Time, ending_detail, new_pieces, run_analysis
from pruning.analyses.slices import run_slices
from pruning.analyses.specification import ModelIdentity, Order, order_for
from pruning.analyses.storing import is_over, last_endings
from pruning.experiments.specification import TextSizes
from pruning.texts import Text
from store import Store
from tests.pruning.toy_analyses import SEEING, TOY, ToyOptions

MODEL = ModelIdentity("toy/model", "directory", "1")
MEASURED = "SELECT * EXCLUDE (run_id) FROM redundancy ORDER BY ALL"
SIZES = TextSizes(2, 2, 32)


@pytest.fixture
def subject(dense_models: dict[str, Any]) -> Iterator[Subject]:
    model = dense_models["llama"]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    yield Subject(model, find_adapter(model), (), ())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def names(pieces: Iterable[Piece]) -> list[str]:
    return [piece.component for piece in pieces]


def test_what_is_finished_is_left_out_and_the_rest_is_kept_in_order(subject: Subject) -> None:
    kept: list[Piece] = []
    half = replace(subject, finished={"number 0", "number 2"})
    ending = run_analysis(Step(TOY, ToyOptions(count=4)), half, kept.append)
    assert names(kept) == ["number 1", "number 3"]
    assert (ending.status, ending.components) == ("done", 2)

    def careless(_: Subject, options: ToyOptions) -> Iterator[Piece]:
        yield from (Piece(f"number {n}", (Finding(f"number {n}", "m", 1.0, "1"),)) for n in range(options.count))

    assert names(new_pieces(Step(replace(TOY, measure=careless), ToyOptions(count=3)), half)) == ["number 1"]


def test_a_refused_component_is_named_and_the_others_are_measured(subject: Subject) -> None:
    kept: list[Piece] = []
    ending = run_analysis(Step(TOY, ToyOptions(count=3, refused=1)), subject, kept.append)
    assert (ending.status, ending.components) == ("done", 2)
    assert ending_detail(ending) == "1 components refused: number 1: no such number"


def test_nan_fails_and_what_came_before_stays(subject: Subject) -> None:
    kept: list[Piece] = []
    ending = run_analysis(Step(TOY, ToyOptions(count=4, spoiled=2)), subject, kept.append)
    assert (ending.status, ending.reason, ending.components) == ("failed", "not_finite", 2)
    assert names(kept) == ["number 0", "number 1"]
    assert "first of number 2 is nan" in str(ending.detail)


def test_a_model_that_does_not_fit_is_refused(subject: Subject) -> None:
    ending = run_analysis(Step(TOY, ToyOptions(refuses=True)), subject, lambda _: None)
    assert (ending.status, ending.reason, ending.detail) == ("refused", "unsupported", "expected another model")


@pytest.mark.parametrize(
    "pieces",
    [
        [Piece("a", (Finding("b", "m", 1.0, "1"),))],
        [Piece("a", ())],
        [Piece("a", (Finding("a", "m", 1.0, "1"),), "refused as well")],
        [Piece("a", (Finding("a", "m", 1.0, "1"),))] * 2,
    ],
)
def test_a_plug_in_that_breaks_the_contract_is_told(subject: Subject, pieces: list[Piece]) -> None:
    broken = replace(TOY, measure=lambda *_: (piece for piece in pieces))
    with pytest.raises(ValueError, match="toy"):
        run_analysis(Step(broken, ToyOptions()), subject, lambda _: None)


@pytest.mark.parametrize(
    ("limit", "components"),
    [({"deadline": 3.0}, 3), ({"deadline": 0.0}, 1), ({"seconds": 2.0}, 3), ({"seconds": 9.0, "deadline": 2.0}, 2)],
)
def test_time_ends_an_analysis_after_a_component_and_restores_the_model(
    subject: Subject, limit: dict[str, float], components: int
) -> None:
    moments = iter(range(1, 100))
    kept: list[Piece] = []
    ending = run_analysis(
        Step(TOY, ToyOptions(count=6)), subject, kept.append, Time(**limit, clock=lambda: next(moments))
    )
    assert (ending.status, ending.components, len(kept)) == ("partial", components, components)


def test_stopping_half_way_closes_the_generator(subject: Subject) -> None:
    def stop(_: Piece) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_analysis(Step(TOY, ToyOptions()), subject, stop)  # the fixture looks at the weights


def test_the_key_has_what_changes_numbers_and_nothing_else() -> None:
    def order(analysis: Any = TOY, seed: int = 0, text: str = "t", **options: Any) -> Order:
        texts: Any = {"calibration": Text(((1, 2),), text, None)}
        return order_for(MODEL, Step(analysis, ToyOptions(**options)), texts, seed=seed, device="cpu")

    first = order()
    assert first.key == order(seed=3, text="u", count=9, pause=1.0).key
    assert first.options != order(count=9).options
    others = [
        order(offset=1.0), order(replace(TOY, version=2)), order(replace(TOY, drawn=True), seed=3), order(SEEING),
        order(SEEING, text="u"), order(SEEING, seed=3),
    ]  # fmt: skip
    assert len({each.key for each in (first, *others)}) == 7


class CrashError(Exception):
    """Stands for kill -9 between two transactions."""


@pytest.fixture
def slicing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices without children, each as short as it can be."""

    def here(function: Any, tasks: list[Task[Any]], **_: Any) -> Iterator[Outcome[Any]]:
        for task in tasks:
            yield Outcome(task.key, "done", function(task.argument), "", 1.0)

    monkeypatch.setattr(LocalEngine, "run", lambda _, *arguments, **named: here(*arguments, **named))
    monkeypatch.setattr(slices, "SLICE_SECONDS", 0.0)


def planned(folder: Path, **options: Any) -> PlannedAnalysis:
    order = order_for(MODEL, Step(TOY, ToyOptions(**options)), {}, seed=0, device="cpu")
    return PlannedAnalysis(order, folder, SIZES)


def sliced(store: Store, todo: list[PlannedAnalysis], **flags: str) -> dict[str, int]:
    rows = last_endings(store)
    open_ones = tuple(each for each in todo if not is_over(rows.get((each.order.key, each.order.options))))
    with store.run("prune", {}) as handle:
        return dict(run_slices(store, handle, AnalysisPlan(open_ones), load_settings(flags), PlainProgress()))


def test_slices_end_with_the_same_table_wherever_they_are_stopped(
    checkpoints: dict[str, Path], slicing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = checkpoints["llama"]
    todo = [planned(folder, count=3), planned(folder, count=5, refused=4), planned(folder, offset=1.0, spoiled=1)]
    with Store.open(None) as store:
        assert sliced(store, todo) == {"done": 2, "failed": 1}
        wanted = store.rows(MEASURED)
        assert len(wanted) == len(set(wanted)) == 2 * (4 + 1)
        ends = store.rows("SELECT status, components FROM analyses ORDER BY ALL")
        assert ends == [("done", 1), ("done", 3), ("failed", 1)]
        assert sliced(store, todo) == {}
    insert = Store.insert
    for crash in range(8):
        with Store.open(None) as store:
            left = [crash]

            def crashing(self: Store, *batches: Any, left: list[int] = left) -> None:
                left[0] -= 1
                if left[0] < 0:
                    raise CrashError
                insert(self, *batches)

            monkeypatch.setattr(Store, "insert", crashing)
            with pytest.raises(CrashError):
                sliced(store, todo)
            monkeypatch.setattr(Store, "insert", insert)
            sliced(store, todo)
            assert store.rows(MEASURED) == wanted


def test_no_slice_begins_after_the_time_limit(
    checkpoints: dict[str, Path], slicing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    todo = [planned(checkpoints["llama"], count=3, pause=0.05), planned(checkpoints["llama"], offset=1.0)]
    with Store.open(None) as store:
        assert sliced(store, todo, max_minutes="0.0005") == {"partial": 2}
        assert store.rows("SELECT status, components FROM analyses ORDER BY ALL") == [("partial", 0), ("partial", 1)]
        assert sliced(store, todo) == {"done": 2}


def test_a_model_that_cannot_be_loaded_is_refused(tmp_path: Path, slicing: None) -> None:
    with Store.open(None) as store:
        (tmp_path / "config.json").write_text('{"model_type": "nothing"}')
        assert sliced(store, [planned(tmp_path)]) == {"refused": 1}
