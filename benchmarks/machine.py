"""The machine that measures, in words that name nobody."""

import os
import platform
import re
import subprocess
import sys
from pathlib import Path


def describe() -> dict[str, str | int | float | None]:
    """CPU, cores, memory, system, Python, the commit that is measured, and the load before."""
    return {
        "cpu": _cpu(),
        "cores": cores(),
        "memory": _memory(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "commit": _commit(),
        "load": round(os.getloadavg()[0], 2),
    }


def cores() -> int:
    """As many as this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def peak_memory() -> int:
    """Bytes that this process has held at most until now."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _cpu() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", listing.read_text(), re.MULTILINE)
        if found:
            return found.group(1).strip()
    return _said_by("sysctl", "-n", "machdep.cpu.brand_string") or platform.machine()


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _commit() -> str | None:
    """The commit, with "+ changes" if files that it holds were changed since; None outside git."""
    commit = _said_by("git", "rev-parse", "--short=10", "HEAD")
    changed = commit and _said_by("git", "status", "--porcelain", "--untracked-files=no")
    return f"{commit} + changes" if changed else commit


def _said_by(*command: str) -> str | None:
    """What a command prints, or None if it fails or is not there."""
    folder = Path(__file__).parent
    try:
        answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip() or None
