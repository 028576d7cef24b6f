# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Azure's connection options, errors and batches, as tables. No call is made."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._azure.batch import Part, parts_of
from ansible_collections.cloudops.core.plugins.module_utils._azure.client import (
    Account,
    Connection,
    credential_of,
    operation_of,
    secrets_of,
)
from ansible_collections.cloudops.core.plugins.module_utils._azure.errors import kind_of, safe_text
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import (
    Conflict,
    Denied,
    Invalid,
    NotFound,
    Throttled,
    Timeout,
    Unavailable,
)

KEY = "c2VjcmV0LWtleQ=="
SAS = "sv=2023-11-03&ss=b&sig=c2lnbmF0dXJl%3D"
STRING = f"DefaultEndpointsProtocol=https;AccountName=theaccount;AccountKey={KEY};EndpointSuffix=core.windows.net"


def params(**given: Any) -> dict[str, Any]:
    """Options as a module has them."""
    unset = dict.fromkeys(
        [
            "storage_account_name",
            "account_url",
            "account_key",
            "sas_token",
            "connection_string",
            "tenant",
            "client_id",
            "secret",
            "x509_certificate_path",
            "api_version",
        ]
    )
    fixed = {"auth_source": "auto", "cloud_environment": "AzureCloud", "cert_validation_mode": "validate"}
    return {**unset, **fixed, "retries": 4, "timeout": 60, **given}


ACCOUNT = {"storage_account_name": "theaccount"}


@pytest.mark.parametrize(
    ("given", "environment", "url", "account"),
    [
        pytest.param(ACCOUNT, {}, "https://theaccount.blob.core.windows.net", "theaccount", id="name"),
        pytest.param(
            {**ACCOUNT, "cloud_environment": "AzureChinaCloud"},
            {},
            "https://theaccount.blob.core.chinacloudapi.cn",
            "theaccount",
            id="china",
        ),
        pytest.param(
            {"account_url": "http://127.0.0.1:10000/devstoreaccount1/", "account_key": KEY},
            {},
            "http://127.0.0.1:10000/devstoreaccount1",
            "devstoreaccount1",
            id="azurite",
        ),
        pytest.param(
            {"account_url": "https://theaccount-secondary.blob.core.windows.net"},
            {},
            "https://theaccount-secondary.blob.core.windows.net",
            "theaccount",
            id="secondary",
        ),
        pytest.param(
            {"account_url": "https://blobs.example.com", **ACCOUNT},
            {},
            "https://blobs.example.com",
            "theaccount",
            id="own-domain",
        ),
        pytest.param(
            {},
            {"AZURE_STORAGE_ACCOUNT": "fromenv"},
            "https://fromenv.blob.core.windows.net",
            "fromenv",
            id="variable",
        ),
        pytest.param(
            ACCOUNT,
            {"AZURE_STORAGE_ACCOUNT": "other", "AZURE_STORAGE_SERVICE_ENDPOINT": "https://elsewhere"},
            "https://theaccount.blob.core.windows.net",
            "theaccount",
            id="option-wins",
        ),
        pytest.param({"connection_string": STRING}, {"AZURE_STORAGE_ACCOUNT": "other"}, "", "", id="string-has-it-all"),
    ],
)
def test_where_the_account_is(given: dict[str, Any], environment: dict[str, str], url: str, account: str) -> None:
    connection = Connection.from_params(params(**given), environment)
    assert (connection.url, connection.account) == (url, account)


PRINCIPAL = {"tenant": "t", "client_id": "c", "secret": "hush-hush"}


