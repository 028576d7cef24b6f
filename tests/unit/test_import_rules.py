# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may import whom. The rules are read off the source text; nothing is imported."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PLUGINS = "ansible_collections.cloudops.core.plugins"
UTILS = f"{PLUGINS}.module_utils"

# Each provider package and the SDK that it alone may import.
PROVIDERS = {
    "_aws": ("boto3", "botocore"),
    "_k8s": ("kubernetes", "urllib3"),
    "_prometheus": ("urllib3",),
    "_azure": ("azure",),
    "_gcp": ("google", "requests"),
}
SDKS = tuple(sorted({sdk for sdks in PROVIDERS.values() for sdk in sdks}))
PROVIDER_PACKAGES = tuple(f"{UTILS}.{name}" for name in PROVIDERS)
THREADS = ("threading", "concurrent", "multiprocessing", "_thread")
TASK_WORDS = frozenset({"check_mode", "exit_json", "fail_json"})
# A pure function neither touches the world nor asks what time it is.
IMPURE_MODULES = (
    "asyncio",
    "http",
    "io",
    "logging",
    "os",
    "random",
    "secrets",
    "shutil",
    "socket",
    "ssl",
    "subprocess",
    "sys",
    "tempfile",
    "time",
    "urllib.request",
)
IMPURE_CALLS = frozenset({"open", "print", "input", "now", "utcnow", "today"})


@dataclass(frozen=True)
class Layer:
    """What the files of one room may import besides the standard library and their own package."""

    name: str
    allowed: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    sdk: tuple[str, ...] = ()
    one_provider: bool = False
    task_words: bool = False
    pure: bool = False


MODULE = Layer(
    "module",
    allowed=("ansible.module_utils.basic.AnsibleModule", f"{UTILS}._ansible", f"{UTILS}._domain", *PROVIDER_PACKAGES),
    one_provider=True,
    task_words=True,
)
CORE = Layer("_core", allowed=(f"{UTILS}._core",))
DOMAIN = Layer(
    "_domain",
    allowed=(f"{UTILS}._domain", f"{UTILS}._core.account", f"{UTILS}._core.plan", f"{UTILS}._core.errors"),
    forbidden=IMPURE_MODULES,
    pure=True,
)
ANSIBLE = Layer("_ansible", allowed=("ansible.module_utils", f"{UTILS}._ansible", f"{UTILS}._core"), task_words=True)
PLUGIN = Layer(
    "plugin",
    allowed=("ansible", f"{PLUGINS}.plugin_utils", f"{UTILS}._core", f"{UTILS}._domain", *PROVIDER_PACKAGES),
)
# What inventory plugins share. It may look at expressions as ansible-core does.
PLUGIN_UTILS = Layer("plugin_utils", allowed=(*PLUGIN.allowed, "jinja2"))
FRAGMENT = Layer("doc_fragment")
# The rulebook engine runs a source by its path: it finds what the sources share beside it, but not the collection's module_utils.
EVENT_SOURCE = Layer("event source", allowed=("cloudops_sources",), sdk=SDKS)


def layer_of(path: PurePosixPath) -> Layer | None:
    """Return the layer of a file, by its place in the checkout; None for a place that no rule knows."""
    match path.parts:
        case ("plugins", "modules", _):
            return MODULE
        case ("plugins", "module_utils", "_core", *_):
            return CORE
        case ("plugins", "module_utils", "_domain", *_):
            return DOMAIN
        case ("plugins", "module_utils", "_ansible", *_):
            return ANSIBLE
        case ("plugins", "module_utils", provider, *_) if provider in PROVIDERS:
            own = f"{UTILS}.{provider}"
            return Layer(provider, (own, f"{UTILS}._core", f"{UTILS}._domain"), sdk=PROVIDERS[provider])
        case ("plugins", "doc_fragments", _):
            return FRAGMENT
        case ("plugins", "filter" | "test" | "lookup" | "inventory" | "callback" | "action", _):
            return PLUGIN
        case ("plugins", "plugin_utils", _):
            return PLUGIN_UTILS
        case ("extensions", "eda", "plugins", "event_source", _) | (
            "extensions",
            "eda",
            "plugins",
            "module_utils",
            "cloudops_sources",
            _,
        ):
            return EVENT_SOURCE
    return None


