"""For all tests."""

import os
from multiprocessing import get_context

import pytest

from pipeline.engines.local import start_server

# Two test workers on two cores: more threads than cores wait for one another and take thirty times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session", autouse=True)
def warm_server() -> None:
    """Start one server for all children of a test worker, which imports once what most of them need.

    The first test to start it would decide what it imports: behind one that draws, every child that builds a model
    would import torch itself.
    """
    get_context("forkserver").set_forkserver_preload(
        ["torch", "transformers.modeling_utils", "transformers.generation.utils"]
    )
    start_server()
