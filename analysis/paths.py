"""Where the pages about single subjects stand, by names that come from outside."""

import re
from hashlib import blake2b

LONGEST_NAME = 80
_PLAIN = re.compile(r"[a-z0-9][a-z0-9_-]*")
_UNSAFE = re.compile(r"[^a-z0-9]+")


def file_name(*names: str) -> str:
    """Return a file name for names from outside: letters a to z, digits, `_` and `-`, at most 80 characters.

    A single name of these characters stays what it is. Any other is told apart from those that look alike, also where
    file systems ignore case, by ten digits of a hash.
    """
    if len(names) == 1 and _PLAIN.fullmatch(names[0]) and len(names[0]) <= LONGEST_NAME:
        return names[0]
    words = "-".join(_UNSAFE.sub("_", name.lower()).strip("_") for name in names)
    digest = blake2b("\0".join(names).encode("utf-8", "backslashreplace"), digest_size=5).hexdigest()
    return f"{words[: LONGEST_NAME - 11]}-{digest}".lstrip("-_")


def model_page(source: str, model_id: str) -> str:
    """Return the path, without ending, of the page about a model."""
    return f"reports/models/{file_name(source, model_id)}"


def method_page(method: str) -> str:
    """Return the path, without ending, of the page about a method."""
    return f"reports/methods/{file_name(method)}"


def task_page(task: str) -> str:
    """Return the path, without ending, of the page about a task."""
    return f"reports/tasks/{file_name(task)}"