@dataclass(frozen=True)
class Import:
    """One imported name, fully dotted, and whether the file survives without it."""

    name: str
    line: int
    guarded: bool


def imports_of(tree: ast.Module, path: PurePosixPath) -> Iterator[Import]:
    """Yield every import at any depth; ``from a import b`` yields ``a.b``."""
    package = ("ansible_collections", "cloudops", "core", *path.parts[:-1])

    def visit(node: ast.AST, guarded: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, guarded) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            origin = ".".join(part for part in (base, node.module) if part)
            yield from (Import(f"{origin}.{alias.name}", node.lineno, guarded) for alias in node.names)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, guarded or _guards(node, child))

    return visit(tree, False)


def _guards(node: ast.AST, child: ast.AST) -> bool:
    """Say whether a missing package below ``child`` leaves the file importable."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return True
    if isinstance(node, ast.If):
        return child in node.body and ast.unparse(node.test).endswith("TYPE_CHECKING")
    if isinstance(node, ast.Try):
        caught = {ast.unparse(handler.type) for handler in node.handlers if handler.type}
        return child in node.body and bool(caught & {"ImportError", "ModuleNotFoundError"})
    return False


def _is(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def _import_violations(layer: Layer, path: PurePosixPath, imports: list[Import]) -> Iterator[tuple[int, str]]:
    for found in imports:
        name = found.name
        if _is(name, THREADS):
            if path.parts[2:] != ("_core", "fanout.py"):
                yield found.line, f"threads are _core/fanout.py's alone: {name}"
        elif _is(name, layer.sdk):
            if layer is not EVENT_SOURCE and not found.guarded:
                yield found.line, f"import of an SDK without a guard: {name}"
        elif _is(name, layer.forbidden):
            yield found.line, f"{layer.name} is pure: {name}"
        elif name.partition(".")[0] not in sys.stdlib_module_names and not _is(name, layer.allowed):
            yield found.line, f"{layer.name} may not import {name}"
    if layer.one_provider:
        used = {provider for provider in PROVIDER_PACKAGES for found in imports if _is(found.name, (provider,))}
        if len(used) > 1:
            yield 1, f"more than one provider: {', '.join(sorted(name.rpartition('.')[2] for name in used))}"


def _name_violations(layer: Layer, node: ast.AST) -> Iterator[tuple[int, str]]:
    match node:
        case ast.Attribute(attr=word, lineno=line) | ast.Name(id=word, lineno=line) | ast.arg(arg=word, lineno=line):
            if word in TASK_WORDS and not layer.task_words:
                yield line, f"only _ansible and modules say {word}"
    match node:
        case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called), lineno=line):
            if called in {"import_module", "__import__"}:
                yield line, f"hides an import: {called}"
            if layer.pure and called in IMPURE_CALLS:
                yield line, f"{layer.name} is pure: {called}()"


def violations(path: PurePosixPath, source: str) -> list[str]:
    """Return what a file of the collection does against the rules, one line each."""
    if path.name == "__init__.py":
        return [f"{path}:1: has to be empty"] if source else []
    layer = layer_of(path)
    if layer is None:
        return [f"{path}:1: no rule knows this place; add it to the rules or move the file"]
    tree = ast.parse(source)
    found = list(_import_violations(layer, path, list(imports_of(tree, path))))
    found += [problem for node in ast.walk(tree) for problem in _name_violations(layer, node)]
    return [f"{path}:{line}: {text}" for line, text in sorted(found)]


def python_files() -> list[PurePosixPath]:
    """Return the collection's own Python files, relative to the checkout."""
    tops = (CHECKOUT / "plugins", CHECKOUT / "extensions" / "eda" / "plugins")
    return sorted(PurePosixPath(file.relative_to(CHECKOUT)) for top in tops for file in top.rglob("*.py"))


def test_the_collection_keeps_the_rules() -> None:
    files = python_files()
    assert files, "found no plugin: the rules would check nothing"
    assert [line for file in files for line in violations(file, (CHECKOUT / file).read_text("utf-8"))] == []


def test_module_utils_are_packages() -> None:
    utils = [file for file in python_files() if file.parts[:2] == ("plugins", "module_utils")]
    assert [
        folder for folder in {file.parent for file in utils} if not (CHECKOUT / folder / "__init__.py").is_file()
    ] == []


