"""Child processes with a time limit."""

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

# How GitHub's runner stops a step: it asks twice, then kills; seconds after each signal.
STOPPING = ((signal.SIGINT, 7.5), (signal.SIGTERM, 2.5), (signal.SIGKILL, 60.0))


def run_limited(
    arguments: Sequence[str], env: dict[str, str], folder: Path, log: Path, seconds: float
) -> tuple[int | None, int]:
    """Run a command in a process group of its own and return (exit status or None if stopped by time, group)."""
    with log.open("ab") as stream:
        child = subprocess.Popen(
            arguments,
            env=env,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            return child.wait(seconds), child.pid
        except subprocess.TimeoutExpired:
            return None, child.pid
        finally:
            stop(child)


def stop(child: "subprocess.Popen[bytes]") -> None:
    """End a child that still runs."""
    for number, seconds in STOPPING:
        if child.poll() is not None:
            return
        kill_group(child.pid, number)
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            continue


def kill_group(group: int, number: int = signal.SIGKILL) -> None:
    """Send a signal to what is left of a group of ours."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return
