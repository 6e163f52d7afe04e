"""How much memory is free."""

import re
from pathlib import Path

_SYSTEM = Path("/proc/meminfo")
_CONTAINER = Path("/sys/fs/cgroup")


def free_memory(system: Path = _SYSTEM, container: Path = _CONTAINER) -> int | None:
    """Return the bytes that a process may still take, in its container (cgroup version 2) too; None = not known."""
    known = [free for free in (_free_of_system(system), _free_of_container(container)) if free is not None]
    return min(known, default=None)


def _free_of_system(file: Path) -> int | None:
    match = re.search(r"^MemAvailable:\s+(\d+) kB$", _content(file), re.MULTILINE)
    return 1024 * int(match[1]) if match else None


def _free_of_container(folder: Path) -> int | None:
    """Files that are cached count as taken, and are given up when memory is short."""
    limit, taken = _content(folder / "memory.max").strip(), _content(folder / "memory.current").strip()
    if not (limit.isdecimal() and taken.isdecimal()):
        return None
    cached = re.search(r"^inactive_file (\d+)$", _content(folder / "memory.stat"), re.MULTILINE)
    return max(0, int(limit) - int(taken) + (int(cached[1]) if cached else 0))


def _content(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return ""
