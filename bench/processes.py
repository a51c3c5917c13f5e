"""Processes: what others' processes have spent and hold."""

from collections.abc import Iterable
from pathlib import Path

import psutil


def cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    """CPU seconds that processes have spent so far, user and system."""
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def resident(process: psutil.Process) -> float:
    """Resident MiB now."""
    return float(process.memory_info().rss) / 2**20


def most_resident(process: psutil.Process) -> float | None:
    """The most resident MiB since the process began; None where the system does not tell."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        return None
    for line in status.read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "VmHWM":
            return int(value.split()[0]) / 1024
    return None
