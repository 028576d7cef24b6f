# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the connection options to what the kubernetes package needs to know: the server, who asks, and whom to trust."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Denied, Invalid
from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import Turn

try:
    from kubernetes.client.configuration import Configuration
    from kubernetes.config import incluster_config, kube_config
    from kubernetes.config.config_exception import ConfigException

    # Their newer versions have type hints in some places only.
    FILES: Any = kube_config
    POD: Any = incluster_config
except ImportError:  # the modules report it with missing_required_lib
    pass

_WRITING = Turn()
DEFAULT_KUBECONFIG = "~/.kube/config"
DEFAULT_NAMESPACE = "default"
# Where a pod finds the namespace of its service account.
POD_NAMESPACE = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
# What the package lets through when a kubeconfig isn't as it should be.
_BROKEN = (OSError, ValueError, TypeError, LookupError, AttributeError)


@dataclass(frozen=True)
class Connection:
    """Who asks, and whom. Values that are not given are the kubeconfig's."""

    kubeconfig: str | Mapping[str, Any] | None = field(default=None, repr=False)
    context: str | None = None
    host: str | None = None
    api_key: str | None = field(default=None, repr=False)
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    validate_certs: bool | None = None
    ca_cert: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    proxy: str | None = None
    impersonate_user: str | None = None
    impersonate_groups: tuple[str, ...] = ()

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Connection:
        """From a module's options."""
        values: dict[str, Any] = {name: params.get(name) or None for name in cls.__dataclass_fields__}
        values["validate_certs"] = params.get("validate_certs")
        values["impersonate_groups"] = tuple(params.get("impersonate_groups") or ())
        return cls(**values)


@dataclass(frozen=True)
class Opened:
    """A connection with everything looked up.

    :param configuration: the kubernetes package's own. It forgets what is overridden as soon as it is asked for credentials.
    :param host: URL of the server, without a slash at its end.
    :param namespace: the context's, for what names none.
    """

    configuration: Any
    host: str
    namespace: str


def open_connection(connection: Connection) -> Opened:
    """Look up server, credentials and trust.

    :raises Invalid: for a kubeconfig or a context that isn't there, naming the option.
    :raises Denied: when the kubeconfig's own program for credentials fails.
    """
    configuration = Configuration()
    namespace = DEFAULT_NAMESPACE
    if connection.host is None or connection.kubeconfig is not None or connection.context is not None:
        namespace = _load(connection, configuration)
    _override(connection, configuration)
    host = str(configuration.host).rstrip("/")
    if not host.startswith(("http://", "https://")):
        raise Invalid(f"host is {host!r}", hint="It begins with https:// (or http://) and names a server.")
    return Opened(configuration, host, namespace)


def _load(connection: Connection, configuration: Any) -> str:
    """Read the kubeconfig or the pod's service account into the configuration; return the namespace."""
    if isinstance(connection.kubeconfig, Mapping):
        return _load_kubeconfig(connection, configuration, {"config_dict": dict(connection.kubeconfig)}, "kubeconfig")
    given = connection.kubeconfig
    path = given or os.environ.get("KUBECONFIG") or DEFAULT_KUBECONFIG
    there = [part for part in map(os.path.expanduser, path.split(os.pathsep)) if part and os.path.exists(part)]
    if there:
        return _load_kubeconfig(connection, configuration, {"filename": os.pathsep.join(there)}, path)
    if given is None and connection.context is None and os.environ.get("KUBERNETES_SERVICE_HOST"):
        return _load_pod(configuration)
    source = "kubeconfig" if given else "KUBECONFIG" if os.environ.get("KUBECONFIG") else "the default kubeconfig"
    raise Invalid(
        f"{source}: there is no {path}",
        operation="read the kubeconfig",
        code="NoKubeconfig",
        hint="Set kubeconfig (or K8S_AUTH_KUBECONFIG, KUBECONFIG) to a file on the host that runs the module, or host and api_key.",
    )


def _load_pod(configuration: Any) -> str:
    try:
        POD.load_incluster_config(client_configuration=configuration)
        with open(POD_NAMESPACE, encoding="utf-8") as file:
            return file.read().strip() or DEFAULT_NAMESPACE
    except (ConfigException, OSError) as error:
        raise Invalid(
            f"the pod's service account can't be used: {error}",
            operation="read the service account",
            code="NoServiceAccount",
            hint="Set automountServiceAccountToken on the pod, or give kubeconfig, or host and api_key.",
        ) from error


