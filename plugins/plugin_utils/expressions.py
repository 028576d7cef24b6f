# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jinja expressions over the variables of thousands of hosts, compiled once each.

ansible-core compiles an expression anew for every host. Most expressions of inventories are paths, comparisons and defaults: these become
plain functions here. What is more than that, or meets a value that isn't there, is left to ansible-core, which also words the errors.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import Environment, TemplateError, nodes

Variables = Mapping[str, Any]
Reader = Callable[[Variables], Any]


class Unsure(Exception):
    """Not for this module to decide."""


class Absent(Unsure):
    """The last step of a path isn't there: undefined, as Jinja has it."""


_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
    "in": lambda left, right: left in right,
    "notin": lambda left, right: left not in right,
}
_PLAIN = (str, int, float, bool, list, dict, type(None))
_PARSER = Environment(autoescape=False)  # parses only; nothing is rendered


def compiled(expression: Any) -> Reader:
    """A function of a host's variables that gives the expression's value, or raises Unsure."""
    if not isinstance(expression, str):
        return _unsure
    try:
        body = _PARSER.parse("{{ (" + expression + "\n) }}").body
    except TemplateError:
        return _unsure
    output = body[0] if len(body) == 1 else None
    if not isinstance(output, nodes.Output) or len(output.nodes) != 1:
        return _unsure
    read = _reader(output.nodes[0])

    def value(variables: Variables) -> Any:
        try:
            found = read(variables)
        except (TypeError, ValueError, LookupError) as error:
            raise Unsure from error
        if not isinstance(found, _PLAIN):
            raise Unsure
        return found

    return value


def _unsure(_variables: Variables) -> Any:
    raise Unsure


def _reader(node: nodes.Node) -> Reader:
    make = _MAKERS.get(type(node))
    return make(node) if make else _unsure


def _constant(node: Any) -> Reader:
    value = node.value
    return lambda variables: value


def _name(node: Any) -> Reader:
    name = node.name

    def read(variables: Variables) -> Any:
        if name not in variables:
            raise Unsure
        return _checked(variables[name])

    return read


def _checked(value: Any) -> Any:
    """Text that may itself be a template is ansible-core's to decide on."""
    if isinstance(value, str) and "{" in value:
        raise Unsure
    return value


def _member(read: Reader, key: Any) -> Reader:
    """A dictionary's value. Where the dictionary has a method of that name, Jinja may mean the method."""
    if isinstance(key, str) and hasattr(dict, key):
        return _unsure

    def member(variables: Variables) -> Any:
        holder = read(variables)
        if isinstance(holder, dict) and key in holder:
            return _checked(holder[key])
        if isinstance(holder, list) and isinstance(key, int) and not isinstance(key, bool):
            return _checked(holder[key])
        raise Absent if isinstance(holder, dict) else Unsure

    return member


def _attribute(node: Any) -> Reader:
    return _member(_reader(node.node), node.attr)


def _item(node: Any) -> Reader:
    if not isinstance(node.arg, nodes.Const):
        return _unsure
    return _member(_reader(node.node), node.arg.value)


def _compare(node: Any) -> Reader:
    if len(node.ops) != 1:
        return _unsure
    compare, left, right = _COMPARE[node.ops[0].op], _reader(node.expr), _reader(node.ops[0].expr)
    return lambda variables: compare(left(variables), right(variables))


def _and(node: Any) -> Reader:
    left, right = _reader(node.left), _reader(node.right)
    return lambda variables: left(variables) and right(variables)


def _or(node: Any) -> Reader:
    left, right = _reader(node.left), _reader(node.right)
    return lambda variables: left(variables) or right(variables)


def _not(node: Any) -> Reader:
    read = _reader(node.node)
    return lambda variables: not read(variables)


def _list(node: Any) -> Reader:
    readers = [_reader(item) for item in node.items]
    return lambda variables: [read(variables) for read in readers]


def _default(node: Any) -> Reader:
    """``default``, whose value may be missing at its end: the path before that has to be there."""
    arguments = node.args
    if node.name not in ("default", "d") or node.kwargs or node.dyn_args or not 1 <= len(arguments) <= 2:
        return _unsure
    if len(arguments) == 2 and not isinstance(arguments[1], nodes.Const):
        return _unsure
    falsy = len(arguments) == 2 and bool(arguments[1].value)
    holder, key = _last_step(node.node)
    fallback = _reader(arguments[0])

    def read(variables: Variables) -> Any:
        members = holder(variables)
        if not isinstance(members, Mapping):
            raise Unsure
        value = _checked(members[key]) if key in members else None
        return fallback(variables) if key not in members or (falsy and not value) else value

    return read


def _last_step(node: Any) -> tuple[Reader, Any]:
    """What holds the last member of a path, and that member's name."""
    if isinstance(node, nodes.Name):
        # A name that is no variable may be one of Jinja's own.
        name = node.name
        return (lambda variables: variables if name in variables else _unsure(variables)), name
    if isinstance(node, nodes.Getattr):
        key: Any = node.attr
    elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        key = node.arg.value
    else:
        return _unsure, None
    return (_unsure if hasattr(dict, str(key)) else _reader(node.node)), key


def _test(node: Any) -> Reader:
    """``is none`` and ``is defined``, of what is there."""
    if node.args or node.kwargs or node.name not in ("none", "defined", "undefined"):
        return _unsure
    name, (holder, key) = node.name, _last_step(node.node)

    def read(variables: Variables) -> bool:
        members = holder(variables)
        if not isinstance(members, Mapping) or (key not in members and name == "none"):
            raise Unsure
        if name == "none":
            return members[key] is None
        return (key in members) is (name == "defined")

    return read


_MAKERS: dict[type[nodes.Node], Callable[[Any], Reader]] = {
    nodes.Const: _constant,
    nodes.Name: _name,
    nodes.Getattr: _attribute,
    nodes.Getitem: _item,
    nodes.Compare: _compare,
    nodes.And: _and,
    nodes.Or: _or,
    nodes.Not: _not,
    nodes.List: _list,
    nodes.Filter: _default,
    nodes.Test: _test,
}
