# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs one module in this process and says on standard error how much memory it took at the most.

Reads the request of tests/integration/module_runner.py from standard input; the first argument is the directory that
holds ansible_collections. VmHWM of proc_pid_status(5) is of this program alone, where ru_maxrss is also what the
parent had when it forked.
"""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path


def peak_kib() -> int:
    """The most memory that this process has held so far."""
    lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    runner = runpy.run_path(str(Path(__file__).parents[1] / "integration" / "module_runner.py"))
    sys.path[0] = sys.argv[1]
    code = 1
    try:
        runner["run_here"](json.loads(sys.stdin.readline()))
    except SystemExit as end:
        code = int(end.code or 0)
    print(json.dumps({"peak_kib": peak_kib()}), file=sys.stderr)
    sys.exit(code)