@pytest.mark.parametrize(
    ("given", "environment", "expected"),
    [
        pytest.param(
            {"account_key": KEY}, {"AZURE_STORAGE_SAS_TOKEN": SAS}, {"account_key": KEY}, id="option-over-variable"
        ),
        pytest.param({}, {"AZURE_STORAGE_KEY": KEY}, {"account_key": KEY}, id="key-variable"),
        pytest.param({}, {"AZURE_STORAGE_SAS_TOKEN": f"?{SAS}"}, {"sas_token": SAS}, id="sas-variable"),
        pytest.param(
            {},
            {"AZURE_STORAGE_CONNECTION_STRING": STRING, "AZURE_STORAGE_KEY": KEY},
            {"connection_string": STRING, "account_key": None},
            id="string-before-key",
        ),
        pytest.param(
            PRINCIPAL, {"AZURE_STORAGE_KEY": KEY}, {"account_key": None, **PRINCIPAL}, id="principal-over-variable"
        ),
        pytest.param(
            {},
            {"AZURE_TENANT": "t", "AZURE_CLIENT_ID": "c", "AZURE_SECRET": "s"},
            {"tenant": "t", "client_id": "c", "secret": "s"},
            id="azcollection-variables",
        ),
        pytest.param(
            {"auth_source": "env"},
            {"AZURE_STORAGE_KEY": KEY, "AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_CLIENT_SECRET": "s"},
            {"account_key": None, "tenant": "t", "secret": "s"},
            id="env-is-an-identity",
        ),
        pytest.param(
            {"auth_source": "cli"}, {"AZURE_STORAGE_KEY": KEY}, {"account_key": None}, id="cli-is-an-identity"
        ),
        pytest.param({"client_id": "c"}, {}, {"client_id": "c", "secret": None}, id="managed-identity"),
    ],
)
def test_whose_credentials(given: dict[str, Any], environment: dict[str, str], expected: dict[str, Any]) -> None:
    connection = Connection.from_params(params(**ACCOUNT, **given), environment)
    assert {name: getattr(connection, name) for name in expected} == expected
    assert connection.uses_identity == (
        not any(expected.get(name) for name in ("account_key", "sas_token", "connection_string"))
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param({}, ["no storage account", "storage_account_name"], id="no-account"),
        pytest.param({**ACCOUNT, "account_key": KEY, "sas_token": SAS}, ["account_key and sas_token"], id="two-keys"),
        pytest.param(
            {**ACCOUNT, "account_key": KEY, **PRINCIPAL}, ["account_key and secret exclude"], id="key-and-identity"
        ),
        pytest.param({**ACCOUNT, "account_key": KEY, "auth_source": "cli"}, ["auth_source: cli"], id="key-and-cli"),
        pytest.param(
            {"connection_string": STRING, **ACCOUNT},
            ["storage_account_name", "connection_string"],
            id="string-and-name",
        ),
        pytest.param({**ACCOUNT, "secret": "s"}, ["secret needs tenant and client_id"], id="secret-alone"),
        pytest.param(
            {**ACCOUNT, **PRINCIPAL, "x509_certificate_path": "/c"}, ["x509_certificate_path exclude"], id="two-proofs"
        ),
        pytest.param({**ACCOUNT, **PRINCIPAL, "auth_source": "msi"}, ["auth_source: msi"], id="secret-and-msi"),
        pytest.param({"storage_account_name": "The_Account"}, ["The_Account", "lower-case"], id="bad-name"),
        pytest.param(
            {**ACCOUNT, "account_url": "https://other.blob.core.windows.net"},
            ["theaccount", "other"],
            id="two-accounts",
        ),
        pytest.param({"account_url": "theaccount.blob.core.windows.net"}, ["account_url", "https://"], id="no-scheme"),
        pytest.param({"account_url": f"https://a.blob.core.windows.net?{SAS}"}, ["sas_token"], id="sas-in-url"),
        pytest.param(
            {"account_url": "http://127.0.0.1:1/account/box", "account_key": KEY}, ["goes into name"], id="url-too-long"
        ),
        pytest.param(
            {"account_url": "https://blobs.example.com", "account_key": KEY},
            ["storage_account_name"],
            id="key-without-name",
        ),
        pytest.param({**ACCOUNT, "account_key": "not base64!"}, ["base64"], id="bad-key"),
        pytest.param({**ACCOUNT, "sas_token": "sv=2023"}, ["sig="], id="bad-sas"),
        pytest.param({"account_url": "http://theaccount.blob.core.windows.net"}, ["https"], id="identity-over-http"),
        pytest.param({**ACCOUNT, "retries": -1}, ["retries is -1"], id="retries"),
        pytest.param({**ACCOUNT, "timeout": 0}, ["timeout is 0"], id="timeout"),
        pytest.param({**ACCOUNT, "api_version": "latest"}, ["api_version"], id="api-version"),
    ],
)
def test_contradictions_are_refused_without_a_secret(given: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(Invalid) as caught:
        Connection.from_params(params(**given), {})
    text = str(caught.value)
    assert [word for word in words if word not in text] == []
    assert [secret for secret in (KEY, "c2lnbmF0dXJl", "hush-hush") if secret in text] == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"account_key": KEY}, "AzureNamedKeyCredential", id="key"),
        pytest.param({"sas_token": SAS}, "AzureSasCredential", id="sas"),
        pytest.param(PRINCIPAL, "ClientSecretCredential", id="principal"),
        pytest.param({"auth_source": "cli"}, "AzureCliCredential", id="cli"),
        pytest.param({"auth_source": "msi", "client_id": "c"}, "ManagedIdentityCredential", id="msi"),
        pytest.param({"auth_source": "env"}, "EnvironmentCredential", id="env"),
        pytest.param({}, "DefaultAzureCredential", id="default"),
    ],
)
def test_the_credential_of_the_sdk(given: dict[str, Any], expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    tenant = {"tenant": "11111111-1111-1111-1111-111111111111"} if "tenant" in given else {}
    connection = Connection.from_params(params(**ACCOUNT, **{**given, **tenant}), {})
    assert type(credential_of(connection)).__name__ == expected
    assert "hush-hush" not in repr(connection)


def test_secrets_are_known_in_all_their_parts() -> None:
    found = set(
        secrets_of(params(sas_token=SAS), {"AZURE_STORAGE_CONNECTION_STRING": STRING, "AZURE_SECRET": "env-secret"})
    )
    assert {SAS, "c2lnbmF0dXJl%3D", STRING, KEY, "env-secret"} <= found
    assert "core.windows.net" not in found


@pytest.mark.parametrize(
    ("method", "query", "expected"),
    [
        ("GET", "?comp=list", "ListContainers"),
        ("GET", "/c?restype=container&comp=list&prefix=a", "ListBlobs"),
        ("GET", "/c?restype=container", "GetContainerProperties"),
        ("PUT", "/c?restype=container", "CreateContainer"),
        ("DELETE", "/c?restype=container", "DeleteContainer"),
        ("PUT", "/c?restype=container&comp=metadata", "SetContainerMetadata"),
        ("GET", "/c?restype=container&comp=acl", "GetContainerAcl"),
        ("PUT", "/c?restype=container&comp=acl", "SetContainerAcl"),
        ("PUT", "/c?comp=lease&restype=container", "LeaseContainer"),
        ("PUT", "/c/b?comp=lease", "LeaseBlob"),
        ("POST", "/c?restype=container&comp=batch&sig=x", "SubmitBatch"),
        ("DELETE", "/c/b?snapshot=x", "DeleteBlob"),
    ],
)
def test_names_of_operations(method: str, query: str, expected: str) -> None:
    assert operation_of(method, f"http://127.0.0.1:1/account{query}") == expected


def test_the_account_is_azures_own_only_where_its_host_is() -> None:
    assert Account(params(**ACCOUNT, account_key=KEY), environment={}).is_azure
    account = Account(params(account_url="http://127.0.0.1:1/account", account_key=KEY), environment={})
    assert not account.is_azure
    assert account.url_of("box") == "http://127.0.0.1:1/account/box"


# Errors


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "ContainerNotFound", NotFound),
        (409, "ContainerBeingDeleted", Conflict),
        (412, "LeaseIdMissing", Conflict),
        (403, "AuthorizationPermissionMismatch", Denied),
        (401, "InvalidAuthenticationInfo", Denied),
        (503, "ServerBusy", Throttled),
        (429, "", Throttled),
        (500, "OperationTimedOut", Timeout),
        (500, "InternalError", Unavailable),
        (502, "", Unavailable),
        (501, "APINotImplemented", Invalid),
        (400, "InvalidHeaderValue", Invalid),
    ],
)
def test_kinds_of_errors(status: int, code: str, kind: type) -> None:
    assert kind_of(status, code) is kind


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is gone.\nRequestId:1\nTime:2\nErrorCode:X\nContent: <xml>", "It is gone."),
        (
            "Max retries exceeded with url: /a/b?sv=1&sig=SECRET (Caused by X)",
            "Max retries exceeded with url: /a/b (Caused by X)",
        ),
        ("AccountKey=SECRET;EndpointSuffix=x", "AccountKey=***;EndpointSuffix=x"),
        ("", ""),
    ],
)
def test_messages_are_short_and_without_secrets(text: str, expected: str) -> None:
    assert safe_text(text) == expected


