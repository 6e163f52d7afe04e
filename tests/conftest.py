"""For all tests."""

import gc
import os

import pytest

from pipeline.engines.local import start_server

# Two test workers on two cores: more threads than cores wait for one another and take thirty times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")


# Half a million objects of libraries and collected tests stay: looking for garbage among them is a tenth of the time.
gc.set_threshold(20_000)


def pytest_collection_finish() -> None:
    """Leave what is there before the first test out of every search for garbage."""
    gc.freeze()


def pytest_unconfigure() -> None:
    """Let go of what was left out: DuckDB's binding reports all of it as leaked where it is still there at the end."""
    gc.unfreeze()


@pytest.fixture(scope="session", autouse=True)
def warm_server() -> None:
    """Start one server for all children of a test worker, which imports once what most of them need.

    The first test to start it would decide what it imports: behind one that draws, every child that builds a model
    would import torch itself.
    """
    start_server(["torch", "transformers.modeling_utils", "transformers.generation.utils"])
