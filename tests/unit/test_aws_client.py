# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections: who asks, and whom. Requests end in a handler of the SDK's own, or in a server on this machine; nothing leaves it."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._aws import client as module
from ansible_collections.cloudops.core.plugins.module_utils._aws.client import Clients, Connection
from ansible_collections.cloudops.core.plugins.module_utils._aws.errors import aws_errors
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError, Denied, Invalid
from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import fan_out
from botocore.awsrequest import AWSResponse
from botocore.loaders import create_loader
from botocore.utils import parse_timestamp
from hypothesis import given
from hypothesis import strategies as st

CONFIG = """
[default]
region = eu-west-3
[profile work]
region = eu-central-1
[profile stranded]
"""
CREDENTIALS = """
[default]
aws_access_key_id = FILEDEFAULT
aws_secret_access_key = file-default-secret
[work]
aws_access_key_id = FILEWORK
aws_secret_access_key = file-work-secret
aws_session_token = file-work-token
[stranded]
aws_access_key_id = FILESTRANDED
aws_secret_access_key = file-stranded-secret
"""
KEYS = {"access_key": "OPTION", "secret_key": "option-secret"}
HERE = {**KEYS, "region": "eu-north-1"}
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
EMPTY_LISTING = b"<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>"


@pytest.fixture(autouse=True, scope="module")
def models() -> Iterator[None]:
    """Read the SDK's own files once, not anew for each connection."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.session.create_loader", cache(create_loader))
        yield


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with nothing on it: no configuration, no instance profile, no certificates of its own."""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return tmp_path


@pytest.fixture
def configured(machine: Path) -> None:
    """The same with a shared configuration."""
    (machine / "config").write_text(CONFIG, "utf-8")
    (machine / "credentials").write_text(CREDENTIALS, "utf-8")


