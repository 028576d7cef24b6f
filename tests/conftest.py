# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make ``ansible_collections.cloudops.core`` mean this checkout, whatever its name, for pytest and what it starts."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
COLLECTIONS = CHECKOUT / "build" / "link"


_DEVELOPERS = ("AWS_", "AZURE_", "ANSIBLE_", "K8S_AUTH_", "KUBE", "GCP_", "GOOGLE_", "CLOUDSDK_", "STORAGE_EMULATOR_")


def _link_checkout() -> None:
    link = COLLECTIONS / "ansible_collections" / "cloudops" / "core"
    link.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):  # an earlier run's, or another worker's of this run
        link.symlink_to(Path("..", "..", "..", ".."), target_is_directory=True)


def _forget_the_developer() -> None:
    """Keep the developer's own cloud account, cluster and Ansible settings out of every test."""
    for name in [name for name in os.environ if name.startswith(_DEVELOPERS)]:
        del os.environ[name]
    os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(COLLECTIONS)


_link_checkout()
_forget_the_developer()
sys.path.insert(0, str(COLLECTIONS))
