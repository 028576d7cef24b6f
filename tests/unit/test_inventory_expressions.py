# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Expressions of inventories: whatever is decided without ansible-core is what ansible-core says."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.inventory import BaseInventoryPlugin, Constructable
from ansible.template import Templar
from ansible_collections.cloudops.core.plugins.plugin_utils.expressions import Absent, Unsure, compiled
from ansible_collections.cloudops.core.plugins.plugin_utils.inventory import trust_as_template

VARIABLES: dict[str, Any] = {
    "state": {"name": "running", "code": 16},
    "tags": {"Role": "web", "Empty": "", "items": "a tag that has the name of a method"},
    "metrics": {"cpu": {"value": 91.5, "verdict": "breached"}, "none": {"value": None}},
    "count": 3,
    "on": True,
    "groups": ["a", "b"],
    "text": "{{ 1 + 1 }}",
}


class Plain(BaseInventoryPlugin, Constructable):  # type: ignore[misc]
    """ansible-core's own way."""

    def get_option(self, option: str, hostvars: Any = None) -> Any:
        """No option is set."""
        return False


@pytest.fixture(scope="module")
def theirs() -> Plain:
    """With a templar, as parse() would make it."""
    plugin = Plain()
    plugin.loader = DataLoader()
    plugin.templar = Templar(loader=plugin.loader)
    return plugin


@pytest.mark.parametrize(
    "expression",
    [
        "state.name",
        "state['name']",
        "state",
        "groups[1]",
        "tags.Role == 'web'",
        "tags['Role'] != \"web\"",
        "state.name in ['running', 'pending']",
        "'x' not in groups",
        "metrics.cpu.value > 80",
        "metrics.cpu.value <= 91.5 and count >= 3",
        "count < 3 or on",
        "not on",
        "metrics.none.value | default(0, true) > 80",
        "tags.Missing | default('nobody')",
        "tags.Empty | default('nobody')",
        "tags.Empty | d('nobody', true)",
        "tags.Role | default('nobody')",
        "metrics.none.value is none",
        "metrics.cpu.value is not none and metrics.cpu.value > 80",
        "tags.Missing is defined",
        "tags.Role is defined",
        "tags.Missing is undefined",
        "tags['Missing'] is not defined or count == 3",
        "'text'",
        "count == 3\n",
        "['a', state.name]",
    ],
)
def test_same_as_ansible(theirs: Plain, expression: str) -> None:
    found = compiled(expression)(VARIABLES)
    expected = theirs._compose(trust_as_template(expression), dict(VARIABLES))
    assert found == expected
    assert isinstance(found, bool) is isinstance(expected, bool)


@pytest.mark.parametrize(
    "expression",
    [
        pytest.param("tags.items", id="method-or-key"),
        pytest.param("text", id="template-in-a-value"),
        pytest.param("missing", id="unknown-name"),
        pytest.param("missing | default('x')", id="default-of-an-unknown-name"),
        pytest.param("missing is defined", id="test-of-an-unknown-name"),
        pytest.param("missing.name | default('x')", id="default-of-an-unknown-path"),
        pytest.param("state.name | upper", id="filter"),
        pytest.param("lookup('env', 'HOME')", id="call"),
        pytest.param("count + 1", id="sum"),
        pytest.param("0 < count < 5", id="chain"),
        pytest.param("'a' if on else 'b'", id="condition"),
        pytest.param("count > 'x'", id="what-cannot-be-compared"),
        pytest.param("state.name is match('run')", id="other-test"),
        pytest.param("state.", id="no-expression"),
        pytest.param("a }} b {{ c", id="several"),
        pytest.param(None, id="none"),
    ],
)
def test_leaves_the_rest_to_ansible(expression: Any) -> None:
    with pytest.raises(Unsure):
        compiled(expression)(VARIABLES)


@pytest.mark.parametrize("expression", ["tags.Missing", "tags['Missing'] == 'x'", "on and tags.Missing"])
def test_knows_what_is_absent(theirs: Plain, expression: str) -> None:
    with pytest.raises(Absent):
        compiled(expression)(VARIABLES)
    with pytest.raises(Exception, match="Missing"):
        theirs._compose(trust_as_template(expression), dict(VARIABLES))
