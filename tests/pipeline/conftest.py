"""Engines, ready to run: what Ray starts is started once."""

from collections.abc import Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import pytest

from pipeline.engines import Engine
from pipeline.engines.local import LocalEngine
from pipeline.engines.ray import RayEngine, session
from pipeline.engines.slurm import SlurmEngine


@pytest.fixture(scope="session")
def ray_engine() -> Iterator[Engine]:
    if find_spec("ray") is None:
        pytest.skip("the extra 'ray' is not installed")
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("HF_TOKEN", "hf_canary")  # Ray's processes begin here, and must not see it
            stack.enter_context(session(2))
        yield RayEngine()


@pytest.fixture(scope="session")
def slurm_engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    if find_spec("submitit") is None:
        pytest.skip("the extra 'slurm' is not installed")
    return SlurmEngine(cluster="local", folder=Path(tmp_path_factory.mktemp("jobs")), poll_seconds=0.05)


@pytest.fixture(params=["local", "ray", "slurm"])
def engine(request: pytest.FixtureRequest) -> Engine:
    return LocalEngine() if request.param == "local" else request.getfixturevalue(f"{request.param}_engine")
