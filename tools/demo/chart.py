# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw a file of decision records: python tools/demo/chart.py FILE [TARGET]. The filter scaling_chart does the same in a playbook."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_chart import chart


def main(file: str, target: str = "") -> None:
    """Print the chart."""
    lines = Path(file).read_text(encoding="utf-8").splitlines()
    print("\n".join(chart([json.loads(line) for line in lines], target)))


if __name__ == "__main__":
    main(*sys.argv[1:])
