"""Mining that stops itself before a job's limit, and the same command that goes on."""

from pathlib import Path

from pipeline.settings import load_settings
from pipeline.stages import StageReport
from store import Store
from tests.model_extract.stage_runs import run_stage, small_llamas, tables, write_configs

N_MODELS = 60


def mined(store: Store, folder: Path, minutes: str) -> StageReport:
    flags = {"source": "directory", "directory": str(folder), "max_minutes": minutes, "workers": "1"}
    return run_stage(store, load_settings(flags))


def test_what_did_not_begin_in_time_is_done_by_the_same_command(tmp_path: Path) -> None:
    write_configs(tmp_path, small_llamas(N_MODELS))
    with Store.open(None) as store, Store.open(None) as undisturbed:
        mined(undisturbed, tmp_path, "0")
        report = mined(store, tmp_path, "0.000001")
        done = report.counts.get("extracted", 0)
        assert done < N_MODELS
        assert report.counts["unchanged"] == 0
        assert any(
            f"{N_MODELS - done} models did not begin within --max-minutes 1e-06" in note for note in report.notes
        )
        report = mined(store, tmp_path, "0")
        assert report.counts == {"listed": N_MODELS, "unchanged": done, "extracted": N_MODELS - done}
        assert not any("did not begin" in note for note in report.notes)
        assert tables(store) == tables(undisturbed)
