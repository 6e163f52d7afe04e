"""Folders of checkpoints and configs."""

import json
import os
from pathlib import Path

import pytest

from model_extract.failures import UnreadableError
from model_extract.listing import Context, Listing, Stop
from model_extract.sources import directory, reference
from pipeline.errors import UsageError
from pipeline.settings import ROOT, Settings, load_settings


def settings_for(folder: Path) -> Settings:
    return load_settings({"source": "directory", "directory": str(folder)})


def listed(folder: Path) -> dict[str, Listing]:
    return {listing.model_id: listing for listing in directory.listings(folder.resolve())}


def write(path: Path, content: str | bytes = '{"model_type": "bert"}') -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def reason_of(listing: Listing, folder: Path) -> str | None:
    try:
        directory.files(listing, Context(settings_for(folder))).config()
    except UnreadableError as error:
        return error.reason
    return None


def test_checkpoints_and_bare_configs_are_found_by_their_path(tmp_path: Path) -> None:
    write(tmp_path / "owner/model/config.json")
    write(tmp_path / "owner/model/tokenizer.json")
    write(tmp_path / "owner/model/model.safetensors", b"x")
    write(tmp_path / "configs/small.json")
    write(tmp_path / "configs/deep/large.json")
    write(tmp_path / "notes.txt")
    found = listed(tmp_path)
    assert sorted(found) == ["configs/deep/large", "configs/small", "owner/model"]
    assert [found[name].has_weights for name in sorted(found)] == [False, False, True]
    assert all(reason_of(listing, tmp_path) is None for listing in found.values())


def test_a_folder_that_is_itself_a_checkpoint_has_its_own_name(tmp_path: Path) -> None:
    write(tmp_path / "mine/config.json")
    assert sorted(listed(tmp_path / "mine")) == ["mine"]


def test_the_revision_follows_the_content_and_not_the_place(tmp_path: Path) -> None:
    write(tmp_path / "a/config.json")
    write(tmp_path / "b/config.json")
    write(tmp_path / "c/config.json", '{"model_type": "gpt2"}')
    write(tmp_path / "d/config.json")
    write(tmp_path / "d/model.safetensors", b"weights")
    revisions = {name: listing.revision for name, listing in listed(tmp_path).items()}
    assert revisions["a"] == revisions["b"]
    assert len(set(revisions.values())) == 3


def test_weights_without_a_config_are_listed_with_a_reason(tmp_path: Path) -> None:
    write(tmp_path / "pickled/pytorch_model.bin", b"\x80\x04never opened")
    write(tmp_path / "safe/model.safetensors", b"x")
    write(tmp_path / "both/config.json")
    write(tmp_path / "both/pytorch_model.bin", b"x")
    found = listed(tmp_path)
    reasons = {name: reason_of(listing, tmp_path) for name, listing in found.items()}
    assert reasons == {"pickled": "pickle_only", "safe": "no_config", "both": None}
    assert not found["both"].has_weights


def test_broken_files_fail_alone(tmp_path: Path) -> None:
    write(tmp_path / "bad.json", '{"model_type": ')
    write(tmp_path / "good.json")
    write(tmp_path / "marked.json", b'\xef\xbb\xbf{"model_type": "bert"}')
    reasons = {name: reason_of(listing, tmp_path) for name, listing in listed(tmp_path).items()}
    assert reasons == {"bad": "bad_config", "good": None, "marked": None}


def test_links_out_of_the_folder_and_loops_are_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "secret.json")
    inside = tmp_path / "inside"
    write(inside / "blobs/abc")
    (inside / "out.json").symlink_to(tmp_path / "secret.json")
    (inside / "loop.json").symlink_to("loop.json")
    (inside / "up").symlink_to(tmp_path)
    (inside / "snapshot").mkdir()
    (inside / "snapshot/config.json").symlink_to("../blobs/abc")  # as in the Hub's own cache
    assert sorted(listed(inside)) == ["snapshot"]


def test_names_that_are_no_utf8_are_listed(tmp_path: Path) -> None:
    (tmp_path / "caf\udce9.json").write_text(json.dumps({"model_type": "bert"}))
    assert [*listed(tmp_path)] == ["caf\\udce9"]


@pytest.mark.parametrize(("given", "words"), [("", "got none"), ("no/such", "nothing there"), (__file__, "a file")])
def test_a_folder_that_is_none_is_a_usage_error(given: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        directory.check(load_settings({"source": "directory", "directory": given}))


def test_reference_models_carry_weights_and_a_place_relative_to_the_project() -> None:
    context = Context(load_settings())
    found = [listing for page in reference.list_pages(context, Stop()) for listing in page.listings]
    assert {listing.model_id for listing in found} >= {"reference/llama", "reference/gpt2"}
    for listing in found:
        assert listing.has_weights
        assert listing.location is not None
        assert (ROOT / listing.location / "model.safetensors").is_file()
        assert reference.files(listing, context).config()["model_type"]


def cache_snapshot(cache: Path) -> Path:
    """Make one model of a Hub cache and return its snapshot, whose config links to the blobs beside it."""
    snapshot = cache / "models--a--b/snapshots/abc"
    write(cache / "models--a--b/blobs/x")
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").symlink_to("../../blobs/x")
    return snapshot


def test_a_snapshot_of_a_hub_cache_is_read_through_its_links(tmp_path: Path) -> None:
    snapshot = cache_snapshot(tmp_path)
    (listing,) = listed(snapshot).values()
    assert (listing.model_id, reason_of(listing, snapshot)) == ("abc", None)


def test_links_of_a_snapshot_that_leave_its_model_are_not_opened(tmp_path: Path) -> None:
    snapshot = cache_snapshot(tmp_path)
    write(tmp_path / "secret/x")
    (snapshot / "config.json").unlink()
    (snapshot / "config.json").symlink_to("../../../secret/x")
    (listing,) = listed(snapshot).values()
    with pytest.raises(UnreadableError, match="leaves the folder"):
        directory.files(listing, Context(settings_for(snapshot)))


def test_a_config_that_is_no_file_is_listed_and_never_opened(tmp_path: Path) -> None:
    write(tmp_path / "secret.json")
    inside = tmp_path / "inside"
    for name in ("pipe", "folder", "out", "loop", "nowhere"):
        (inside / name).mkdir(parents=True)
    os.mkfifo(inside / "pipe/config.json")  # opening it would wait for a writer for ever
    (inside / "folder/config.json").mkdir()
    (inside / "out/config.json").symlink_to(tmp_path / "secret.json")
    (inside / "loop/config.json").symlink_to("config.json")
    (inside / "nowhere/config.json").symlink_to("none")
    found = listed(inside)
    assert sorted(found) == ["folder", "loop", "nowhere", "out", "pipe"]
    assert {reason_of(listing, inside) for listing in found.values()} == {"bad_config"}
    (inside / "pipe/config.json").unlink()
    write(inside / "pipe/config.json")
    repaired = listed(inside)["pipe"]
    assert (reason_of(repaired, inside), repaired.revision != found["pipe"].revision) == (None, True)


def test_configs_below_names_that_are_no_utf8_are_read(tmp_path: Path) -> None:
    write(tmp_path / "caf\udce9/config.json")
    write(tmp_path / "na\udcefve.json")
    found = listed(tmp_path)
    assert sorted(found) == ["caf\\udce9", "na\\udcefve"]
    assert {reason_of(listing, tmp_path) for listing in found.values()} == {None}