class Body:
    """As much of an HTTP response as the SDK reads."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self._content


def request_of(clients: Clients, **where: Any) -> Any:
    """The signed request that lists buckets, as it would leave."""
    seen = []

    def answer(request: Any, **_: Any) -> AWSResponse:
        seen.append(request)
        return AWSResponse(request.url, 200, {}, Body(EMPTY_LISTING))

    client = clients.client("s3", **where)
    client.meta.events.register("before-send.s3.ListBuckets", answer)
    with aws_errors("list the buckets", "this account"):
        client.list_buckets()
    return seen[-1]


def header(request: Any, name: str) -> str:
    value = request.headers.get(name, "")
    return value.decode() if isinstance(value, bytes) else str(value)


def asked_by(request: Any) -> tuple[str, str, str]:
    """Access key, region of the signature, and session token."""
    found = re.search(r"Credential=([^/]+)/\d+/([^/]+)/s3/", header(request, "Authorization"))
    assert found
    return found[1], found[2], header(request, "X-Amz-Security-Token")


def clients_for(params: Mapping[str, Any], **more: Any) -> Clients:
    return Clients(Connection.from_params(params), **more)


# ---- who asks


@pytest.mark.parametrize(
    ("params", "environment", "who"),
    [
        pytest.param(KEYS, {}, ("OPTION", "eu-west-3", ""), id="options"),
        pytest.param({**KEYS, "session_token": "t"}, {}, ("OPTION", "eu-west-3", "t"), id="options with a token"),
        pytest.param(
            KEYS,
            {"AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"},
            ("OPTION", "eu-west-3", ""),
            id="options win over the environment, and its token isn't mixed in",
        ),
        pytest.param({}, {}, ("FILEDEFAULT", "eu-west-3", ""), id="default profile"),
        pytest.param({"profile": "work"}, {}, ("FILEWORK", "eu-central-1", "file-work-token"), id="named profile"),
        pytest.param(
            {"profile": "work"},
            {"AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_ACCESS_KEY": "s"},
            ("FILEWORK", "eu-central-1", "file-work-token"),
            id="a named profile wins over the environment",
        ),
        pytest.param(
            {"profile": "work"},
            {"AWS_ACCESS_KEY": "OLD", "AWS_SECRET_KEY": "s"},
            ("FILEWORK", "eu-central-1", "file-work-token"),
            id="a named profile wins over the old variables",
        ),
        pytest.param(
            {},
            {"AWS_PROFILE": "work"},
            ("FILEWORK", "eu-central-1", "file-work-token"),
            id="AWS_PROFILE",
        ),
        pytest.param(
            {},
            {"AWS_DEFAULT_PROFILE": "work"},
            ("FILEWORK", "eu-central-1", "file-work-token"),
            id="AWS_DEFAULT_PROFILE",
        ),
        pytest.param(
            {"profile": "work"},
            {"AWS_PROFILE": "default"},
            ("FILEWORK", "eu-central-1", "file-work-token"),
            id="option",
        ),
        pytest.param(
            {},
            {"AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"},
            ("ENV", "eu-west-3", "t"),
            id="environment",
        ),
        pytest.param(
            {}, {"AWS_ACCESS_KEY": "OLD", "AWS_SECRET_KEY": "s"}, ("OLD", "eu-west-3", ""), id="old variables"
        ),
        pytest.param(
            {},
            {"AWS_ACCESS_KEY": "OLD", "AWS_SECRET_KEY": "s", "AWS_SESSION_TOKEN": "t"},
            ("OLD", "eu-west-3", "t"),
            id="old variables with a token",
        ),
        pytest.param(
            {},
            {
                "AWS_ACCESS_KEY_ID": "ENV",
                "AWS_SECRET_ACCESS_KEY": "s",
                "AWS_ACCESS_KEY": "OLD",
                "AWS_SECRET_KEY": "o",
            },
            ("ENV", "eu-west-3", ""),
            id="the newer variables win over the old ones",
        ),
        pytest.param(
            {},
            {"AWS_ACCESS_KEY": "OLD", "AWS_SECRET_KEY": "s", "AWS_PROFILE": "work"},
            ("FILEWORK", "eu-central-1", "file-work-token"),
            id="AWS_PROFILE wins over the old variables",
        ),
        pytest.param(
            {},
            {"AWS_ACCESS_KEY": "OLD", "AWS_SECRET_KEY": "s", "AWS_DEFAULT_PROFILE": "work"},
            ("FILEWORK", "eu-central-1", "file-work-token"),
            id="AWS_DEFAULT_PROFILE wins over the old variables",
        ),
        pytest.param(
            {}, {"AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_KEY": "s"}, ("ENV", "eu-west-3", ""), id="new key, old secret"
        ),
        pytest.param(
            {},
            {"AWS_ACCESS_KEY": "OLD", "AWS_SECRET_ACCESS_KEY": "s"},
            ("OLD", "eu-west-3", ""),
            id="old key, new secret",
        ),
        pytest.param(
            {
                "access_key": "",
                "secret_key": "",
                "session_token": "",
                "profile": "",
                "region": "",
                "assume_role_arn": "",
            },
            {},
            ("FILEDEFAULT", "eu-west-3", ""),
            id="empty options are not given",
        ),
        pytest.param(
            {"access_key": None, "profile": None, "region": None},
            {},
            ("FILEDEFAULT", "eu-west-3", ""),
            id="options of None",
        ),
        pytest.param(
            {"profile": "work", "region": "us-west-2"},
            {},
            ("FILEWORK", "us-west-2", "file-work-token"),
            id="region option",
        ),
        pytest.param(
            {"profile": "work"},
            {"AWS_REGION": "ap-south-1", "AWS_DEFAULT_REGION": "sa-east-1"},
            ("FILEWORK", "ap-south-1", "file-work-token"),
            id="AWS_REGION",
        ),
        pytest.param(
            {}, {"AWS_DEFAULT_REGION": "sa-east-1"}, ("FILEDEFAULT", "sa-east-1", ""), id="AWS_DEFAULT_REGION"
        ),
        pytest.param(
            {"region": "us-west-2"},
            {"AWS_REGION": "ap-south-1"},
            ("FILEDEFAULT", "us-west-2", ""),
            id="option over variable",
        ),
    ],
)
@pytest.mark.usefixtures("configured")
def test_who_asks(
    params: dict[str, Any], environment: dict[str, str], who: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert asked_by(request_of(clients_for(params))) == who


@pytest.mark.parametrize(
    ("params", "words"),
    [
        pytest.param({"region": "eu-west-3"}, "access_key", id="no credentials"),
        pytest.param(
            {"region": "eu-west-3", "assume_role_arn": "arn:aws:iam::111111111111:role/ops"},
            "access_key",
            id="a role, and nobody to assume it",
        ),
        pytest.param({"region": "eu-west-3", "session_token": "t"}, "access_key", id="a token without keys"),
        pytest.param({"region": "eu-west-3", "secret_key": "s"}, "access_key", id="half a pair"),
    ],
)
def test_without_credentials(params: dict[str, Any], words: str) -> None:
    with pytest.raises(CloudOpsError) as caught:
        request_of(clients_for(params))
    assert isinstance(caught.value, Denied | Invalid)
    assert words in str(caught.value)


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize("environment", [{}, {"AWS_PROFILE": "nobody"}], ids=["option", "variable"])
def test_a_profile_that_isnt_there(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Invalid) as caught:
        clients_for({} if environment else {"profile": "nobody"}).client("s3")
    assert "nobody" in str(caught.value)
    assert "profile" in caught.value.hint


def test_a_broken_configuration_file(machine: Path) -> None:
    (machine / "config").write_text("[default\n", "utf-8")
    with pytest.raises(Invalid, match="config"):
        clients_for(KEYS).client("s3")


# ---- where


@pytest.mark.usefixtures("configured")
def test_no_region_anywhere() -> None:
    with pytest.raises(Invalid) as caught:
        clients_for({"profile": "stranded"}).client("s3")
    assert "no AWS region is known" in str(caught.value)
    assert "region" in caught.value.hint


@pytest.mark.parametrize(
    ("params", "environment"),
    [
        pytest.param({"endpoint_url": "http://127.0.0.1:9"}, {}, id="option"),
        pytest.param({}, {"AWS_URL": "http://127.0.0.1:9"}, id="AWS_URL"),
        pytest.param({}, {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, id="AWS_ENDPOINT_URL"),
        pytest.param({}, {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"}, id="AWS_ENDPOINT_URL_S3"),
    ],
)
def test_an_endpoint_of_ones_own_needs_no_region(
    params: dict[str, Any], environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    client = clients_for({**KEYS, **params}).client("s3")
    assert (client.meta.endpoint_url, client.meta.region_name) == ("http://127.0.0.1:9", "us-east-1")


def test_the_option_wins_over_the_endpoint_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:2")
    client = clients_for({**HERE, "endpoint_url": "http://127.0.0.1:9"}).client("s3")
    assert (client.meta.endpoint_url, client.meta.region_name) == ("http://127.0.0.1:9", "eu-north-1")


@pytest.mark.parametrize(
    ("params", "words"),
    [
        pytest.param({"endpoint_url": "s3.example:9000"}, "endpoint_url", id="endpoint without http"),
        pytest.param({"endpoint_url": "not a url"}, "endpoint_url", id="no URL"),
        pytest.param({"region": "eu west 1"}, "region", id="region with spaces"),
        pytest.param({"aws_config": {"reties": {}}}, "aws_config: ", id="unknown setting"),
        pytest.param({"aws_config": {"retries": {"mode": "often"}}}, "often", id="unknown mode"),
    ],
)
def test_connections_that_cant_be(params: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid) as caught:
        clients_for({**HERE, **params}).client("s3")
    assert words in str(caught.value)


def test_making_clients_never_fails() -> None:
    """It is done before the module can report; whatever is wrong shows up at the first use."""
    Clients(Connection(profile="nobody", endpoint_url="not a url", aws_config={"x": 1}))


# ---- how


def config_of(params: Mapping[str, Any], **more: Any) -> Any:
    return clients_for({**HERE, **params}).client("s3", **more).meta.config


def test_the_default_settings() -> None:
    config = config_of({})
    assert config.retries == {"mode": "standard", "total_max_attempts": 5}
    assert (config.connect_timeout, config.read_timeout) == (10, 60)
    assert "cloudops.core" in config.user_agent_extra


def test_as_many_connections_as_workers() -> None:
    assert clients_for(HERE, pool=36).client("s3").meta.config.max_pool_connections == 36


def test_settings_of_ones_own() -> None:
    config = config_of({"aws_config": {"read_timeout": 7, "max_pool_connections": 3, "connect_timeout": 1}})
    assert (config.read_timeout, config.connect_timeout, config.max_pool_connections) == (7, 1, 3)


@pytest.mark.parametrize(
    ("retries", "attempts"),
    [({"total_max_attempts": 8}, 8), ({"max_attempts": 2}, 3), ({"mode": "adaptive", "total_max_attempts": 2}, 2)],
    ids=["in total", "after the first", "with a mode"],
)
def test_retries_of_ones_own(retries: dict[str, Any], attempts: int) -> None:
    config = config_of({"aws_config": {"retries": retries}})
    assert config.retries["total_max_attempts"] == attempts
    assert config.retries["mode"] == retries.get("mode", "standard")


def test_dualstack_leaves_other_settings_of_s3_alone() -> None:
    config = config_of({"aws_config": {"s3": {"addressing_style": "path"}}}, s3={"use_dualstack_endpoint": True})
    assert config.s3 == {"addressing_style": "path", "use_dualstack_endpoint": True}


@pytest.mark.parametrize(
    ("params", "environment", "verify"),
    [
        pytest.param({}, {}, True, id="by default"),
        pytest.param({"validate_certs": True}, {}, True, id="asked for"),
        pytest.param({"validate_certs": False}, {}, False, id="turned off"),
        pytest.param({"aws_ca_bundle": "/ca.pem"}, {}, "/ca.pem", id="bundle"),
        pytest.param({"validate_certs": False, "aws_ca_bundle": "/ca.pem"}, {}, False, id="turned off, with a bundle"),
        pytest.param({}, {"AWS_CA_BUNDLE": "/env.pem"}, "/env.pem", id="bundle of the environment"),
        pytest.param({"aws_ca_bundle": "/ca.pem"}, {"AWS_CA_BUNDLE": "/env.pem"}, "/ca.pem", id="option over variable"),
        pytest.param({"aws_ca_bundle": ""}, {}, True, id="an empty bundle is not given"),
        pytest.param({"validate_certs": None}, {}, True, id="None is not off"),
    ],
)
def test_certificates_are_verified(
    params: dict[str, Any], environment: dict[str, str], verify: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert clients_for({**HERE, **params}).client("s3")._endpoint.http_session._verify == verify


def test_a_connection_verifies_certificates_unless_told_otherwise() -> None:
    assert Clients(Connection(**HERE)).client("s3")._endpoint.http_session._verify is True


def test_an_empty_variable_doesnt_turn_verification_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", "")
    assert clients_for({**HERE, "aws_ca_bundle": ""}).client("s3")._endpoint.http_session._verify is True


# ---- times


def created(clients: Clients, text: str) -> datetime:
    """When a bucket was made that a server tells of like this."""
    listing = (
        f"<ListAllMyBucketsResult><Buckets><Bucket><Name>b</Name><CreationDate>{text}</CreationDate></Bucket></Buckets>"
    )
    client = clients.client("s3")
    client.meta.events.register_first(
        "before-send.s3.ListBuckets",
        lambda request, **_: AWSResponse(request.url, 200, {}, Body(f"{listing}</ListAllMyBucketsResult>".encode())),
    )
    moment: datetime = client.list_buckets()["Buckets"][0]["CreationDate"]
    return moment


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T12:30:15.000Z",
        "2026-01-31T12:30:15Z",
        "2026-01-31T12:30:15",
        "2026-01-31T13:30:15+01:00",
        "20260131T123015Z",
        "Sat, 31 Jan 2026 12:30:15 GMT",
        "1769862615",
    ],
)
def test_times_are_read_however_servers_write_them(text: str) -> None:
    assert created(clients_for(HERE), text) == datetime(2026, 1, 31, 12, 30, 15, tzinfo=timezone.utc)


@given(
    moment=st.integers(0, 4 * 10**15).map(lambda count: EPOCH + timedelta(microseconds=count)),
    spell=st.sampled_from(
        ["%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%dT%H:%M:%SZ", "%a, %d %b %Y %H:%M:%S GMT", "%Y%m%dT%H%M%SZ"]
    ),
)
def test_times_are_read_as_the_sdk_reads_them(moment: datetime, spell: str) -> None:
    """Ages decide what is deleted."""
    text = moment.strftime(spell)
    assert module._quick_timestamp(text) == parse_timestamp(text)
    assert module._quick_timestamp(text).tzinfo is not None


# ---- clients


def test_a_client_is_made_once() -> None:
    clients = clients_for(HERE)
    assert clients.client("s3") is clients.client("s3", "eu-north-1") is clients.client("s3")


def test_another_region_is_another_client() -> None:
    clients = clients_for(HERE)
    assert asked_by(request_of(clients, region="us-west-2"))[:2] == ("OPTION", "us-west-2")
    assert asked_by(request_of(clients))[:2] == ("OPTION", "eu-north-1")


def test_another_service_is_another_client() -> None:
    clients = clients_for(HERE)
    assert clients.client("sts").meta.service_model.service_name == "sts"
    assert clients.client("s3").meta.service_model.service_name == "s3"


def test_other_settings_are_another_client() -> None:
    clients = clients_for(HERE)
    plain, dual = clients.client("s3"), clients.client("s3", s3={"use_dualstack_endpoint": True})
    assert (plain.meta.config.s3 or {}).get("use_dualstack_endpoint") is None
    assert dual.meta.config.s3["use_dualstack_endpoint"] is True


def test_region_comes_from_the_profile_when_nobody_says_otherwise(configured: None) -> None:
    assert clients_for({"profile": "work"}).region == "eu-central-1"
    assert clients_for({"profile": "work", "region": "us-west-2"}).region == "us-west-2"
    assert clients_for({"profile": "stranded"}).region is None


# ---- counting


def test_requests_are_counted_by_operation() -> None:
    clients = clients_for(HERE)
    for _unused in range(3):
        request_of(clients)
    request_of(clients, region="us-west-2")
    assert clients.calls.as_result() == {"ListBuckets": 4}


def test_requests_of_many_threads_are_counted() -> None:
    clients = clients_for(HERE)
    client = clients.client("s3")
    client.meta.events.register(
        "before-send.s3.HeadBucket", lambda request, **_: AWSResponse(request.url, 200, {}, Body(b""))
    )
    fan_out(lambda number: client.head_bucket(Bucket=f"bucket-{number}"), range(40), concurrency=8)
    assert clients.calls.as_result() == {"HeadBucket": 40}


def test_retries_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are what the provider bills and throttles."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    clients = clients_for({**HERE, "aws_config": {"retries": {"total_max_attempts": 3}}})
    client = clients.client("s3")
    client.meta.events.register(
        "before-send.s3.ListBuckets", lambda request, **_: AWSResponse(request.url, 503, {}, Body(b""))
    )
    with pytest.raises(CloudOpsError), aws_errors("list the buckets", "this account"):
        client.list_buckets()
    assert clients.calls.as_result() == {"ListBuckets": 3}


# ---- secrets


def test_no_secret_is_shown() -> None:
    connection = Connection.from_params(
        {
            "access_key": "AKIAHIDDEN",
            "secret_key": "hidden-secret",
            "session_token": "hidden-token",
            "external_id": "hidden-id",
            "region": "eu-north-1",
            "aws_config": {"proxies": {"https": "http://me:hidden-password@proxy:3128"}},
        }
    )
    clients = Clients(connection)
    shown = f"{connection!r} {connection} {clients!r} {clients} {clients.client('s3')!r}"
    assert "hidden" not in shown.lower()
    assert "eu-north-1" in repr(connection)


def test_no_secret_in_an_error() -> None:
    params = {**HERE, "secret_key": "hidden-secret", "endpoint_url": "not a url", "external_id": "hidden-id"}
    with pytest.raises(CloudOpsError) as caught:
        clients_for(params).client("s3")
    assert "hidden" not in f"{caught.value} {caught.value.as_result()}"


# ---- roles


class Cloud(BaseHTTPRequestHandler):
    """Hands out credentials for a role, and lists no buckets."""

    requests: list[tuple[str, str, str]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._answer(
            body,
            b"<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ROLE</AccessKeyId>"
            b"<SecretAccessKey>role-secret</SecretAccessKey><SessionToken>role-token</SessionToken>"
            b"<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>",
        )

    def do_GET(self) -> None:
        self._answer("", EMPTY_LISTING)

    def _answer(self, body: str, content: bytes) -> None:
        found = re.search(r"Credential=([^/]+)/", self.headers["Authorization"])
        self.requests.append((found[1] if found else "", self.headers.get("X-Amz-Security-Token", ""), body))
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def cloud() -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """An endpoint on this machine, and the requests that it got."""
    handler = type("Handler", (Cloud,), {"requests": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", handler.requests
        server.shutdown()


def test_a_role_is_assumed_once_and_asks_from_then_on(cloud: tuple[str, list[tuple[str, str, str]]]) -> None:
    url, requests = cloud
    clients = clients_for(
        {
            **HERE,
            "endpoint_url": url,
            "assume_role_arn": "arn:aws:iam::111111111111:role/ops",
            "external_id": "guest",
            "aws_config": {"proxies": {}},
        }
    )
    for region in (None, None, "us-west-2"):
        clients.client("s3", region).list_buckets()
    (who, token, body), *listings = requests
    assert (who, token) == ("OPTION", "")
    assert "Action=AssumeRole" in body
    assert "RoleArn=arn%3Aaws%3Aiam%3A%3A111111111111%3Arole%2Fops" in body
    assert "ExternalId=guest" in body
    assert "RoleSessionName=cloudops.core" in body
    assert [request[:2] for request in listings] == [("ROLE", "role-token")] * 3


def test_a_role_isnt_assumed_before_it_is_needed(cloud: tuple[str, list[tuple[str, str, str]]]) -> None:
    url, requests = cloud
    clients_for({**HERE, "endpoint_url": url, "assume_role_arn": "arn:aws:iam::111111111111:role/ops"}).client("s3")
    assert requests == []


# ---- the library


def test_the_library_is_there() -> None:
    assert module.BOTO3_IMPORT_ERROR is None


def test_clients_for_a_few_operations() -> None:
    few = Clients(Connection.from_params(HERE), only={"ec2": ("DescribeInstances",)})
    others = Clients(replace(few.connection), like=few)
    for clients in (few, others):
        ec2 = clients.client("ec2")
        assert set(ec2.meta.method_to_api_mapping) == {"describe_instances"}
        assert ec2.can_paginate("describe_instances")
        assert ec2.meta.service_model.operation_model("DescribeInstances").output_shape.members["Reservations"]
        assert clients.client("sts").meta.method_to_api_mapping["assume_role"] == "AssumeRole"
    assert "run_instances" in Clients(few.connection).client("ec2").meta.method_to_api_mapping
