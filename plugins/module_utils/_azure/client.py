# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to a storage account: which one, with whose credentials, and a count of the calls."""

from __future__ import annotations

import base64
import binascii
import logging
import os
import re
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ansible_collections.cloudops.core.plugins.module_utils._azure.errors import azure_errors
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import SharedCounter, Turn

BLOB_IMPORT_ERROR: str | None
try:
    from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential
    from azure.core.pipeline.transport import RequestsTransport
    from azure.storage.blob import BlobServiceClient, ExponentialRetry

    BLOB_IMPORT_ERROR = None
except ImportError:
    BLOB_IMPORT_ERROR = traceback.format_exc()

USER_AGENT = "cloudops.core"
# https://learn.microsoft.com/azure/developer/python/sdk/authentication/sovereign-domains
CLOUDS = {
    "AzureCloud": ("core.windows.net", "login.microsoftonline.com"),
    "AzureChinaCloud": ("core.chinacloudapi.cn", "login.chinacloudapi.cn"),
    "AzureUSGovernment": ("core.usgovcloudapi.net", "login.microsoftonline.us"),
}
_KEYS = ("account_key", "sas_token", "connection_string")
_IDENTITY = ("tenant", "client_id", "secret", "x509_certificate_path")
_STORAGE_VARIABLES = {
    "connection_string": "AZURE_STORAGE_CONNECTION_STRING",
    "account_key": "AZURE_STORAGE_KEY",
    "sas_token": "AZURE_STORAGE_SAS_TOKEN",
}
_IDENTITY_VARIABLES = {
    "tenant": ("AZURE_TENANT", "AZURE_TENANT_ID"),
    "client_id": ("AZURE_CLIENT_ID",),
    "secret": ("AZURE_SECRET", "AZURE_CLIENT_SECRET"),
}


@dataclass(frozen=True)
class Connection:
    """Which account, and who asks. Exactly one of key, signature, connection string and identity is in use.

    :param auth_source: where an identity comes from: auto, cli, env or msi.
    """

    url: str = ""
    account: str = ""
    account_key: str | None = field(default=None, repr=False)
    sas_token: str | None = field(default=None, repr=False)
    connection_string: str | None = field(default=None, repr=False)
    auth_source: str = "auto"
    tenant: str | None = None
    client_id: str | None = None
    secret: str | None = field(default=None, repr=False)
    certificate: str | None = None
    authority: str = CLOUDS["AzureCloud"][1]
    validate_certs: bool = True
    api_version: str | None = None
    retries: int = 4
    timeout: int = 60

    @property
    def uses_identity(self) -> bool:
        """Whether azure-identity is needed."""
        return not (self.account_key or self.sas_token or self.connection_string)

    @classmethod
    def from_params(cls, params: Mapping[str, Any], environment: Mapping[str, str]) -> Connection:
        """From a module's options, filled up from the environment.

        :raises Invalid: for what contradicts itself or is missing; the message has no secret in it.
        """
        given: dict[str, Any] = {name: params.get(name) or None for name in (*_KEYS, *_IDENTITY)}
        _check_credentials(given, params)
        _fill_up(given, params["auth_source"], environment)
        url, account = ("", "") if given["connection_string"] else _endpoint(params, environment)
        connection = cls(
            url=url,
            account=account,
            auth_source=params["auth_source"],
            tenant=given["tenant"],
            client_id=given["client_id"],
            secret=given["secret"],
            certificate=given["x509_certificate_path"],
            authority=CLOUDS[params["cloud_environment"]][1],
            validate_certs=params["cert_validation_mode"] != "ignore",
            api_version=params["api_version"],
            retries=params["retries"],
            timeout=params["timeout"],
            account_key=given["account_key"],
            sas_token=(given["sas_token"] or "").lstrip("?") or None,
            connection_string=given["connection_string"],
        )
        _check(connection)
        return connection


def _check_credentials(given: Mapping[str, Any], params: Mapping[str, Any]) -> None:
    """One way to sign in, and a whole one."""
    ways = [name for name in _KEYS if given[name]]
    identity = [name for name in ("secret", "x509_certificate_path", "tenant", "client_id") if given[name]]
    if ways:
        ways += identity[:1] or [f"auth_source: {params['auth_source']}"] * (params["auth_source"] != "auto")
    if len(ways) > 1:
        raise Invalid(f"{' and '.join(ways)} exclude each other", hint="Give one way to sign in.")
    if given["connection_string"]:
        both = [name for name in ("storage_account_name", "account_url") if params[name]]
        if both:
            raise Invalid(
                f"connection_string names the account and its endpoint; {' and '.join(both)} can't be given, too",
                hint="Leave it out, or sign in with account_key or sas_token.",
            )
    if given["secret"] and given["x509_certificate_path"]:
        raise Invalid("secret and x509_certificate_path exclude each other", hint="Give one of them.")
    proof = "secret" if given["secret"] else "x509_certificate_path" if given["x509_certificate_path"] else ""
    missing = [name for name in ("tenant", "client_id") if proof and not given[name]]
    if missing:
        raise Invalid(f"{proof} needs {' and '.join(missing)}, too", hint="Give all three of a service principal.")
    if proof and params["auth_source"] != "auto":
        raise Invalid(
            f"{proof} contradicts auth_source: {params['auth_source']}",
            hint="Leave auth_source out, or the credentials.",
        )


