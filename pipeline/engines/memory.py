"""A process's memory limit, and how running into it looks."""

import re
import resource
import sys

MEMORY_EXIT = 137  # what a shell shows for a process that the kernel ended for want of memory
_NO_MEMORY = re.compile(
    r"can't allocate memory|cannot allocate memory|out of memory|std::bad_alloc|failed to map segment"
    r"|can't start new thread|_STATUS_ALLOC_FAILED",  # the last is said by cuBLAS and cuDNN
    re.IGNORECASE,
)
_LOST_ERROR = re.compile(r"without (setting an exception|exception set)")


def ran_out_of_memory(error: BaseException) -> bool:
    """Return whether an exception says that memory ran out, or was raised from one that does.

    Native code has several words for it, validators of configs say "wrong value" of any exception, and the interpreter
    itself may find no memory for the `MemoryError` that it wants to raise.
    """
    seen: BaseException | None = error
    while seen is not None:
        lost = isinstance(seen, SystemError) and _LOST_ERROR.search(str(seen))
        if lost or isinstance(seen, MemoryError) or _NO_MEMORY.search(str(seen)):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def limit_memory(extra_bytes: int) -> None:
    """Let this process allocate at most `extra_bytes` more private memory than it has now (RLIMIT_DATA, Linux)."""
    with open("/proc/self/status", encoding="ascii") as status:
        held = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData:"))
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    limit = min(held + extra_bytes, sys.maxsize if most == resource.RLIM_INFINITY else most)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