# Batches


def multipart(*answers: tuple[int | None, str]) -> bytes:
    """A batch's answer; None leaves the id out."""
    parts = [
        f"--b\r\nContent-Type: application/http\r\n{'' if number is None else f'Content-ID: {number}'}\r\n\r\n{text}\r\n"
        for number, text in answers
    ]
    return ("".join(parts) + "--b--").encode()


DONE = "HTTP/1.1 202 Accepted\r\nx-ms-version: 1\r\n"
LEASED = "HTTP/1.1 412 Leased\r\nx-ms-error-code: LeaseIdMissing\r\n\r\n<Error><Message>Leased by somebody.</Message></Error>"
BARE = "HTTP/1.1 503 Busy\r\n\r\n<Error><Code>ServerBusy</Code></Error>"


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        pytest.param(
            [(0, DONE), (1, LEASED)], [Part(202), Part(412, "LeaseIdMissing", "Leased by somebody.")], id="in-order"
        ),
        pytest.param(
            [(1, LEASED), (0, DONE)], [Part(202), Part(412, "LeaseIdMissing", "Leased by somebody.")], id="any-order"
        ),
        pytest.param([(None, DONE), (None, BARE)], [Part(202), Part(503, "ServerBusy", "Busy")], id="without-ids"),
        pytest.param([(0, BARE)], [Part(503, "ServerBusy", "Busy")] * 2, id="refused-as-a-whole"),
    ],
)
def test_answers_of_a_batch(answers: list[tuple[int | None, str]], expected: list[Part]) -> None:
    assert parts_of("multipart/mixed; boundary=b", multipart(*answers), 2) == expected


@pytest.mark.parametrize("body", [b"", b"<html>", multipart((0, DONE)), multipart((1, DONE))[:-60]])
def test_an_answer_that_lacks_parts_is_no_success(body: bytes) -> None:
    with pytest.raises(Unavailable) as caught:
        parts_of("multipart/mixed; boundary=b", body, 2)
    assert caught.value.code == "IncompleteBatch"
