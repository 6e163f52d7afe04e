"""What `python -m pruning analyse` does: one model in this process, every component kept as soon as it is measured."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import UsageError
from pipeline.progress import PLAIN_INTERVAL_SECONDS, Progress, Track
from pipeline.settings import Settings
from pruning.analyses.configurations import Configuration, chosen, load_configuration, plain, read_overrides
from pruning.analyses.export import check_folder, export
from pruning.analyses.identity import identify
from pruning.analyses.proxies import update_proxies
from pruning.analyses.records import Piece, Reads, Subject
from pruning.analyses.run import Ending, Time, ending_detail, run_analysis
from pruning.analyses.specification import Order, lacks_calibration, order_for
from pruning.analyses.storing import PieceWriter, check_one_device, finished_components, last_endings, store_ending
from pruning.devices import command_device, device_type
from pruning.errors import UnsupportedModelError
from pruning.model_commands import text_plan
from pruning.models import Checkpoint, resolve
from pruning.texts import NO_TEXT, Text, check_window
from pruning.texts.choose import TextPlan, calibration_text, check_apart, evaluation_text
from store import RunHandle, Store

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from pruning.adapters import Adapter

STANDARD = "standard"


@dataclass(frozen=True)
class AnalyseOrder:
    """What `analyse` was asked, beside the settings; None = not given."""

    model: str
    analyses: tuple[str, ...]
    configuration: str | None
    options: tuple[str, ...]
    output: Path | None
    calibration: str | None
    evaluation: str | None


def analyse_command(asked: AnalyseOrder, settings: Settings, progress: Progress) -> None:
    """Run analyses on one model; what is in the store is not measured again. Ctrl-C keeps what is measured."""
    configuration = asked_configuration(asked.analyses, asked.configuration, asked.options)
    device = command_device(settings.device)
    check_window(settings.window_tokens)
    texts = replace(_text_plan(asked, settings), seed=settings.seed)
    if asked.output is not None:
        check_folder(asked.output)
    base = resolve(asked.model, offline=settings.offline)
    work = _work(base, configuration, texts, device)
    if "evaluation" in work.texts and work.texts["evaluation"] is None:
        progress.note(f"{base.name}: {NO_TEXT}; name another with --evaluation (a text file or a dataset)")
    with Store.open(settings.store) as store:
        check_one_device(store, device_type(device))
        with store.run("analyse", settings.model_dump()) as handle:
            session = _Session(store, handle, work, settings, progress)
            with _exported(session, asked.output):
                _analyse(session)
            update_proxies(store, handle.run_id)
    _say_ended(session)


def asked_configuration(analyses: Sequence[str], configuration: str | None, options: Iterable[str]) -> Configuration:
    """Return what to run: a configuration, some analyses of it, or with analyses alone those with their defaults.

    Raises `UsageError` for names that are not known, and for an option of an analysis that is not run.
    """
    overrides = read_overrides(options)
    if analyses and configuration is None:
        found = plain(analyses, overrides)
    else:
        found = load_configuration(configuration or STANDARD, overrides)
        found = chosen(found, analyses) if analyses else found
    run = [step.analysis.name for step in found.steps]
    for name in overrides:
        if name not in run:
            raise UsageError(f"--option: {name} is not run; expected an option of one of {', '.join(run)}")
    return found


@dataclass(frozen=True)
class _Work:
    """A checkpoint and what to do with it when all of it is known to be possible."""

    base: Checkpoint
    texts: Mapping[Reads, Text | None]
    orders: tuple[Order, ...]
    device: str


@dataclass
class _Session:
    """A run of the command. `endings` grow; `model` is loaded when the first analysis needs it."""

    store: Store
    handle: RunHandle
    work: _Work
    settings: Settings
    progress: Progress
    endings: list[tuple[Order, Ending]] = field(default_factory=list)
    earlier: int = 0


def _text_plan(asked: AnalyseOrder, settings: Settings) -> TextPlan:
    plan = text_plan(asked.calibration, asked.evaluation, settings)
    return replace(plan, evaluation_windows=settings.damage_windows)


def _work(base: Checkpoint, configuration: Configuration, plan: TextPlan, device: str) -> _Work:
    readers: dict[Reads, Callable[[Path, TextPlan], Text | None]] = {
        "calibration": calibration_text,
        "evaluation": evaluation_text,
    }
    read = {step.analysis.reads for step in configuration.steps}
    texts: dict[Reads, Text | None] = {
        name: reader(base.folder, plan) for name, reader in readers.items() if name in read
    }
    check_apart(texts.get("calibration"), texts.get("evaluation"))
    model = identify(base)
    kind = device_type(device)
    orders = (order_for(model, step, texts, seed=plan.seed, device=kind) for step in configuration.steps)
    return _Work(base, texts, tuple(dict.fromkeys(orders)), device)


def _analyse(session: _Session) -> None:
    """Run what is not done. Raises `KeyboardInterrupt` when everything measured is stored."""
    known, work = last_endings(session.store), session.work
    rows = {order: known.get((order.key, order.options)) for order in work.orders}
    todo = [order for order, row in rows.items() if row is None or row.status != "done"]
    session.earlier = len(work.orders) - len(todo)
    if not todo:
        return
    model, adapter = _loaded(work)
    minutes = session.settings.max_minutes
    deadline = time.monotonic() + 60 * minutes if minutes else None
    with session.progress.track(f"analyses of {work.base.name}", len(todo)) as track:
        for order in todo:
            if deadline is not None and time.monotonic() >= deadline:
                session.endings.append((order, Ending("partial")))
            else:
                _run_one(session, order, _subject(session, order, model, adapter), Time(deadline), track)


def _loaded(work: _Work) -> "tuple[PreTrainedModel, Adapter]":
    from pruning.adapters import find_adapter
    from pruning.models import load_model

    model = load_model(work.base.folder).to(work.device)  # pyright: ignore[reportArgumentType]  # its stub knows no str
    return model, find_adapter(model)


def _subject(session: _Session, order: Order, model: "PreTrainedModel", adapter: "Adapter") -> Subject:
    finished = finished_components(session.store, [order.key])[order.key]
    return order.subject(model, adapter, session.work.texts.get(order.step.analysis.reads), finished)


def _run_one(session: _Session, order: Order, subject: Subject, limit: Time, track: Track) -> None:
    """Run one analysis and write how it ended; stopped by Ctrl-C it ends as partial."""
    started = time.monotonic()
    teller = _Teller(session.progress, order)
    writer = PieceWriter(session.store, session.handle.run_id, order.specification)

    def keep(piece: Piece) -> None:
        writer.keep(piece)
        teller.tell(piece)

    try:
        ending = _ending_without_text(order) or run_analysis(order.step, subject, keep, limit)
    except KeyboardInterrupt:
        stopped = Ending("partial", detail="stopped by Ctrl-C", components=teller.components)
        _end(session, order, stopped, time.monotonic() - started)
        raise
    finally:
        writer.flush()
    _end(session, order, ending, time.monotonic() - started)
    track.advance(f"{order.specification.analysis}: {ending.components:,} components")


def _end(session: _Session, order: Order, ending: Ending, seconds: float) -> None:
    session.endings.append((order, ending))
    store_ending(session.store, session.handle.run_id, order, ending, seconds)


def _ending_without_text(order: Order) -> Ending | None:
    if not lacks_calibration(order):
        return None
    error = UnsupportedModelError(f"{NO_TEXT}; name another with --calibration (a text file or a dataset)")
    return Ending("refused", error.reason, str(error))


@dataclass
class _Teller:
    """Says every few seconds how many components an analysis has measured."""

    progress: Progress
    order: Order
    components: int = 0
    _said: float = field(default_factory=time.monotonic)

    def tell(self, piece: Piece) -> None:
        """Count a component."""
        self.components += bool(piece.findings)
        now = time.monotonic()
        if now - self._said >= PLAIN_INTERVAL_SECONDS:
            self._said = now
            analysis = self.order.specification.analysis
            self.progress.note(f"{analysis}: {self.components:,} components, last {piece.component}")


@contextmanager
def _exported(session: _Session, output: Path | None) -> Iterator[None]:
    """Export at the end, also when the body was stopped."""
    try:
        yield
    finally:
        if output is not None:
            written = export(session.store, session.work.orders, output)
            session.progress.note(f"{len(written)} files in {output}")


def _say_ended(session: _Session) -> None:
    """Print a line an analysis, and how to go on when time was up."""
    lines = [_ending_line(order, ending) for order, ending in session.endings]
    statuses = Counter(ending.status for _, ending in session.endings)
    if session.earlier:
        lines.append(f"{session.earlier} done before, nothing measured again")
    if statuses["partial"]:
        lines.append("partial: the same command goes on from there")
    session.progress.result(
        "\n".join(lines),
        model=session.work.base.name,
        done_before=session.earlier,
        analyses=[
            {
                "analysis": order.specification.analysis,
                "key": order.key,
                "status": ending.status,
                "components": ending.components,
                "detail": ending_detail(ending),
            }
            for order, ending in session.endings
        ],
    )


def _ending_line(order: Order, ending: Ending) -> str:
    detail = ending_detail(ending)
    line = f"{order.specification.analysis:<16} {ending.status:<8} {ending.components:>6,} components measured"
    return f"{line}: {detail}" if detail else line
