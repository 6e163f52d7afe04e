"""Settings: one default each, three layers, messages that help."""

from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.settings import Settings, default_values, load_settings, parse_quantity


def test_every_setting_has_exactly_one_default() -> None:
    assert list(default_values()) == list(Settings.model_fields)


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """A workflow passes every input on; one that was left blank must leave the default."""
    defaults = load_settings({})
    for name in ("SEED", "TASKS", "RATIOS", "ANALYSES", "DEVICE"):
        monkeypatch.setenv(f"ARBORIST_{name}", "")
    assert load_settings({}) == defaults


def test_flags_beat_the_environment_which_beats_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[common]\nworkers = 3\n[extract]\nlimit = 5\n", encoding="utf-8")
    assert load_settings(config_file=file).workers == 3
    monkeypatch.setenv("ARBORIST_WORKERS", "2")
    monkeypatch.setenv("ARBORIST_RATIOS", "0.2,0.3")
    settings = load_settings({"limit": "7"}, file)
    assert (settings.workers, settings.limit, settings.ratios) == (2, 7, (0.2, 0.3))


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"source": "hbu"}, ["--source", "'hbu'", "Did you mean hub"]),
        ({"similarity_threshold": "1.5"}, ["--similarity-threshold", "(0, 1]", "'1.5'"]),
        ({"similarity_threshold": "nan"}, ["--similarity-threshold", "'nan'"]),
        ({"ratios": "0.5,1"}, ["--ratios", "(0, 1)"]),
        ({"ratios": "0"}, ["--ratios", "(0, 1)"]),
        ({"ratios": ""}, ["--ratios"]),
        ({"max_params": "many"}, ["--max-params", "'many'", "200M"]),
        ({"device": "gpu"}, ["--device", "cuda:i", "'gpu'"]),
        ({"workers": "-1"}, ["--workers", "'-1'"]),
        ({"max_params": "9" * 400}, ["--max-params", "200M"]),
        ({"experiment_seconds": "inf"}, ["--experiment-seconds", "'inf'"]),
        ({"model_seconds": "3000000"}, ["--model-seconds", "'3000000'"]),
        ({"evaluation_windows": "9" * 12}, ["--evaluation-windows"]),
        ({"window_tokens": "9" * 12}, ["--window-tokens"]),
        ({"dedup_strategy": "names"}, ["--dedup-strategy", "Did you mean name"]),
    ],
)
def test_a_bad_value_names_flag_expected_and_given(flags: dict[str, str], words: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        load_settings(flags)
    for word in words:
        assert word in str(caught.value)


def test_a_config_file_with_an_unknown_name_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("worker = 3\n", encoding="utf-8")
    with pytest.raises(UsageError, match="Did you mean workers"):
        load_settings(config_file=file)


def test_a_config_file_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("= 3", encoding="utf-8")
    with pytest.raises(UsageError, match="no valid TOML"):
        load_settings(config_file=file)
    with pytest.raises(UsageError, match="expected a readable TOML file"):
        load_settings(config_file=tmp_path / "absent.toml")


@pytest.mark.parametrize(
    ("text", "number"), [("200M", 200_000_000), ("1.5b", 1_500_000_000), ("7", 7), (" 2 G ", 2 * 10**9)]
)
def test_quantities(text: str, number: int) -> None:
    assert parse_quantity(text) == number


def test_the_variables_of_the_earlier_miner_keep_working(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_EXTRACT_OUTPUT_DIR", "/elsewhere")
    monkeypatch.setenv("MODEL_EXTRACT_SLEEP_TIME", "0.5")
    monkeypatch.setenv("MODEL_EXTRACT_MIN_MODELS", "300")
    monkeypatch.setenv("MODEL_EXTRACT_COMPLETED_TASKS", "fill-mask, text-generation")
    settings = load_settings()
    assert str(settings.store) == "/elsewhere/arborist.duckdb"
    assert (settings.hub_pause, settings.min_models) == (0.5, 300)
    assert settings.skip_tasks == ("fill-mask", "text-generation")
    monkeypatch.setenv("ARBORIST_MIN_MODELS", "5")
    assert load_settings().min_models == 5
    assert load_settings({"min_models": "7"}).min_models == 7


@pytest.mark.parametrize(
    ("name", "value"),
    [("since", "2026-13-01"), ("since", "yesterday"), ("parameters", "1B"), ("parameters", "min:x"), ("views", "all")],
)
def test_filters_that_mean_nothing_are_refused(name: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"--{name}"):
        load_settings({name: value})
