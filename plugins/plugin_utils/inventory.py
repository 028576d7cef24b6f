# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the inventory plugins have in common: options as templates, a cache that may outlive a failure, and hosts put in quickly."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable, get_cache_plugin
from ansible.utils.unsafe_proxy import wrap_var
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError, Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.inventory import (
    Document,
    fingerprint,
    from_cache,
    is_fresh,
    may_stand_in,
    stale_note,
    to_cache,
)
from ansible_collections.cloudops.core.plugins.plugin_utils.expressions import Absent, Reader, Unsure, compiled

try:
    from ansible.template import trust_as_template

    TRUST = True
except ImportError:  # before ansible-core 2.19 every text was a template unless it was marked
    TRUST = False

    def trust_as_template(value: str) -> str:
        """As it is."""
        return value


# Keys, and what is a file's path rather than a part of the question.
_NOT_ASKED = frozenset({"secret_key", "session_token", "external_id", "api_key", "password"})


@dataclass(frozen=True)
class HostEntry:
    """A host as it goes into the inventory.

    :param extra: what expressions know besides its variables.
    """

    name: str
    variables: dict[str, Any]
    extra: Mapping[str, Any] = field(default_factory=dict)


class _Skip(Exception):
    """An expression that has no value for a host."""


class CloudInventory(BaseInventoryPlugin, Constructable, Cacheable):  # type: ignore[misc]
    """An inventory that asks a provider."""

    SUFFIXES: tuple[str, ...] = ()
    """What the names of its files end with."""
    asked: tuple[str, ...] = ()
    """Names of the options that decide what the provider answers."""

    def verify_file(self, path: str) -> bool:
        """Whether the file is meant for this plugin, by its name."""
        return bool(super().verify_file(path)) and path.endswith(self.SUFFIXES)

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Fill the inventory."""
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        self._readers: dict[str, Reader] = {}
        self.templar.available_variables = dict(self._vars or {})
        try:
            document = self._document(path, cache)
            for note in document.notes:
                self.display.warning(f"{self.NAME}: {note}")
            self._fill(self.entries(document.hosts))
        except CloudOpsError as error:
            raise AnsibleParserError(f"{self.NAME}: {error}") from error

    @abstractmethod
    def source(self) -> Callable[[], Document]:
        """A function that asks the provider. Options are checked before it is returned; nothing is asked yet.

        :raises CloudOpsError: for options that can't be right.
        """

    @abstractmethod
    def entries(self, hosts: Sequence[Mapping[str, Any]]) -> Iterable[HostEntry]:
        """The hosts of a document."""

    # Options

    def option(self, name: str) -> Any:
        """An option, with the templates in it evaluated; they know extra variables and lookups."""
        return self._rendered(self.get_option(name))

    def _rendered(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.templar.template(value) if "{{" in value or "{%" in value else value
        if isinstance(value, Mapping):
            return {self._rendered(key): self._rendered(member) for key, member in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._rendered(member) for member in value]
        return value

    # Cache

    def _document(self, path: str, cache: bool) -> Document:
        """From the cache while it is fresh, otherwise from the provider, and from the cache again where that fails."""
        read = self.source()
        if not self.get_option("cache"):
            return read()
        self._keep_expired()
        key = self.get_cache_key(path)
        question = fingerprint({name: self.option(name) for name in self.asked if name not in _NOT_ASKED})
        kept = from_cache(self._cache.get(key), question)
        if kept is not None and cache and is_fresh(kept, time.time(), float(self.get_option("cache_timeout") or 0)):
            return kept
        try:
            document = read()
        except CloudOpsError as error:
            if kept is None or not self.get_option("cache_on_failure") or not may_stand_in(error):
                raise
            return Document(kept.hosts, (*kept.notes, stale_note(kept, error)), kept.saved)
        self._cache[key] = to_cache(document, question)
        return document

    def _keep_expired(self) -> None:
        """A cache plugin that never lets go; how old is too old is decided here, where the age is known."""
        given = {"_uri": self.get_option("cache_connection"), "_prefix": self.get_option("cache_prefix")}
        options = {name: value for name, value in given.items() if value is not None}
        self._cache = get_cache_plugin(self.get_option("cache_plugin"), **options, _timeout=0)

    # Hosts

    def _fill(self, entries: Iterable[HostEntry]) -> None:
        composing = {name: self.get_option(name) for name in ("compose", "groups", "keyed_groups")}
        composes, strict = any(composing.values()), self.get_option("strict")
        for entry in entries if TRUST else map(_guarded_entry, entries):
            self.inventory.add_host(entry.name)
            host = self.inventory.get_host(entry.name)
            # In one go: set_variable looks through every value of every variable, and all of these are plain.
            host.vars.update(entry.variables)
            if composes:
                self._construct(entry, host, composing, strict)

    def _construct(self, entry: HostEntry, host: Any, options: Mapping[str, Any], strict: bool) -> None:
        extra_vars = dict(self._vars or {}) if self.get_option("use_extra_vars") else {}
        known = {**entry.variables, **entry.extra, "inventory_hostname": entry.name, **extra_vars}
        self._set_composite_vars(options["compose"], known, entry.name, strict=strict)
        if options["groups"] or options["keyed_groups"]:
            known = {**entry.extra, **host.get_vars(), **extra_vars}
            for group, condition in (options["groups"] or {}).items():
                self._add_to_group(group, condition, known, entry.name, strict)
            self._add_host_to_keyed_groups(
                options["keyed_groups"], known, entry.name, strict=strict, fetch_hostvars=False
            )

    def _add_to_group(self, group: str, condition: Any, known: dict[str, Any], name: str, strict: bool) -> None:
        try:
            wanted = self._quickly(condition, known, strict)
            if not isinstance(wanted, bool):
                raise Unsure
        except _Skip:
            return
        except Unsure:
            self._add_host_to_composed_groups({group: condition}, known, name, strict=strict, fetch_hostvars=False)
            return
        if wanted:
            self.inventory.add_child(self.inventory.add_group(self._sanitize_group_name(group)), name)

    def _compose(self, template: Any, variables: Any, *more: Any, **options: Any) -> Any:
        """The value of an expression; ansible-core calls this for compose and keyed_groups."""
        try:
            return self._quickly(template, variables, bool(self.get_option("strict")))
        except Unsure:
            return super()._compose(template, variables, *more, **options)

    def _quickly(self, template: Any, variables: Mapping[str, Any], strict: bool) -> Any:
        """The value without ansible-core's help, which costs it half a millisecond.

        :raises Unsure: only ansible-core can tell.
        :raises _Skip: it has none, and nobody wants an error for that.
        """
        reader = self._readers.get(template) if isinstance(template, str) else None
        if reader is None:
            reader = compiled(template)
            if isinstance(template, str):
                self._readers[template] = reader
        try:
            return reader(variables)
        except Absent as error:
            if strict:
                raise
            raise _Skip from error

    def evaluate(self, text: str, variables: Mapping[str, Any]) -> Any:
        """An expression, or a template in {{ }}, over a host's variables.

        Without ``strict``, what can't be evaluated is nothing.
        """
        known = dict(variables) if TRUST else _guarded(dict(variables))
        try:
            if "{{" not in text:
                return self._compose(trust_as_template(text), known)
            self.templar.available_variables = known
            return self.templar.template(trust_as_template(text))
        except (_Skip, AnsibleError) as error:
            if self.get_option("strict"):
                raise AnsibleParserError(f"{self.NAME}: hostnames: could not evaluate {text}: {error}") from error
            return ""


def some(names: Sequence[str]) -> str:
    """A few of many, for messages."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def required(library: str, import_error: str | None) -> None:
    """See that an SDK is there.

    :raises Invalid: when it isn't.
    """
    if import_error is not None:
        raise Invalid(
            f"the Python library {library} can't be imported: {import_error.strip().splitlines()[-1]}",
            hint=f"Install {library} for the Python that runs ansible.",
        )


def _guarded_entry(entry: HostEntry) -> HostEntry:
    return HostEntry(entry.name, _guarded(entry.variables), _guarded(dict(entry.extra)))


def _guarded(value: Any) -> Any:
    """Tags and the like are data: before ansible-core 2.19, what looks like a template has to be marked as none."""
    if isinstance(value, str):
        return wrap_var(value) if "{" in value else value
    if isinstance(value, dict):
        return {key: _guarded(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_guarded(member) for member in value]
    return value
