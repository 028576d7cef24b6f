# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients of AWS services, made from the connection options that every aws module has, and the count of the calls that they make."""

from __future__ import annotations

import os
import traceback
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._aws.errors import aws_errors
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import SharedCounter, Turn

BOTO3_IMPORT_ERROR: str | None
try:
    import boto3
    import botocore.session
    from botocore.config import Config
    from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
    from botocore.exceptions import NoCredentialsError
    from botocore.utils import parse_timestamp

    BOTO3_IMPORT_ERROR = None
except ImportError:
    BOTO3_IMPORT_ERROR = traceback.format_exc()

USER_AGENT = "cloudops.core"
MAX_ATTEMPTS = 5


@dataclass(frozen=True)
class Connection:
    """Who asks, and whom. Values that are not given are left to boto3's own chain."""

    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    profile: str | None = None
    region: str | None = None
    endpoint_url: str | None = None
    aws_ca_bundle: str | None = None
    validate_certs: bool = True
    aws_config: Mapping[str, Any] = field(default_factory=dict, repr=False)
    assume_role_arn: str | None = None
    external_id: str | None = field(default=None, repr=False)

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Connection:
        """From a module's options, filled up from the variables that boto3 itself doesn't read.

        Keys from the environment count only where no profile was named: a profile that somebody asked for wins over them.
        """
        values: dict[str, Any] = {name: params.get(name) or None for name in cls.__dataclass_fields__}
        if not values["profile"] and not values["access_key"]:
            _keys_from_environment(values)
        values["region"] = values["region"] or _first_of("AWS_REGION", "AWS_DEFAULT_REGION")
        values["endpoint_url"] = values["endpoint_url"] or _first_of("AWS_URL")
        values["aws_config"] = values["aws_config"] or {}
        values["validate_certs"] = params.get("validate_certs", True) is not False
        return cls(**values)


def _first_of(*names: str) -> str | None:
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


