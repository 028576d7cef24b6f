# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records that a task keeps in a file."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cloudops.core.plugins.module_utils._ansible.runner import Result
from ansible_collections.cloudops.core.plugins.module_utils._core import jsonlines
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid


def keep(module: AnsibleModule) -> Result:
    """Append ``records`` to ``path``; in check mode only look whether that would work."""
    path, records = module.params["path"], module.params["records"]
    values = {"path": path, "written": len(records)}
    mode = _mode(module.params["mode"])
    if module.check_mode:
        jsonlines.check(path)
    else:
        jsonlines.append(path, records, mode=mode, timeout=module.params["lock_timeout"])
    return Result(changed=bool(records), values=values)


def _mode(text: str) -> int:
    try:
        mode = int(text, 8)
    except ValueError:
        mode = -1
    if not 0 <= mode <= 0o777:
        raise Invalid(f"mode: {text} are no octal permissions", hint="Write them as '0640', in quotes.")
    return mode