def _fill_up(given: dict[str, Any], auth_source: str, environment: Mapping[str, str]) -> None:
    """What the environment has, where the options say nothing of credentials."""
    if any(given.values()) or auth_source in ("cli", "msi"):
        return
    if auth_source == "auto":
        for name, variable in _STORAGE_VARIABLES.items():
            if environment.get(variable):
                given[name] = environment[variable]
                return
    for name, variables in _IDENTITY_VARIABLES.items():
        given[name] = next((environment[variable] for variable in variables if environment.get(variable)), None)
    if auth_source == "auto" and not (given["secret"] and given["tenant"] and given["client_id"]):
        # DefaultAzureCredential reads the rest itself: certificates, workload identities.
        given["tenant"] = given["secret"] = None


def _endpoint(params: Mapping[str, Any], environment: Mapping[str, str]) -> tuple[str, str]:
    """URL and name of the account."""
    name = params["storage_account_name"] or ""
    url = params["account_url"] or ""
    if not (name or url):
        name = environment.get("AZURE_STORAGE_ACCOUNT", "")
        url = environment.get("AZURE_STORAGE_SERVICE_ENDPOINT", "")
    if not (name or url):
        raise Invalid(
            "no storage account is named",
            hint="Set storage_account_name, account_url or connection_string, or AZURE_STORAGE_ACCOUNT.",
        )
    if name and not re.fullmatch(r"[a-z0-9]{3,24}", name):
        raise Invalid(f"storage_account_name is {name!r}", hint="It has 3 to 24 lower-case letters and digits.")
    if not url:
        return f"https://{name}.blob.{CLOUDS[params['cloud_environment']][0]}", name
    return url.rstrip("/"), _account_of(url, name)


