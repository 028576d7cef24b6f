# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules that upload have in common: their options, the files that they name, and their answer."""

from __future__ import annotations

from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._ansible.runner import Result, some_failed
from ansible_collections.cloudops.core.plugins.module_utils._core import files
from ansible_collections.cloudops.core.plugins.module_utils._core.plan import Plan
from ansible_collections.cloudops.core.plugins.module_utils._core.upload import Uploaded

UPLOAD_ONE_OF: list[tuple[str, ...]] = [("src", "objects")]


def upload_spec(*aliases: str) -> dict[str, Any]:
    """The options of every such module.

    :param aliases: what the provider calls a bucket.
    """
    return {
        "bucket": {"type": "str", "required": True, "aliases": list(aliases)},
        "src": {"type": "path"},
        "objects": {
            "type": "list",
            "elements": "dict",
            "options": {
                "key": {"type": "str", "required": True, "no_log": False},
                "src": {"type": "path"},
                "content": {"type": "str"},
                "content_type": {"type": "str"},
            },
            "mutually_exclusive": [("src", "content")],
            "required_one_of": [("src", "content")],
        },
        "prefix": {"type": "str", "default": ""},
        "concurrency": {"type": "int", "default": 16},
    }


def local_files(src: str | None) -> list[tuple[str, str]]:
    """(name, path) of what ``src`` names, a file or a directory; nothing where it isn't given.

    :raises Invalid: when there is no such thing, or it can't be read.
    """
    return files.files_below(src) if src is not None else []


def answer(uploaded: Uploaded[Any], plan: Plan) -> Result:
    """What a run has to say.

    :param plan: the uploads that were needed.
    """
    failure = some_failed("upload", uploaded.failures, len(uploaded.results))
    return Result(uploaded.changed, uploaded.as_result(), None if failure else plan.diff(), failure=failure)
