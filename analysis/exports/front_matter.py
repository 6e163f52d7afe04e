"""YAML at the head of a model card. Text from outside stays text: quoted, and without a character of any markup.

Format: https://huggingface.co/docs/hub/model-cards.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from pipeline.text import printable

LONGEST_VALUE = 300
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9 ,./_-]*")
# Inside double quotes YAML reads an escape as the character; outside them none of these is ever written.
_MARKUP = re.compile(r"[<>&@|\[\]{}!*#`~$]")


def front_matter(values: Mapping[str, Any]) -> str:
    """Return the front matter with its fences: mappings, lists, numbers and one-line texts; None is left out.

    A text reads back as its `printable` form.
    """
    import yaml

    given = {name: value for name, value in values.items() if value is not None}
    text = yaml.dump(given, Dumper=_dumper(), sort_keys=False, allow_unicode=False, width=10**9)
    text = _MARKUP.sub(lambda match: f"\\x{ord(match.group()):02X}", text)
    text = re.sub(r"(?i)(www)\.", r"\1\\x2E", text.replace("://", r":\x2F\x2F"))
    return f"---\n{text}---\n"


@cache
def _dumper() -> Any:
    """Return a dumper that puts all but plain words into double quotes and writes nothing by reference."""
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    Dumper.add_representer(str, _represent)
    return Dumper


def _represent(dumper: Any, value: str) -> Any:
    line = printable(value.encode("utf-8", "backslashreplace").decode("utf-8"), LONGEST_VALUE)
    return dumper.represent_scalar("tag:yaml.org,2002:str", line, style=None if _PLAIN.fullmatch(line) else '"')
