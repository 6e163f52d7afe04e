"""The README.md of a pruned checkpoint."""

import re
from collections.abc import Mapping
from pathlib import Path

from pipeline.text import printable
from pruning.evaluation.records import Measurement, shown
from pruning.removal.records import UNITS, Pruned
from pruning.texts.records import Text

_LICENSE = re.compile(r"^license:\s*([\w.+-]+)\s*$", re.MULTILINE)


def base_license(folder: Path) -> str | None:
    """Return the licence identifier in the front matter of a checkpoint's model card; None when it names none."""
    try:
        text = (folder / "README.md").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    front = text.split("---", 2)[1] if text.startswith("---") and text.count("---") >= 2 else ""
    match = _LICENSE.search(front)
    return match[1] if match else None


def model_card(
    base: str,
    license_name: str | None,
    pruned: Pruned,
    before: Mapping[str, Measurement],
    after: Mapping[str, Measurement],
    *,
    texts: Mapping[str, Text] | None = None,
    device: str = "cpu",
) -> str:
    """Return the card: base, method, ratio asked and achieved, and the measured numbers before and after.

    `texts` are the calibration and evaluation text by that name; `device` is where it was measured.
    """
    name = _code(base)
    removal = pruned.removal
    kind = pruned.outcome + ("" if removal.physical else "; the files are as large as before")
    note = f"- note: {removal.note}\n" if removal.note else ""
    front = f"license: {license_name}\n" if license_name else ""
    return (
        f"---\nlibrary_name: transformers\n{front}tags:\n- pruned\n---\n\n"
        f"# `{name}`, pruned with {pruned.method}\n\n"
        f"- base model: `{name}`\n"
        f"- licence of the base: {license_name or 'its model card names none; see the base model'}\n"
        f"- method: {pruned.method} (version {pruned.method_version}), seed {pruned.seed}\n"
        f"- removed: {removal.removed:,} of {removal.total:,} {UNITS[pruned.scope]}, {kind}\n"
        f"- ratio asked {pruned.asked_ratio:g}, achieved {pruned.achieved_ratio:.4f}\n"
        f"{note}{text_lines(texts or {})}\n"
        f"{measured_table(before, after, device)}"
        "Made with Arborist.\n"
    )


def text_lines(texts: Mapping[str, Text]) -> str:
    """Return a line of the card for each text: its source, its size and its hash."""
    return "".join(
        f"- {role} text: `{_code(text.source)}`, {len(text.windows)} windows, blake2b {text.text_hash}\n"
        for role, text in texts.items()
    )


def _code(name: str) -> str:
    return printable(name, 200).replace("`", "'")


def measured_table(
    before: Mapping[str, Measurement],
    after: Mapping[str, Measurement],
    device: str,
    heads: tuple[str, str] = ("base", "pruned"),
) -> str:
    """Return the metrics that both have as a table with these heads, and where they were measured."""
    rows = _rows(before, after)
    if not rows:
        return "Nothing was measured.\n\n"
    head = f"| metric | unit | {heads[0]} | {heads[1]} |\n| --- | --- | ---: | ---: |\n"
    place = "a CPU" if device == "cpu" else "a GPU"
    return f"{head}{rows}\nNumbers are measured in fp32 on {place}.\n\n"


def _rows(before: Mapping[str, Measurement], after: Mapping[str, Measurement]) -> str:
    names = [name for name in after if name in before]
    return "".join(
        f"| {name} | {after[name].unit} | {shown(before[name])} | {shown(after[name])} |\n" for name in names
    )