MODULE_PATH = "plugins/modules/a.py"
DOMAIN_PATH = "plugins/module_utils/_domain/a.py"
AWS_PATH = "plugins/module_utils/_aws/a.py"
FILTER_PATH = "plugins/filter/a.py"
SOURCE_PATH = "extensions/eda/plugins/event_source/a.py"


@pytest.mark.parametrize(
    ("path", "source"),
    [
        pytest.param(MODULE_PATH, "from ansible.module_utils.basic import AnsibleModule", id="module-AnsibleModule"),
        pytest.param(MODULE_PATH, f"from {UTILS}._ansible.runner import run", id="module-ansible"),
        pytest.param(
            MODULE_PATH, f"from {UTILS}._aws.s3 import A\nfrom {UTILS}._aws import b", id="module-one-provider"
        ),
        pytest.param(MODULE_PATH, "from ..module_utils._domain.buckets import plan", id="module-relative"),
        pytest.param(MODULE_PATH, "module.exit_json(changed=module.check_mode)", id="module-task-words"),
        pytest.param("plugins/module_utils/_core/a.py", "import json\nfrom .plan import Plan", id="core-stdlib-own"),
        pytest.param(
            "plugins/module_utils/_core/fanout.py", "import concurrent.futures, threading", id="fanout-threads"
        ),
        pytest.param(DOMAIN_PATH, f"import re\nfrom {UTILS}._core.plan import Plan\nfrom . import b", id="domain"),
        pytest.param(DOMAIN_PATH, "def f(now: datetime) -> bool: return now > then", id="domain-takes-the-clock"),
        pytest.param(AWS_PATH, "try:\n    import boto3\nexcept ImportError:\n    boto3 = None", id="aws-guarded"),
        pytest.param(AWS_PATH, "if TYPE_CHECKING:\n    from botocore.client import BaseClient", id="aws-types-only"),
        pytest.param(AWS_PATH, "def f():\n    from botocore.config import Config", id="aws-when-called"),
        pytest.param(AWS_PATH, f"from {UTILS}._domain.buckets import Bucket", id="aws-domain"),
        pytest.param(
            "plugins/module_utils/_ansible/a.py",
            f"from ansible.module_utils.basic import env_fallback\nfrom {UTILS}._core.plan import Plan\nm.fail_json()",
            id="ansible",
        ),
        pytest.param(FILTER_PATH, f"from ansible.errors import A\nfrom {UTILS}._domain.schedule import b", id="filter"),
        pytest.param("plugins/inventory/a.py", f"from {UTILS}._aws.ec2 import Gateway", id="inventory-provider"),
        pytest.param("plugins/inventory/a.py", f"from {PLUGINS}.plugin_utils.b import B", id="inventory-plugin-utils"),
        pytest.param("plugins/plugin_utils/a.py", f"import jinja2\nfrom {UTILS}._aws.ec2 import B", id="plugin-utils"),
        pytest.param("plugins/doc_fragments/aws.py", "class ModuleDocFragment: pass", id="fragment"),
        pytest.param(SOURCE_PATH, "import asyncio\nimport boto3", id="event-source"),
        pytest.param("plugins/module_utils/_core/__init__.py", "", id="empty-init"),
    ],
)
def test_allows(path: str, source: str) -> None:
    assert violations(PurePosixPath(path), source) == []


