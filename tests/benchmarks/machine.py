# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who used the processors while something was measured, and what machine that was."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

DAEMONS = frozenset({"radosgw", "ceph-osd", "ceph-mon", "ceph-mgr"})
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """One run of a command. Seconds.

    :param wall: from start to end.
    :param command: processor time of the command with all its children.
    :param server: processor time of the server meanwhile; 0 when it runs elsewhere.
    :param others: processor time of everything else on the machine meanwhile, this program included.
    """

    wall: float
    command: float
    server: float
    others: float


def middle(costs: Sequence[Cost]) -> Cost:
    """The median of each figure."""
    return Cost(*(median(getattr(cost, name) for cost in costs) for name in ("wall", "command", "server", "others")))


def timed(command: Sequence[str], env: Mapping[str, str], log: Path, servers: Sequence[int] = ()) -> tuple[Cost, int]:
    """Run a command with its output in a file; return what it cost, and its exit code.

    :param servers: ids of the server's processes, whose children count, too; none: the daemons of a Ceph gateway.
    """
    servers = [pid for server in servers for pid in _with_children(server)] or _daemons()
    server, machine, start = _used_by(servers), _used_by_all(), time.monotonic()
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=env)
        try:
            _unused, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            # Ended from outside: nothing goes on removing behind our back.
            process.terminate()
            process.wait()
            raise
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - start
    own = usage.ru_utime + usage.ru_stime
    server = _used_by(servers) - server
    others = max(0.0, _used_by_all() - machine - own - server)
    return Cost(wall, own, server, others), process.returncode


def description() -> str:
    """Processors, memory and system in a line."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} processors ({model}), {memory:.0f} GiB, Linux {platform.release()}"


def _daemons() -> list[int]:
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            if (directory / "comm").read_text().strip() in DAEMONS:
                found.append(int(directory.name))
        except OSError:
            continue  # ended meanwhile
    return found


def _with_children(pid: int) -> list[int]:
    """A process and all below it: proc_pid_task_children(5)."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += _with_children(int(child))
    return found


def _used_by(pids: Sequence[int]) -> float:
    total = 0
    for pid in pids:
        # Fields 14 and 15 of proc_pid_stat(5), counted behind the command's name, which may hold blanks.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS


def _used_by_all() -> float:
    """All but idle and iowait of the first line of proc_stat(5); guest time is in user time already."""
    user, nice, system, _idle, _iowait, irq, softirq, *_rest = map(
        int, Path("/proc/stat").read_text().split(None, 9)[1:9]
    )
    return (user + nice + system + irq + softirq) / _TICKS
