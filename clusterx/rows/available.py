"""How much memory this process may still use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

#: Where Linux reports memory and control groups.
PROC, CGROUP = Path("/proc"), Path("/sys/fs/cgroup")


def available_memory() -> int | None:
    """Bytes that can be allocated without swapping, or None where the system does not report it.

    The minimum of the memory available on the machine and of what is left within the limits of
    this process's control groups, which containers and batch systems set. Cached files count as
    available.
    """
    try:
        free = _fields(PROC / "meminfo")["MemAvailable"] << 10
    except (OSError, KeyError):
        return None
    return max(0, min([free, *_left_by_cgroups()]))


def _left_by_cgroups() -> Iterator[int]:
    """Bytes left in each limited group that this process is in, parent groups included."""
    try:
        lines = (PROC / "self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            folder, names = CGROUP, ("memory.max", "memory.current", "")
        elif "memory" in controllers.split(","):
            folder = CGROUP / "memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_")
        else:
            continue
        # a container sees its own group as the root, whatever its path is outside
        for own in (folder / path.lstrip("/"), *(folder / path.lstrip("/")).parents):
            if own.is_relative_to(folder):
                yield from _left_by(own, *names)


def _left_by(group: Path, limit: str, usage: str, prefix: str) -> Iterator[int]:
    try:
        # "max", which is not a number, means that there is no limit
        left = int((group / limit).read_text()) - int((group / usage).read_text())
        files = _fields(group / "memory.stat")
    except (OSError, ValueError):
        return
    yield left + sum(files.get(f"{prefix}{kind}_file", 0) for kind in ("active", "inactive"))


def _fields(path: Path) -> dict[str, int]:
    """The first number of each line, keyed by the name at the start of the line."""
    fields = (line.split() for line in path.read_text().splitlines())
    return {name.rstrip(":"): int(value) for name, value, *_ in fields}