def _account_of(url: str, name: str) -> str:
    """The account's name, which a URL has in its host or, on emulators, as its path."""
    parts = _split(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Invalid(
            f"account_url is {url.partition('?')[0]!r}", hint="It begins with https:// (or http://) and names a host."
        )
    if parts.query or parts.fragment or parts.username:
        raise Invalid("account_url has more than scheme, host and path", hint="A signature goes into sas_token.")
    first, blob, _rest = parts.hostname.partition(".blob.")
    named = first.removesuffix("-secondary") if blob else parts.path.strip("/")
    if "/" in named:
        raise Invalid("account_url goes on after the account", hint="The container goes into name.")
    if name and named and name != named:
        raise Invalid(
            f"storage_account_name is {name}, and account_url leads to {named}", hint="Leave one of them out."
        )
    return name or named


def _split(url: str) -> Any:
    try:
        return urlsplit(url)
    except ValueError as error:
        raise Invalid("account_url isn't a URL", hint="Write https://, the host, and no more.") from error


def _check(connection: Connection) -> None:
    """What can be seen to be wrong without a call."""
    if connection.account_key is not None:
        try:
            base64.b64decode(connection.account_key, validate=True)
        except (binascii.Error, ValueError) as error:
            raise Invalid("account_key isn't base64 text", hint="Copy the whole key, with the = at its end.") from error
        if not connection.account:
            raise Invalid("account_key needs the name of the account", hint="Set storage_account_name, too.")
    if connection.sas_token is not None and "sig" not in parse_qs(connection.sas_token):
        raise Invalid("sas_token has no signature (sig=)", hint="Copy the whole token, without the URL before it.")
    if connection.uses_identity and connection.url.startswith("http://"):
        raise Invalid("an identity signs in over https only", hint="Set account_url to https://..., or account_key.")
    for name, value, lowest in (("retries", connection.retries, 0), ("timeout", connection.timeout, 1)):
        if value < lowest:
            raise Invalid(f"{name} is {value}; the smallest possible is {lowest}")
    if connection.api_version and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", connection.api_version):
        raise Invalid(f"api_version is {connection.api_version!r}", hint="Write a date, such as '2023-11-03'.")


def secrets_of(params: Mapping[str, Any], environment: Mapping[str, str]) -> Iterator[str]:
    """Texts that Ansible itself doesn't know to be secret: those of the environment, and the parts of longer ones."""
    variables = (*_STORAGE_VARIABLES.values(), *_IDENTITY_VARIABLES["secret"])
    texts = [environment[name] for name in variables if environment.get(name)]
    texts += [params[name] for name in (*_KEYS, "secret") if params.get(name)]
    for text in texts:
        yield text
        for part in re.split(r"[;&?]", text):
            name, found, value = part.partition("=")
            if found and name.lower() in ("accountkey", "sig", "sharedaccesssignature") and value:
                yield value


def operation_of(method: str, url: str) -> str:
    """The name that the REST reference has for a request."""
    query = parse_qs(urlsplit(url).query, keep_blank_values=True)
    part, kind = query.get("comp", [""])[0], query.get("restype", [""])[0]
    if part == "list":
        return "ListBlobs" if kind == "container" else "ListContainers"
    if part == "batch":
        return "SubmitBatch"
    verb = {"PUT": "Set", "DELETE": "Delete", "POST": "Post"}.get(method, "Get")
    if kind == "container":
        plain = {"PUT": "CreateContainer", "DELETE": "DeleteContainer"}.get(method, "GetContainerProperties")
        named = {"metadata": f"{verb}ContainerMetadata", "acl": f"{verb}ContainerAcl", "lease": "LeaseContainer"}
        return named.get(part, plain)
    if kind == "service":
        return "GetServiceProperties"
    return "LeaseBlob" if part == "lease" else f"{verb}Blob"


class Account:
    """One storage account: clients that share a pipeline, and the count of what they send.

    :param pool: connections to hold open; as many as there are workers.
    """

    def __init__(
        self, params: Mapping[str, Any], *, pool: int = 10, environment: Mapping[str, str] | None = None
    ) -> None:
        self._params = params
        self._environment = os.environ if environment is None else environment
        self._pool = max(pool, 1)
        self._connection: Connection | None = None
        self._service: Any = None
        self._turn = Turn()
        self.calls = SharedCounter()

    @property
    def connection(self) -> Connection:
        """The checked options. Looked at when first needed, so that making an Account never fails."""
        with self._turn:
            if self._connection is None:
                self._connection = Connection.from_params(self._params, self._environment)
            return self._connection

    @property
    def service(self) -> Any:
        """The client of the account."""
        with self._turn:
            if self._service is None:
                with azure_errors("read the connection options", "storage account"):
                    self._service = self._open(self.connection)
            return self._service

    def container(self, name: str) -> Any:
        """The client of a container."""
        return self.service.get_container_client(name)

    @property
    def is_azure(self) -> bool:
        """Whether this is Microsoft's own service."""
        return str(urlsplit(self.service.url).hostname).endswith(tuple(suffix for suffix, _login in CLOUDS.values()))

    def url_of(self, name: str) -> str:
        """The URL of a container, without a signature."""
        return f"{str(self.service.url).partition('?')[0].rstrip('/')}/{name}"

    def _open(self, connection: Connection) -> Any:
        # Without a handler of its own, a library's warnings go to standard error.
        logging.getLogger("azure").addHandler(logging.NullHandler())
        arguments: dict[str, Any] = {
            "retry_policy": ExponentialRetry(
                initial_backoff=0.3,  # type: ignore[arg-type]
                increment_base=1.5,  # type: ignore[arg-type]
                retry_total=connection.retries,
                retry_connect=connection.retries,
                retry_read=connection.retries,
                retry_status=connection.retries,
                random_jitter_range=0.2,  # type: ignore[arg-type]
            ),
            "transport": _transport(connection, self._pool),
            "raw_request_hook": self.count,
            "user_agent": USER_AGENT,
        }
        if connection.api_version:
            arguments["api_version"] = connection.api_version
        if connection.connection_string:
            return BlobServiceClient.from_connection_string(connection.connection_string, **arguments)
        return BlobServiceClient(connection.url, credential=credential_of(connection), **arguments)

    def count(self, request: Any) -> None:
        """Called by the SDK for every request that leaves, retries included."""
        self.calls.add(operation_of(request.http_request.method, request.http_request.url))


def _transport(connection: Connection, pool: int) -> Any:
    transport = RequestsTransport(
        connection_timeout=10, read_timeout=connection.timeout, connection_verify=connection.validate_certs
    )
    transport.open()
    for adapter in transport.session.adapters.values():
        adapter.init_poolmanager(pool, pool)
    return transport


def identity_import_error() -> str | None:
    """Why azure-identity can't be imported; None when it can. It takes half a second, so keys do without it."""
    try:
        import azure.identity  # noqa: F401
    except ImportError:
        return traceback.format_exc()
    return None


def credential_of(connection: Connection) -> Any:
    """What the SDK signs requests with."""
    if connection.account_key:
        return AzureNamedKeyCredential(connection.account, connection.account_key)
    if connection.sas_token:
        return AzureSasCredential(connection.sas_token)
    from azure import identity

    common = {"authority": connection.authority, "connection_verify": connection.validate_certs}
    if connection.secret and connection.tenant and connection.client_id:
        return identity.ClientSecretCredential(connection.tenant, connection.client_id, connection.secret, **common)
    if connection.certificate and connection.tenant and connection.client_id:
        return identity.CertificateCredential(
            connection.tenant, connection.client_id, certificate_path=connection.certificate, **common
        )
    if connection.auth_source == "cli":
        return identity.AzureCliCredential(tenant_id=connection.tenant or "")
    if connection.auth_source == "msi":
        return identity.ManagedIdentityCredential(client_id=connection.client_id)
    if connection.auth_source == "env":
        return identity.EnvironmentCredential(**common)
    return identity.DefaultAzureCredential(managed_identity_client_id=connection.client_id, **common)