def _keys_from_environment(values: dict[str, Any]) -> None:
    """Only where one of the older names is in use: boto3 reads the newer ones itself, and in its own order."""
    if _first_of("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        return
    if os.environ.get("AWS_ACCESS_KEY_ID") and os.environ.get("AWS_SECRET_ACCESS_KEY"):
        return
    access_key = _first_of("AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY")
    secret_key = _first_of("AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY")
    if access_key and secret_key:
        values["access_key"], values["secret_key"] = access_key, secret_key
        values["session_token"] = values["session_token"] or _first_of("AWS_SESSION_TOKEN")


class CallCounter(SharedCounter):
    """Counts requests as they leave, retries included: that is what the provider bills and throttles."""

    def watch(self, client: Any) -> None:
        """Count this client's requests, too."""
        client.meta.events.register("before-send", self._count)

    def _count(self, event_name: str, **_kwargs: Any) -> None:
        self.add(event_name.rsplit(".", 1)[-1])


class _PartialModels:
    """botocore's loader of models, which leaves out what is never called."""

    def __init__(self, loader: Any, only: Mapping[str, Collection[str]]) -> None:
        self._loader = loader
        self._only = only

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        """A model; that of the service itself with the wanted operations only."""
        model = self._loader.load_service_model(service_name, type_name, api_version)
        if type_name != "service-2" or service_name not in self._only:
            return model
        operations = {name: model["operations"][name] for name in self._only[service_name]}
        return {**model, "operations": operations}


class Clients:
    """Makes clients, one for each service and region, and keeps them: clients are safe to share between threads.

    :param pool: connections that a client may hold open; as many as there are workers.
    :param like: other clients, of another account: what they have read of the services' models isn't read again.
    :param only: operations that are called, by service. botocore makes a method for each operation of a service, and EC2 has 800: a
        client for two of them costs a third. Clients that are ``like`` others have theirs.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        pool: int = 10,
        like: Clients | None = None,
        only: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        self.connection = connection
        self._like = like
        self._only = only
        self.calls = CallCounter()
        self._pool = pool
        self._clients: dict[tuple[str, str, str], Any] = {}
        self._opened: Any = None
        self._turn = Turn()

    @property
    def _session(self) -> Any:
        """Opened when it is first needed, so that making Clients never fails."""
        with self._turn:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    def _open(self) -> Any:
        with aws_errors("read the AWS configuration", self.connection.profile or ""):
            opened = _session(self.connection)
        if self._like is not None:
            models = self._like._session._session.get_component("data_loader")
            opened._session.register_component("data_loader", models)
        elif self._only:
            models = _PartialModels(opened._session.get_component("data_loader"), self._only)
            opened._session.register_component("data_loader", models)
        return opened

    @property
    def region(self) -> str | None:
        """The region of the connection, or else of its profile."""
        return self.connection.region or self._session.region_name

    def client(self, service: str, region: str | None = None, **config: Any) -> Any:
        """A client for a service, in ``region`` or else in the connection's own.

        :raises Invalid: when no region is known from anywhere and the endpoint isn't given either.
        """
        region = region or self.region
        if region is None:
            if not self._has_endpoint():
                raise Invalid(
                    "no AWS region is known",
                    code="NoRegion",
                    hint="Set the region option, AWS_REGION, or a region in the profile.",
                )
            region = "us-east-1"
        key = (service, region, repr(sorted(config.items())))
        with self._turn:  # a session makes its clients for one thread at a time
            if key not in self._clients:
                self._clients[key] = self._make(service, region, config)
                self.calls.watch(self._clients[key])
            return self._clients[key]

    def _has_endpoint(self) -> bool:
        """Whether an endpoint is given by any of the ways that boto3 knows."""
        if self.connection.endpoint_url or any(name.startswith("AWS_ENDPOINT_URL") for name in os.environ):
            return True
        return "endpoint_url" in self._session._session.get_scoped_config()

    def _make(self, service: str, region: str, config: dict[str, Any]) -> Any:
        with aws_errors(f"connect to {service}", region):
            base = _config(self.connection, self._pool)
            if "s3" in config:  # merge() would replace the whole of it
                config = {**config, "s3": {**(base.s3 or {}), **config["s3"]}}
            return self._session.client(
                service,
                region_name=region,
                endpoint_url=self.connection.endpoint_url,
                verify=_verify(self.connection),
                config=base.merge(Config(**config)),
            )


def _verify(connection: Connection) -> Any:
    """None leaves the choice of authorities to boto3, which reads AWS_CA_BUNDLE; an empty one would turn verification off."""
    if not connection.validate_certs:
        return False
    return connection.aws_ca_bundle or (True if os.environ.get("AWS_CA_BUNDLE") == "" else None)


def _config(connection: Connection, pool: int) -> Any:
    config = Config(
        retries={"mode": "standard", "total_max_attempts": MAX_ATTEMPTS},
        max_pool_connections=pool,
        user_agent_extra=USER_AGENT,
        connect_timeout=10,
    )
    try:
        return config.merge(Config(**dict(connection.aws_config)))
    except TypeError as error:
        raise Invalid(f"aws_config: {error}", hint="Its keys are the arguments of botocore.config.Config.") from error


def _session(connection: Connection) -> Any:
    if connection.session_token and not connection.access_key:
        raise Invalid("session_token is given without keys", hint="Give access_key and secret_key with session_token.")
    if bool(connection.access_key) != bool(connection.secret_key):
        raise Invalid("half a key pair is given", hint="Give both access_key and secret_key.")
    session = boto3.session.Session(
        botocore_session=_botocore_session(),
        aws_access_key_id=connection.access_key,
        aws_secret_access_key=connection.secret_key,
        aws_session_token=connection.session_token,
        profile_name=connection.profile,
        region_name=connection.region,
    )
    return _assume_role(session, connection) if connection.assume_role_arn else session


def _botocore_session() -> Any:
    """A session that reads times the quick way: dateutil takes half of the time that it takes to read a listing of 1,000 versions."""
    session = botocore.session.Session()
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_quick_timestamp)
    return session


def _quick_timestamp(value: Any) -> Any:
    """ISO 8601 and seconds since 1970 by the standard library; everything else as botocore reads it."""
    if isinstance(value, (int, float)):
        return datetime.fromtimestamp(value, timezone.utc)
    if isinstance(value, str) and "T" in value:
        try:
            moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:
            return parse_timestamp(value)
        return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return parse_timestamp(value)


def _assume_role(session: Any, connection: Connection) -> Any:
    """A session with the role's credentials, which renew themselves: emptying a large bucket outlives a single hour."""

    # Other servers answer STS at the endpoint that they answer everything else at; Amazon's endpoints serve one service each.
    theirs = ".amazonaws.com" in (connection.endpoint_url or "")

    def make_client(service: str, **kwargs: Any) -> Any:
        return session.client(
            service,
            endpoint_url=None if theirs else connection.endpoint_url,
            verify=_verify(connection),
            config=_config(connection, 10),
            **kwargs,
        )

    credentials = session.get_credentials()
    if credentials is None:
        raise NoCredentialsError()
    extra = {"RoleSessionName": USER_AGENT}
    if connection.external_id:
        extra["ExternalId"] = connection.external_id
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=make_client,
        source_credentials=credentials,
        role_arn=connection.assume_role_arn or "",
        extra_args=extra,
    )
    assumed = boto3.session.Session(botocore_session=_botocore_session(), region_name=session.region_name)
    assumed._session._credentials = DeferredRefreshableCredentials(  # type: ignore[attr-defined]
        method="assume-role", refresh_using=fetcher.fetch_credentials
    )
    return assumed
