"""What the web page leads to: the report's pages about single subjects."""

from analysis.pages import PAGES
from analysis.paths import model_page
from analysis.section import Answers
from analysis.site.tables import Linked


def page_paths(answers: Answers) -> frozenset[str]:
    """Return the paths of all pages about single subjects, without their ending."""
    return frozenset(page.path for page_set in PAGES for page in answers.derive(page_set.pages))


def linked_model(source: str, model_id: str, pages: frozenset[str]) -> Linked:
    """Return a model's name, leading to its page where there is one."""
    path = model_page(source, model_id)
    return Linked(model_id, f"{path}.md" if path in pages else None)
