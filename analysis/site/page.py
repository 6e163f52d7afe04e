"""The web page: one HTML file that asks nothing of any other.

Data from outside stand in it as JSON that no parser of HTML can take for markup, and the page's script shows them as
text. The policy lets these scripts and this style run and nothing else, neither `eval` nor a request.
"""

import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal

from analysis.markdown import TEMPLATES
from analysis.site.tables import SiteTable
from pipeline.text import printable

if TYPE_CHECKING:
    from jinja2 import Environment

LONGEST_TEXT = 400
Emphasis = Literal["plain", "strong", "quiet"]
Span = tuple[str, Emphasis]
# As JSON escapes: none of these can end a script, open a comment or end a line of JavaScript.
_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


@dataclass(frozen=True)
class SiteNumber:
    """One of the numbers at the page's head."""

    value: str
    what: str


@dataclass(frozen=True)
class SiteLimits:
    """What rows a chart leaves out: those with more than a limit in a column; `steps` are (title, limit or None).

    The first that leaves half of the rows is chosen at first.
    """

    key: str
    title: str
    steps: tuple[tuple[str, float | None], ...]


@dataclass(frozen=True)
class SiteChart:
    """A chart over the rows of a table; `choices` are (title, specification), of which one is shown at a time.

    `filters` are keys of columns by whose values the rows can be chosen.
    """

    name: str
    title: str
    caption: str
    alt: str
    table: SiteTable
    choices: tuple[tuple[str, dict[str, Any]], ...]
    filters: tuple[str, ...] = ()
    limits: SiteLimits | None = None

    def as_json(self) -> dict[str, Any]:
        """Return what the page's script reads."""
        choices = [{"title": title, "specification": specification} for title, specification in self.choices]
        limits = self.limits and {"key": self.limits.key, "title": self.limits.title, "steps": self.limits.steps}
        return {
            "name": self.name,
            "table": self.table.name,
            "choices": choices,
            "filters": self.filters,
            "limits": limits,
        }


@dataclass(frozen=True)
class SiteContent:
    """What the page says, in order.

    A finding is (text, emphasis) after (text, emphasis); `files` are (title, path relative to the report's root).
    """

    stamp: str
    numbers: tuple[SiteNumber, ...]
    findings: tuple[tuple[Span, ...], ...]
    parts: tuple[SiteTable | SiteChart, ...]
    files: tuple[tuple[str, str], ...]


def render_site(content: SiteContent) -> bytes:
    """Return the page. The same content gives the same bytes."""
    style, script = (TEMPLATES.joinpath(f"site.{ending}").read_text(encoding="utf-8") for ending in ("css", "js"))
    scripts = (vega_bundle(), script)
    html = (
        _environment()
        .get_template("site.html.j2")
        .render(
            content=content,
            data=script_json(_data(content.parts)),
            policy=policy(scripts, (style,)),
            scripts=scripts,
            style=style,
        )
    )
    return html.encode("utf-8", "backslashreplace")


def script_json(value: Any) -> str:
    """Return JSON that may stand inside a script element, whatever texts are in it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "backslashreplace").decode("utf-8").translate(_ESCAPES)


def policy(scripts: Sequence[str], styles: Sequence[str]) -> str:
    """Return the Content-Security-Policy that lets these run and nothing else (https://www.w3.org/TR/CSP3/)."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {' '.join(map(_source, scripts))}",
            f"style-src {' '.join(map(_source, styles))}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


@cache
def vega_bundle() -> str:
    """Return Vega, Vega-Lite and vega-embed as one script, which assigns `vegaEmbed`."""
    from vl_convert import javascript_bundle

    return javascript_bundle("window.vegaEmbed = vegaEmbed;")


def _source(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _data(parts: Sequence[SiteTable | SiteChart]) -> dict[str, Any]:
    charts = [part for part in parts if isinstance(part, SiteChart)]
    tables = {part.name: part for part in parts if isinstance(part, SiteTable)}
    tables |= {chart.table.name: chart.table for chart in charts}
    return {
        "tables": [table.as_json() for table in tables.values()],
        "charts": [chart.as_json() for chart in charts],
    }


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.tests["table"] = lambda part: isinstance(part, SiteTable)
    environment.filters["shown"] = lambda text: printable(text, LONGEST_TEXT)
    return environment
