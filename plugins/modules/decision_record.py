#!/usr/bin/python
# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Append records to a file of JSON lines."""

from __future__ import annotations

DOCUMENTATION = r"""
module: decision_record
short_description: Append records to a file of JSON lines
version_added: 0.1.0
author:
  - cloudops.core contributors (@cloudops-core)
description:
  - Appends each record as one line of JSON, for evidence and for plots.
  - Any number of jobs may append to the same file at the same time; each line stays whole. A line that a killed writer left without an
    end stays alone, and the records begin on the next one.
options:
  path:
    description:
      - File of the host that runs the task. It is made if it isn't there; its directory must be there.
    type: path
    required: true
  records:
    description:
      - Records to append. An empty list only makes the file, which tells early whether it can be written.
      - Numbers that JSON doesn't have (NaN and infinity) become V(null).
    type: list
    elements: dict
    default: []
  mode:
    description:
      - Octal permissions of a file that is made, in quotes. Those of a file that is there stay as they are.
    type: str
    default: '0640'
  lock_timeout:
    description:
      - Seconds to wait for others that append to the file.
    type: float
    default: 10
attributes:
  check_mode:
    description: Can run in check mode and says what a real run would do, without writing anything.
    support: full
    details: Looks whether the file could be written.
  diff_mode:
    description: Shows what changes, before and after.
    support: none
  idempotent:
    description: When run again with the same options and nothing else has changed, it reports C(changed=false).
    support: none
    details: Every run appends its records. Set C(changed_when=false) where that is no change to you.
seealso:
  - plugin: cloudops.core.scaling_chart
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Note what was decided
  cloudops.core.decision_record:
    path: /var/log/example/scaling.jsonl
    records:
      - time: "{{ now(utc=true).isoformat() }}"
        target: shop/web
        desired: 3
        reason: three sites are in sale
"""

RETURN = r"""
path:
  description: The file.
  returned: always
  type: str
  sample: /var/log/example/scaling.jsonl
written:
  description: How many records were appended; in check mode, would have been.
  returned: success
  type: int
  sample: 1
duration:
  description: Seconds that the module took.
  returned: always
  type: float
  sample: 0.002
error:
  description: What went wrong, with C(kind), C(message), C(operation), C(resource), C(code) and C(hint).
  returned: failure
  type: dict
  sample: {"kind": "not_found", "message": "there is no such directory"}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cloudops.core.plugins.module_utils._ansible.records import keep
from ansible_collections.cloudops.core.plugins.module_utils._ansible.runner import run


def main() -> None:
    """Append."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "records": {"type": "list", "elements": "dict", "default": []},
            "mode": {"type": "str", "default": "0640"},
            "lock_timeout": {"type": "float", "default": 10},
        },
        supports_check_mode=True,
    )
    run(module, lambda: keep(module), lambda: {"path": module.params["path"]})


if __name__ == "__main__":
    main()
