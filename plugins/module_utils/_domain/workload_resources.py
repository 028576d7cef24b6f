# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests and limits of containers, compared as quantities: 0.25 is 250m, and 1Gi is 1024Mi.

https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_values import read_number

SECTIONS = ("requests", "limits")
# (section, resource) -> quantity as written; None removes the entry.
Wanted = Mapping[tuple[str, str], "str | None"]
Changes = Mapping[str, Wanted]


def wanted_resources(option: Mapping[str, Any]) -> dict[str, Wanted]:
    """The option, checked.

    :raises Invalid: naming the entry that can't be meant.
    """
    found: dict[str, Wanted] = {}
    for container, sections in option.items():
        path = f"resources.{container}"
        if not isinstance(sections, Mapping) or not sections:
            raise Invalid(f"{path} is {sections!r}", hint="It is a mapping with requests, limits, or both.")
        found[str(container)] = {
            (section, str(name)): _quantity(value, f"{path}.{section}.{name}")
            for section, entries in sections.items()
            for name, value in _entries(section, entries, path).items()
        }
    return found


def _entries(section: Any, entries: Any, path: str) -> Mapping[Any, Any]:
    if section not in SECTIONS:
        raise Invalid(f"{path}.{section} is unknown", hint=f"Known are {' and '.join(SECTIONS)}.")
    if not isinstance(entries, Mapping) or not entries:
        raise Invalid(f"{path}.{section} is {entries!r}", hint="It is a mapping such as {cpu: 250m, memory: 128Mi}.")
    return entries


def _quantity(value: Any, path: str) -> str | None:
    if value is None:
        return None
    number = read_number(value, path)
    if number is None or number < 0:
        raise Invalid(f"{path} is {value!r}", hint="It is a quantity such as 250m, 0.5 or 128Mi; null removes it.")
    return str(value).strip()


def changes(containers: Mapping[str, Mapping[str, Any]], wanted: Changes) -> dict[str, Wanted]:
    """What has to be written, by container; nothing for what is so already.

    :param containers: their requests and limits as the cluster has them.
    :raises Invalid: for a container that the workload doesn't have.
    """
    found: dict[str, Wanted] = {}
    for container, entries in wanted.items():
        if container not in containers:
            raise Invalid(
                f"there is no container {container}; there are {', '.join(containers) or 'none'}",
                code="NoContainer",
                hint="Correct resources.",
            )
        have = containers[container]
        differing = {key: value for key, value in entries.items() if not _same(_present(have, key), value)}
        if differing:
            found[container] = differing
    return found


def _present(have: Mapping[str, Any], key: tuple[str, str]) -> str | None:
    value = (have.get(key[0]) or {}).get(key[1])
    return None if value is None else str(value)


def _same(have: str | None, want: str | None) -> bool:
    if have is None or want is None:
        return have is want
    return read_number(have, "the workload's quantity") == read_number(want, "resources")


def undo(containers: Mapping[str, Mapping[str, Any]], made: Changes) -> dict[str, Wanted]:
    """What puts back what was there before."""
    return {
        container: {key: _present(containers[container], key) for key in entries} for container, entries in made.items()
    }


def as_patch(made: Changes) -> list[dict[str, Any]]:
    """For the containers of a strategic merge patch, which finds them by name."""
    patch = []
    for container, entries in made.items():
        sections: dict[str, dict[str, str | None]] = {}
        for (section, name), value in entries.items():
            sections.setdefault(section, {})[name] = value
        patch.append({"name": container, "resources": sections})
    return patch


def as_result(containers: Mapping[str, Mapping[str, Any]], made: Changes) -> dict[str, Any]:
    """Before and after, by container, for people."""
    return {
        container: {
            "before": {".".join(key): _present(containers[container], key) for key in entries},
            "after": {".".join(key): value for key, value in entries.items()},
        }
        for container, entries in made.items()
    }
