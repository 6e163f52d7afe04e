"""The environment variables of processes that engines start: no secret, and where our modules are found."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

# Words of a variable's name that mark a secret: children get none of them.
_SECRET_WORDS = ("TOKEN", "SECRET", "PASSWORD", "CREDENTIAL", "API_KEY")


@contextmanager
def without_secrets() -> Iterator[None]:
    """Keep secrets out of the environment of processes that start inside.

    What a process began with stays readable in /proc/PID/environ, whatever it forgets afterwards.
    """
    hidden = {name: os.environ.pop(name) for name in _secret_names()}
    try:
        yield
    finally:
        os.environ.update(hidden)


@contextmanager
def for_programs(variables: Mapping[str, str]) -> Iterator[None]:
    """Let other programs that start inside import what this process can import, and see `variables` but no secret."""
    given = {**variables, "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)}
    before = {name: os.environ.get(name) for name in given}
    with without_secrets():
        os.environ.update(given)
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name)
                if value is not None:
                    os.environ[name] = value


def forget_secrets() -> None:
    """Forget what a process that other code started, with all its variables, has handed on."""
    for name in _secret_names():
        del os.environ[name]


def _secret_names() -> list[str]:
    return [name for name in os.environ if any(word in name.upper() for word in _SECRET_WORDS)]