@pytest.mark.parametrize(
    ("path", "source", "expected"),
    [
        pytest.param(MODULE_PATH, f"from {UTILS}._core.plan import Plan", "module may not import", id="module-core"),
        pytest.param(MODULE_PATH, "import boto3", "module may not import boto3", id="module-sdk"),
        pytest.param(
            MODULE_PATH,
            f"from {UTILS}._aws.s3 import A\nfrom {UTILS}._k8s.b import B",
            "more than one provider: _aws, _k8s",
            id="module-two-providers",
        ),
        pytest.param(
            MODULE_PATH, "from ansible.module_utils.urls import open_url", "may not import ansible", id="module-urls"
        ),
        pytest.param(
            MODULE_PATH, "from ..module_utils._core import plan", "module may not import", id="module-relative"
        ),
        pytest.param(
            MODULE_PATH, "def f():\n    import threading", ":2: threads are _core/fanout.py's", id="module-threads"
        ),
        pytest.param(MODULE_PATH, "importlib.import_module('boto3')", "hides an import", id="module-hidden-import"),
        pytest.param(
            "plugins/module_utils/_core/a.py", "import yaml", "_core may not import yaml", id="core-third-party"
        ),
        pytest.param(
            "plugins/module_utils/_core/a.py", "from .._domain import b", "_core may not import", id="core-domain"
        ),
        pytest.param(
            "plugins/module_utils/_core/wait.py", "from concurrent.futures import A", "threads", id="core-threads"
        ),
        pytest.param(
            "plugins/module_utils/_core/a.py", "module.fail_json()", "only _ansible and modules", id="core-words"
        ),
        pytest.param(DOMAIN_PATH, "import botocore.exceptions", "_domain may not import", id="domain-sdk"),
        pytest.param(DOMAIN_PATH, f"from {UTILS}._core.wait import poll", "_domain may not import", id="domain-wait"),
        pytest.param(DOMAIN_PATH, f"from {UTILS}._core import fanout", "_domain may not import", id="domain-fanout"),
        pytest.param(DOMAIN_PATH, "from .._aws.s3 import Gateway", "_domain may not import", id="domain-provider"),
        pytest.param(DOMAIN_PATH, "import os.path", "_domain is pure: os.path", id="domain-io"),
        pytest.param(DOMAIN_PATH, "from time import monotonic", "_domain is pure: time", id="domain-time"),
        pytest.param(DOMAIN_PATH, "datetime.now(timezone.utc)", "_domain is pure: now()", id="domain-clock"),
        pytest.param(DOMAIN_PATH, "def f(check_mode): pass", "say check_mode", id="domain-argument"),
        pytest.param(AWS_PATH, "import boto3", "without a guard: boto3", id="aws-unguarded"),
        pytest.param(
            AWS_PATH,
            "try:\n    x = 1\nexcept ImportError:\n    from botocore.config import Config",
            "without a guard",
            id="aws-in-the-handler",
        ),
        pytest.param(
            AWS_PATH, "try:\n    import boto3\nexcept OSError:\n    pass", "without a guard", id="aws-wrong-guard"
        ),
        pytest.param(AWS_PATH, "from .._k8s.client import A", "_aws may not import", id="aws-other-provider"),
        pytest.param(AWS_PATH, "import kubernetes", "_aws may not import kubernetes", id="aws-other-sdk"),
        pytest.param(AWS_PATH, "from .._ansible.runner import A", "_aws may not import", id="aws-ansible"),
        pytest.param(
            AWS_PATH, "from ansible.module_utils.basic import A", "_aws may not import", id="aws-ansible-core"
        ),
        pytest.param(
            "plugins/module_utils/_ansible/a.py", "from .._aws.s3 import A", "_ansible may not import", id="ansible-aws"
        ),
        pytest.param(
            FILTER_PATH, f"from {UTILS}._ansible import argspec", "plugin may not import", id="filter-ansible"
        ),
        pytest.param(FILTER_PATH, "import boto3", "plugin may not import boto3", id="filter-sdk"),
        pytest.param("plugins/inventory/a.py", "import jinja2", "plugin may not import jinja2", id="inventory-jinja"),
        pytest.param("plugins/plugin_utils/a.py", "import boto3", "plugin_utils may not import", id="plugin-utils-sdk"),
        pytest.param(
            "plugins/plugin_utils/a.py",
            f"from {UTILS}._ansible import b",
            "plugin_utils may not",
            id="plugin-utils-task",
        ),
        pytest.param("plugins/doc_fragments/aws.py", "import yaml", "doc_fragment may not import", id="fragment"),
        pytest.param(SOURCE_PATH, f"from {UTILS}._core.wait import A", "event source may not", id="event-source-utils"),
        pytest.param(SOURCE_PATH, "from ansible.errors import A", "event source may not", id="event-source-ansible"),
        pytest.param("plugins/module_utils/_aws/__init__.py", "import json", "has to be empty", id="init"),
        pytest.param("plugins/module_utils/helpers.py", "", "no rule knows this place", id="unknown-place"),
        pytest.param("plugins/module_utils/_oracle/a.py", "", "no rule knows this place", id="unknown-provider"),
    ],
)
def test_refuses(path: str, source: str, expected: str) -> None:
    found = violations(PurePosixPath(path), source)
    assert len(found) == 1
    assert expected in found[0]
