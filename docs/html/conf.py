# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sphinx settings of the HTML documentation; ``make docs`` builds it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref

project = "cloudops.core"
copyright = "cloudops.core contributors"
title = html_title = html_short_title = "cloudops.core"
extensions = ["myst_parser", "sphinx_antsibull_ext"]
html_theme = "sphinx_ansible_theme"
html_theme_options = {"documentation_home_url": "index.html", "vcs_pageview_mode": "edit"}
html_show_sphinx = False
html_copy_source = False
html_use_index = False
pygments_style = "ansible"
highlight_language = "YAML+Jinja"
default_role = "any"
# The names that a forge gives to headings, for links to them.
myst_heading_anchors = 4

# What the pages refer to in Ansible's own documentation. Looked up here, so that the build needs no network.
ANSIBLE_DOCS = "https://docs.ansible.com/projects/ansible/latest"
ANSIBLE_SETTINGS = "reference_appendices/config.html"
ANSIBLE_PAGES = {
    "ansible_configuration_settings": ANSIBLE_SETTINGS,
    "callback_plugins": "plugins/callback.html",
    "common_return_values": "reference_appendices/common_return_values.html",
}
OTHER_COLLECTION = re.compile(r"ansible_collections\.(?!cloudops\.)(\w+)\.(\w+)\.(\w+_[a-z]+)$")

KINDS = {"modules": "module", "filter": "filter", "inventory": "inventory", "callback": "callback"}
SOURCE = re.compile(r"\]\(((?:\.\./)*plugins)/(modules|filter|inventory|callback)/(\w+)\.(?:py|yml)\)")
LINK = re.compile(r"(?<!\!)\[([^\[\]]+)\]\((?!\w+:)([^()#\s]+)\)")
REPOSITORY = Path(__file__).resolve().parents[2]
NAME = re.compile(r"cloudops\.core\.(\w+)")


def link_to_ansible(_app: Any, _env: Any, node: Any, content: Any) -> nodes.reference | None:
    """Resolve a reference to a page of Ansible's documentation; any other one stays unresolved, and is a warning."""
    target = node.get("reftarget", "")
    page = ANSIBLE_PAGES.get(target)
    if other := OTHER_COLLECTION.match(target):
        page = "collections/{}/{}/{}.html".format(*other.groups())
    if node.get("reftype") == "envvar" and target.startswith("ANSIBLE_"):
        page = f"{ANSIBLE_SETTINGS}#envvar-{target}"
    return nodes.reference("", "", content, internal=False, refuri=f"{ANSIBLE_DOCS}/{page}") if page else None


def link_to_pages(app: Any, name: str, source: list[str]) -> None:
    """In guides, lead from a plugin's source to its page, from a directory to its README, and to nothing else that is no page."""
    if name.startswith("plugins/"):
        return

    def shown(found: re.Match[str]) -> str:
        """A link to what only the repository has is text; one to what nobody has stays, and is a warning."""
        there = Path(name).parent / found[2]
        if Path(app.srcdir, there, "README.md").exists():
            return f"[{found[1]}]({found[2].rstrip('/')}/README.md)"
        missing = not Path(app.srcdir, there).exists() and Path(REPOSITORY, there).exists()
        return found[1] if missing else found[0]

    text = SOURCE.sub(lambda found: f"]({found[1]}/{found[3]}_{KINDS[found[2]]}.rst)", source[0])
    source[0] = LINK.sub(shown, text)


def link_names(app: Any, tree: nodes.document) -> None:
    """In guides, lead from the full name of a plugin or a role to its page."""
    name = app.env.docname
    if name.startswith("plugins/"):
        return
    for literal in tree.findall(nodes.literal):
        found = NAME.fullmatch(literal.astext())
        if found and not isinstance(literal.parent, nodes.reference | pending_xref | nodes.title):
            _link(app, literal, found[1])


def _link(app: Any, literal: nodes.literal, plugin: str) -> None:
    pages = [kind for kind in (*KINDS.values(), "role") if Path(app.srcdir, "plugins", f"{plugin}_{kind}.rst").exists()]
    if pages:
        target = f"ansible_collections.cloudops.core.{plugin}_{pages[0]}"
        options = {"refdomain": "std", "reftype": "ref", "refexplicit": True, "refwarn": True}
        reference = pending_xref("", reftarget=target, refdoc=app.env.docname, **options)
        literal.replace_self(reference)
        reference += literal


def setup(app: Any) -> None:
    """Register with Sphinx."""
    app.connect("missing-reference", link_to_ansible)
    app.connect("source-read", link_to_pages)
    app.connect("doctree-read", link_names)