def _load_kubeconfig(connection: Connection, configuration: Any, source: Mapping[str, Any], shown: str) -> str:
    said: list[str] = []
    try:
        with _listening(said):
            loader = FILES._get_kube_config_loader(**source, active_context=connection.context)
            _set_up(loader, configuration)
    except ConfigException as error:
        raise _config_error(error, connection, source, shown) from error
    except (*_BROKEN, FILES.yaml.YAMLError) as error:
        raise _unreadable(error, shown) from error
    context = loader.current_context.get("context") or {}
    _require_credentials(connection, configuration, said, shown)
    return str(context.get("namespace") or DEFAULT_NAMESPACE)


def _set_up(loader: Any, configuration: Any) -> None:
    """What the package's load_and_set does, for several clusters at once: a program for credentials may take its time.

    What a kubeconfig holds as data becomes files, which the package shares by content and names before they are written. Contexts of one
    cluster have the same authority, and would find it empty.
    """
    loader._load_authentication()
    with _WRITING:
        loader._load_cluster_info()
        loader._set_config(configuration)


def _require_credentials(connection: Connection, configuration: Any, said: list[str], shown: str) -> None:
    """The package only logs that a program for credentials failed, and goes on as nobody."""
    if said and not configuration.api_key and not configuration.cert_file and connection.api_key is None:
        raise Denied(
            f"{shown}: its program for credentials fails: {'; '.join(said)}",
            operation="get credentials",
            code="ExecPlugin",
            hint="Run the program of the kubeconfig's user by hand on the host that runs the module.",
        )


@contextmanager
def _listening(said: list[str]) -> Iterator[None]:
    """Collect what the package logs in this thread, which would otherwise appear on standard error, where a module must not write."""
    this_thread = logging.makeLogRecord({}).thread

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.thread == this_thread:
                said.append(record.getMessage())

    listener, root = Listener(logging.ERROR), logging.getLogger()
    root.addHandler(listener)
    try:
        yield
    finally:
        root.removeHandler(listener)


def _config_error(error: Exception, connection: Connection, source: Mapping[str, Any], shown: str) -> Invalid:
    contexts = _contexts(source)
    wanted = connection.context
    if contexts is not None and wanted is not None and wanted not in contexts:
        return Invalid(
            f"context: there is no context {wanted} in {shown}; there are {', '.join(contexts) or 'none'}",
            operation="read the kubeconfig",
            code="NoContext",
            hint="Set context (or K8S_AUTH_CONTEXT) to one of them.",
        )
    if contexts and wanted is None and "current-context" in str(error):
        return Invalid(
            f"{shown} has no current context; there are {', '.join(contexts)}",
            operation="read the kubeconfig",
            code="NoContext",
            hint="Set context (or K8S_AUTH_CONTEXT) to one of them.",
        )
    return _unreadable(error, shown)


def _unreadable(error: Exception, shown: str) -> Invalid:
    return Invalid(
        f"{shown} can't be used: {' '.join(str(error).split())}",
        operation="read the kubeconfig",
        code=type(error).__name__,
        hint="Check it with: kubectl config view.",
    )


def _contexts(source: Mapping[str, Any]) -> list[str] | None:
    """Names of the contexts that there are; None when not even that can be read."""
    try:
        if "config_dict" in source:
            entries = source["config_dict"].get("contexts") or []
        else:
            entries = FILES.KubeConfigMerger(source["filename"]).config.value["contexts"]
        return [str(entry["name"]) for entry in entries]
    except (ConfigException, *_BROKEN):
        return None


def _override(connection: Connection, configuration: Any) -> None:
    """What is given as an option wins over the kubeconfig."""
    options = {
        "host": connection.host.rstrip("/") if connection.host else None,
        "ssl_ca_cert": connection.ca_cert,
        "cert_file": connection.client_cert,
        "key_file": connection.client_key,
        "proxy": connection.proxy,
        "verify_ssl": connection.validate_certs,
    }
    for name, value in options.items():
        if value is not None:
            setattr(configuration, name, value)
    for option, path in (
        ("ca_cert", connection.ca_cert),
        ("client_cert", connection.client_cert),
        ("client_key", connection.client_key),
    ):
        if path and not os.path.isfile(path):
            raise Invalid(f"{option}: there is no file {path}", hint="Name a file of the host that runs the module.")
