"""A web page that is open in a browser: what it shows, asks for and complains of."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

# The middle of a painted mark, in pixels of the page: the first pixel of a colour far from grey.
FIND_MARK = """(canvas) => {
  const { width, height } = canvas;
  const pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
  for (let y = 30; y < height - 130; y++)
    for (let x = 90; x < width - 5; x++) {
      const [red, green, blue, alpha] = pixels.slice(4 * (y * width + x), 4 * (y * width + x) + 4);
      if (alpha > 150 && Math.max(red, green, blue) - Math.min(red, green, blue) > 90) {
        const box = canvas.getBoundingClientRect();
        return [box.left + (x + 0.5) * box.width / width, box.top + (y + 4) * box.height / height];
      }
    }
  return null;
}"""


class Opened:
    """A page that is open, and what it asked for and complained of."""

    def __init__(self, page: "Page", address: str) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(address)
        page.wait_for_selector("html[data-ready]", timeout=20_000)

    def column(self, table: str, number: int) -> list[str]:
        """Return the texts of a table's column on the page that is shown."""
        return self.page.locator(f"[data-table={table}] tbody td:nth-child({number})").all_inner_texts()

    def head(self, table: str, title: str) -> "Locator":
        return self.page.locator(f"[data-table={table}] th", has_text=title).first

    def filter(self, table: str, text: str) -> None:
        self.page.locator(f"[data-table={table}] input").fill(text)

    def count(self, table: str) -> str:
        return self.page.locator(f"[data-table={table}] .count").inner_text()


def least_contrast(page: "Page") -> float:
    """Return the least contrast of a text with what may stand behind it (WCAG 2.2, 1.4.3)."""
    texts = [_color(page, name) for name in ("ink", "quiet", "link", "accent")]
    return min(_contrast(text, _color(page, behind)) for text in texts for behind in ("page", "surface", "faint"))


def _contrast(one: list[float], other: list[float]) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def is_dark(page: "Page") -> bool:
    """Say whether the page is dark now."""
    return _luminance(_color(page, "page")) < 0.2


def _color(page: "Page", name: str) -> list[float]:
    """Return a colour of the style as red, green and blue from 0 to 1."""
    text = page.evaluate(
        "name => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()", name
    )
    return [int(text[at : at + 2], 16) / 255 for at in (1, 3, 5)]


def _luminance(color: list[float]) -> float:
    """Return the relative luminance of WCAG 2.2."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
