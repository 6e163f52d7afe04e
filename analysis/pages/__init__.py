"""Pages about one subject each: a page a model, a method, a task.

A set of pages is its queries and a function from rows to pages. To add one, write `pages/NAME.py` and list it here.
"""

from analysis.pages.methods import METHOD_PAGES
from analysis.pages.models import MODEL_PAGES
from analysis.pages.tasks import TASK_PAGES
from analysis.section import PageSet
from pipeline.registry import Registry

PAGES: Registry[PageSet] = Registry("page set", (TASK_PAGES, MODEL_PAGES, METHOD_PAGES))
