"""Text from outside, made safe to print on a terminal or in a log."""

import re

# A spreadsheet takes a cell that starts so for a formula (OWASP, "CSV Injection").
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_FORMULA_BEHIND_SEMICOLON = re.compile(r'(;["\s]*)(?=[=+@\uff1d\uff0b\uff0d\uff20-])')
# Beyond a thousand of the greatest step a suffix helps nobody.
_GREATEST_COUNT = 10**15
_COUNT_STEPS = ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "K"))
# C0 and C1 control characters, and the Unicode marks that reorder or hide text, among them the invisible ASCII of tags.
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\U000e0000-\U000e007f]"
)


def printable(text: str, limit: int = 400) -> str:
    """Return `text` on one line: control characters written as escapes, at most `limit` characters.

    To GitHub's log reader a line that starts with `::`, and `##[` anywhere, is a command: both are spaced out.
    """
    line = _UNPRINTABLE.sub(lambda match: match.group().encode("unicode_escape").decode("ascii"), text)
    line = line.replace("##[", "## [")
    if line.lstrip().startswith("::"):
        line = line.replace("::", ": :", 1)
    return line if len(line) <= limit else line[: limit - 1] + "…"


def spreadsheet_safe(text: str, limit: int = 1000) -> str:
    """Return `text` as `printable`, with an apostrophe before what a spreadsheet would run as a formula.

    Also behind a semicolon: where the comma is the decimal sign, that is what divides cells.
    """
    line = printable(text.encode("utf-8", "backslashreplace").decode("utf-8"), limit)
    line = _FORMULA_BEHIND_SEMICOLON.sub(r"\1'", line)
    return "'" + line if line.lstrip().lstrip('" ').startswith(_FORMULA_STARTS) else line


def count_of(number: int, noun: str) -> str:
    """Return "1 model", "2 models", "3 families"."""
    if number == 1:
        return f"1 {noun}"
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {plural}"


def short_count(number: float) -> str:
    """Return 124439808 as "124 M" and 8e18 as "8e+18", with three significant digits."""
    if number >= _GREATEST_COUNT:
        return f"{number:.3g}"
    for step, letter in _COUNT_STEPS:
        if number >= step:
            return f"{float(f'{number / step:.3g}'):g} {letter}"
    return f"{number:g}"
