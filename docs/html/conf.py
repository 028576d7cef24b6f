# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sphinx settings of the HTML documentation; ``make docs`` builds it."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes

project = "cloudops.core"
copyright = "cloudops.core contributors"
title = html_title = html_short_title = "cloudops.core"
extensions = ["sphinx_antsibull_ext"]
html_theme = "sphinx_ansible_theme"
html_theme_options = {"documentation_home_url": "index.html", "vcs_pageview_mode": "edit"}
html_show_sphinx = False
html_copy_source = False
html_use_index = False
pygments_style = "ansible"
highlight_language = "YAML+Jinja"
default_role = "any"

# What the generated pages refer to in Ansible's own documentation. Looked up here, so that the build needs no network.
ANSIBLE_DOCS = "https://docs.ansible.com/projects/ansible/latest"
ANSIBLE_PAGES = {
    "ansible_configuration_settings": "reference_appendices/config.html",
    "common_return_values": "reference_appendices/common_return_values.html",
}
OTHER_COLLECTION = re.compile(r"ansible_collections\.(?!cloudops\.)(\w+)\.(\w+)\.(\w+_[a-z]+)$")


def link_to_ansible(_app: Any, _env: Any, node: Any, content: Any) -> nodes.reference | None:
    """Resolve a reference to a page of Ansible's documentation; any other one stays unresolved, and is a warning."""
    target = node.get("reftarget", "")
    page = ANSIBLE_PAGES.get(target)
    if other := OTHER_COLLECTION.match(target):
        page = "collections/{}/{}/{}.html".format(*other.groups())
    return nodes.reference("", "", content, internal=False, refuri=f"{ANSIBLE_DOCS}/{page}") if page else None


def setup(app: Any) -> None:
    """Register with Sphinx."""
    app.connect("missing-reference", link_to_ansible)
