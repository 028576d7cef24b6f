# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options that every module that uploads has."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of C(_ansible.uploads.upload_spec), but for O(bucket)."""

    DOCUMENTATION = r"""
options:
  src:
    description:
      - A file, or a directory that is uploaded with all below it, on the host that runs the module. Objects get the names relative to that
        directory. Links to files are followed, links to directories are not.
    type: path
  objects:
    description:
      - Single objects. At least one of O(objects) and O(src) is needed.
    type: list
    elements: dict
    suboptions:
      key:
        description: Name of the object, behind O(prefix).
        type: str
        required: true
      src:
        description: File with the content, on the host that runs the module.
        type: path
      content:
        description: The content itself, as text. Exactly one of C(src) and C(content) is needed. Ansible shows it at high verbosity.
        type: str
      content_type:
        description: Content type. Without it, it follows from the ending of the name, and one that is stored isn't compared.
        type: str
  prefix:
    description:
      - What all names begin with, taken as it is. V(logs/) puts everything below C(logs/).
    type: str
    default: ''
  concurrency:
    description:
      - Objects that are looked at, or uploaded, side by side.
    type: int
    default: 16
"""
