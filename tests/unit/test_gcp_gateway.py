# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the gateway of Google Cloud makes of options, documents, batches and errors: tables, without any request."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import requests
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError, Invalid
from ansible_collections.cloudops.core.plugins.module_utils._core.plan import Step
from ansible_collections.cloudops.core.plugins.module_utils._domain.gcs_properties import GCS_PROPERTIES
from ansible_collections.cloudops.core.plugins.module_utils._gcp import storage_shapes as shapes
from ansible_collections.cloudops.core.plugins.module_utils._gcp.batch import BOUNDARY, decode_answers, encode_deletions
from ansible_collections.cloudops.core.plugins.module_utils._gcp.client import (
    ACCESS_TOKEN,
    ANONYMOUS,
    APPLICATION,
    DEFAULT_SCOPES,
    SERVICE_ACCOUNT,
    Connection,
    is_loopback,
    operation_of,
)
from ansible_collections.cloudops.core.plugins.module_utils._gcp.errors import from_answer, gcp_errors
from google.api_core import exceptions as api_exceptions
from google.auth import exceptions as auth_exceptions

from tests.servers import gcs_batch

# ---------------------------------------------------------------------------------------------------------- connection

FILE, TOKEN, CONTENTS = {"service_account_file": "/k.json"}, {"access_token": "t"}, {"service_account_contents": "{}"}
LOCAL = {"api_endpoint": "http://127.0.0.1:9"}


@pytest.mark.parametrize(
    ("params", "environment", "kind"),
    [
        ({}, {}, APPLICATION),
        (FILE, {}, SERVICE_ACCOUNT),
        (CONTENTS, {}, SERVICE_ACCOUNT),
        (TOKEN, {}, ACCESS_TOKEN),
        ({"auth_kind": "application"}, {"GCP_ACCESS_TOKEN": "t", "GCP_SERVICE_ACCOUNT_FILE": "/f"}, APPLICATION),
        ({"auth_kind": "accesstoken"}, {"GCP_ACCESS_TOKEN": "t", "GCP_SERVICE_ACCOUNT_FILE": "/f"}, ACCESS_TOKEN),
        ({}, {"GCP_SERVICE_ACCOUNT_FILE": "/f"}, SERVICE_ACCOUNT),
        ({}, {"GCP_ACCESS_TOKEN": "t"}, ACCESS_TOKEN),
        ({}, {"GCP_AUTH_KIND": "application", "GCP_ACCESS_TOKEN": "t"}, APPLICATION),
        (TOKEN, {"GCP_AUTH_KIND": "serviceaccount", "GCP_SERVICE_ACCOUNT_FILE": "/f"}, ACCESS_TOKEN),
        (LOCAL, {}, ANONYMOUS),
        (LOCAL, {"GCP_SERVICE_ACCOUNT_FILE": "/f", "GCP_AUTH_KIND": "serviceaccount"}, ANONYMOUS),
        ({**LOCAL, **TOKEN}, {}, ACCESS_TOKEN),
        ({**LOCAL, "auth_kind": "application"}, {}, APPLICATION),
        ({}, {"STORAGE_EMULATOR_HOST": "http://gcs.example:9"}, ANONYMOUS),
        ({"api_endpoint": "https://storage.example.com"}, {}, APPLICATION),
    ],
)
def test_kinds_of_credentials(params: dict[str, Any], environment: dict[str, str], kind: str) -> None:
    assert Connection.from_params(params, environment).auth_kind == kind


@pytest.mark.parametrize(
    ("params", "environment", "words"),
    [
        ({**FILE, **CONTENTS}, {}, ["service_account_file and service_account_contents exclude"]),
        ({**FILE, **TOKEN}, {}, ["access_token contradicts auth_kind: serviceaccount"]),
        ({"auth_kind": "application", **FILE}, {}, ["service_account_file contradicts auth_kind: application"]),
        ({"auth_kind": "accesstoken", **FILE, **CONTENTS}, {}, ["service_account_file and", "contradict auth_kind"]),
        ({"auth_kind": "serviceaccount"}, {}, ["no service_account_file or", "GCP_SERVICE_ACCOUNT_FILE"]),
        ({"auth_kind": "accesstoken"}, {}, ["no access_token", "GCP_ACCESS_TOKEN"]),
        ({}, {"GCP_AUTH_KIND": "accesstoken"}, ["no access_token", "in the environment"]),
        ({}, {"GCP_AUTH_KIND": "machineaccount"}, ["GCP_AUTH_KIND is machineaccount", "application"]),
        ({"service_account_contents": "not json"}, {}, ["service_account_contents is no JSON object"]),
        ({"service_account_contents": "[1]"}, {}, ["service_account_contents is no JSON object"]),
        ({"api_endpoint": "ftp://x"}, {}, ["api_endpoint", "https://HOST"]),
        ({"api_endpoint": "http://"}, {}, ["api_endpoint"]),
        ({"api_endpoint": "http://x:port"}, {}, ["api_endpoint"]),
        ({"api_endpoint": "https://user@x"}, {}, ["api_endpoint"]),
        ({"api_endpoint": "http://storage.example.com"}, {}, ["without TLS", "STORAGE_EMULATOR_HOST"]),
        ({"api_endpoint": "http://storage.example.com", **TOKEN}, {}, ["without TLS"]),
        (TOKEN, {"STORAGE_EMULATOR_HOST": "http://gcs.example:9"}, ["without TLS"]),
        ({"request_timeout": 0}, {}, ["request_timeout is 0", "1"]),
        ({"retry_deadline": -1}, {}, ["retry_deadline is -1", "0"]),
    ],
)
def test_connections_that_contradict_themselves(
    params: dict[str, Any], environment: dict[str, str], words: list[str]
) -> None:
    with pytest.raises(Invalid) as caught:
        Connection.from_params(params, environment)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_the_rest_of_a_connection() -> None:
    plain = Connection.from_params({}, {})
    assert (plain.scopes, plain.project, plain.api_endpoint) == (DEFAULT_SCOPES, None, None)
    environment = {"GCP_PROJECT": "p", "GCP_SCOPES": "a, b", "STORAGE_EMULATOR_HOST": "localhost:9/"}
    filled = Connection.from_params({}, environment)
    assert (filled.project, filled.scopes, filled.api_endpoint) == ("p", ("a", "b"), "http://localhost:9")
    options = Connection.from_params({"project": "q", "scopes": ["c"], "api_endpoint": "https://x/"}, environment)
    assert (options.project, options.scopes, options.api_endpoint) == ("q", ("c",), "https://x")
    assert "secret" not in repr(Connection.from_params({"access_token": "secret"}, {}))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:9", True),
        ("http://127.8.0.1", True),
        ("http://[::1]:9", True),
        ("http://localhost", True),
        ("http://gcs.localhost", True),
        ("http://10.0.0.1", False),
        ("http://localhost.example.com", False),
        ("http://127.0.0.1.example.com", False),
        (None, False),
    ],
)
def test_loopback(url: str | None, expected: bool) -> None:
    assert is_loopback(url) is expected


@pytest.mark.parametrize(
    ("method", "target", "name"),
    [
        ("GET", "/storage/v1/b?project=p", "buckets.list"),
        ("POST", "/storage/v1/b?project=p", "buckets.insert"),
        ("GET", "/storage/v1/b/x?a=b", "buckets.get"),
        ("PATCH", "/storage/v1/b/x", "buckets.patch"),
        ("DELETE", "/storage/v1/b/x", "buckets.delete"),
        ("GET", "/storage/v1/b/x/iam", "buckets.getIamPolicy"),
        ("POST", "/storage/v1/b/x/lockRetentionPolicy", "buckets.lockRetentionPolicy"),
        ("GET", "/storage/v1/b/x/o", "objects.list"),
        ("DELETE", "/storage/v1/b/x/o/a%2Fb?generation=1", "objects.delete"),
        ("POST", "/upload/storage/v1/b/x/o?uploadType=media", "objects.insert"),
        ("POST", "/batch/storage/v1", "batch"),
        ("POST", "/behind/a/path/batch/storage/v1", "batch"),
    ],
)
def test_names_of_operations(method: str, target: str, name: str) -> None:
    assert operation_of(method, target) == name


# --------------------------------------------------------------------------------------------------------------- errors


def answer(reason: str = "", message: str = "words") -> str:
    return json.dumps({"error": {"code": 0, "message": message, "errors": [{"reason": reason, "message": message}]}})


HELD = (
    "Object 'b/o' is under active Temporary hold and cannot be deleted, overwritten or archived until hold is removed."
)


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (400, answer("invalid"), "invalid", "invalid"),
        (400, answer("required", "Bucket is a requester pays bucket but no user project provided."), "invalid", "userProjectMissing"),
        (401, answer("authError"), "denied", "authError"),
        (403, answer("forbidden"), "denied", "forbidden"),
        (403, answer("forbidden", HELD), "conflict", "objectUnderActiveHold"),
        (403, answer("objectUnderActiveHold"), "conflict", "objectUnderActiveHold"),
        (403, answer("retentionPolicyNotMet"), "conflict", "retentionPolicyNotMet"),
        (403, answer("rateLimitExceeded"), "throttled", "rateLimitExceeded"),
        (404, answer("notFound"), "not_found", "notFound"),
        (409, answer("conflict"), "conflict", "conflict"),
        (412, answer("conditionNotMet"), "conflict", "conditionNotMet"),
        (412, answer("Precondition Failed"), "conflict", "conditionNotMet"),
        (429, answer("rateLimitExceeded"), "throttled", "rateLimitExceeded"),
        (500, answer("internalError"), "unavailable", "internalError"),
        (503, "", "unavailable", "503"),
        (503, b"<html>", "unavailable", "503"),
        (418, '{"error": "teapot"}', "invalid", "418"),
        (403, '{"error": {"message": "m", "errors": ["odd"]}}', "denied", "403"),
        (403, "[]", "denied", "403"),
    ],
)  # fmt: skip
def test_answers_as_errors(status: int, body: Any, kind: str, code: str) -> None:
    error = from_answer(status, body, "do it", "bucket b")
    assert (error.kind, error.code) == (kind, code)
    assert str(error).startswith("Could not do it (bucket b): ")
    assert error.message


@pytest.mark.parametrize(
    ("raised", "kind", "word"),
    [
        (api_exceptions.Forbidden("no"), "denied", "roles/storage.admin"),
        (api_exceptions.RetryError("late", api_exceptions.ServiceUnavailable("busy")), "unavailable", "busy"),
        (api_exceptions.RetryError("late", requests.ConnectionError("away")), "unavailable", "api_endpoint"),
        (api_exceptions.RetryError("late", None), "unavailable", "late"),
        (requests.ConnectionError("away"), "unavailable", "api_endpoint"),
        (requests.ConnectTimeout("slow"), "timeout", "request_timeout"),
        (requests.ReadTimeout("slow"), "timeout", "request_timeout"),
        (requests.exceptions.SSLError("cert"), "unavailable", "REQUESTS_CA_BUNDLE"),
        (requests.exceptions.InvalidURL("url"), "invalid", "api_endpoint"),
        (auth_exceptions.DefaultCredentialsError("none"), "denied", "GOOGLE_APPLICATION_CREDENTIALS"),
        (auth_exceptions.RefreshError("old"), "denied", "never renewed"),
        (auth_exceptions.TransportError("away"), "unavailable", "api_endpoint"),
        (ValueError("no JSON"), "unavailable", "api_endpoint"),
    ],
)
def test_exceptions_as_errors(raised: Exception, kind: str, word: str) -> None:
    with pytest.raises(CloudOpsError) as caught, gcp_errors("do it", "bucket b"):
        raise raised
    assert caught.value.kind == kind
    assert word in str(caught.value)


# --------------------------------------------------------------------------------------------------------------- shapes


def test_every_property_has_a_shape() -> None:
    assert set(shapes.SHAPES) == set(GCS_PROPERTIES)


VALUES: list[tuple[str, Any]] = [
    ("cors", [{"origin": ["*"], "method": ["GET"], "response_header": ["a"], "max_age_seconds": 0}]),
    ("default_kms_key_name", "projects/p/locations/l/keyRings/r/cryptoKeys/k"),
    ("labels", {"a": "", "b": "1"}),
    ("lifecycle_rules", [{"action": {"type": "Delete"}, "condition": {"age": 0, "is_live": False, "num_newer_versions": 3}}]),
    ("logging", {"log_bucket": "b", "log_object_prefix": "p"}),
    ("public_access_prevention", "enforced"),
    ("requester_pays", True),
    ("retention_period", {"seconds": 60, "locked": False}),
    ("soft_delete_retention", 604800),
    ("storage_class", "ARCHIVE"),
    ("uniform_bucket_level_access", True),
    ("versioning", "enabled"),
    ("versioning", "suspended"),
    ("website", {"main_page_suffix": "i"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), VALUES, ids=[name for name, _value in VALUES])
def test_what_is_written_is_read_the_same(name: str, value: Any) -> None:
    document = shapes.without_nulls(shapes.body_of([Step("put", name, value)], {}))
    assert json.loads(json.dumps(document)) == document
    assert shapes.reading(document, name).value == value


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cors", None),
        ("logging", None),
        ("retention_period", None),
        ("soft_delete_retention", None),
        ("versioning", None),
        ("public_access_prevention", "inherited"),
        ("requester_pays", False),
        ("uniform_bucket_level_access", False),
    ],
)
def test_what_a_document_does_not_say(name: str, expected: Any) -> None:
    for document in ({}, {"iamConfiguration": None, "softDeletePolicy": {}, "logging": {}, "cors": []}):
        assert shapes.reading(document, name).value == expected


def test_bodies_merge_and_take_out_by_name() -> None:
    steps = [
        Step("put", "uniform_bucket_level_access", True),
        Step("put", "public_access_prevention", "enforced"),
        Step("put", "labels", {"b": "2"}),
        Step("delete", "lifecycle_rules"),
        Step("delete", "soft_delete_retention"),
        Step("delete", "website"),
        Step("create", "bucket"),
    ]
    assert shapes.body_of(steps, {"labels": {"a": "1", "b": "1"}}) == {
        "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}, "publicAccessPrevention": "enforced"},
        "labels": {"a": None, "b": "2"},
        "lifecycle": None,
        "softDeletePolicy": {"retentionDurationSeconds": "0"},
        "website": None,
    }


BINDINGS = {
    "bindings": [
        {"role": "roles/storage.objectViewer", "members": ["user:b@example.com", "allUsers"]},
        {"role": "roles/storage.admin", "members": ["user:a@example.com"], "condition": {"title": "t"}},
    ]
}


def test_iam_policies() -> None:
    assert shapes.iam_policy({}).state == "absent"
    assert shapes.iam_policy(BINDINGS).value == {
        "bindings": [
            {"role": "roles/storage.admin", "members": ["user:a@example.com"], "condition": {"title": "t"}},
            {
                "role": "roles/storage.objectViewer",
                "members": ["allUsers", "user:b@example.com"],
                "condition": None,
            },
        ]
    }


@pytest.mark.parametrize(
    ("prevention", "prevented"), [("enforced", True), ("inherited", False), ("unspecified", False)]
)
def test_public_access(prevention: str, prevented: bool) -> None:
    document = {"iamConfiguration": {"publicAccessPrevention": prevention}}
    grant = {"member": "allUsers", "role": "roles/storage.objectViewer"}
    assert shapes.public_access(BINDINGS, document).value == {"grants": [grant], "prevented": prevented}
    assert shapes.public_access({"bindings": BINDINGS["bindings"][1:]}, document).state == "absent"


NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


def listed(**more: Any) -> dict[str, Any]:
    return {"name": "o", "generation": "7", "size": "3", "timeCreated": "2025-12-01T00:00:00.123Z", **more}


@pytest.mark.parametrize(
    ("item", "kind", "held"),
    [
        (listed(), "object", ""),
        (listed(timeDeleted="2025-12-02T00:00:00Z"), "version", ""),
        (listed(temporaryHold=False, eventBasedHold=False), "object", ""),
        (listed(temporaryHold=True), "object", "objectUnderActiveHold"),
        (listed(eventBasedHold=True), "object", "objectUnderActiveHold"),
        (listed(retentionExpirationTime="2026-01-01T00:00:00.001Z"), "object", "retentionPolicyNotMet"),
        (listed(retentionExpirationTime="2025-12-31T23:59:59.999Z"), "object", ""),
        (listed(retention={"mode": "Locked", "retainUntilTime": "2027-01-01T00:00:00Z"}), "object", "retentionPolicyNotMet"),
        (listed(retention={}), "object", ""),
    ],
)  # fmt: skip
def test_listed_objects(item: dict[str, Any], kind: str, held: str) -> None:
    entry = shapes.entry(item, NOW)
    assert (entry.kind, entry.held, entry.version_id, entry.size) == (kind, held, "7", 3)
    assert entry.latest == (kind == "object")
    assert entry.modified == datetime(2025, 12, 1, 0, 0, 0, 123000, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "micro", "hours"),
    [
        ("2026-01-01T12:00:00Z", 0, 12),
        ("2026-01-01T12:00:00.1Z", 100000, 12),
        ("2026-01-01T12:00:00.123456789Z", 123456, 12),
        ("2026-01-01T12:00:00.5+02:00", 500000, 10),
        ("2026-01-01T04:00:00-08:00", 0, 12),
    ],
)
def test_moments(text: str, micro: int, hours: int) -> None:
    assert shapes.moment(text) == NOW + timedelta(hours=hours, microseconds=micro)


# -------------------------------------------------------------------------------------------------------------- batches

TARGETS = ["/storage/v1/b/x/o/a%0Ab?generation=1", "/storage/v1/b/x/o/%2B?generation=2", "/storage/v1/b/x/o/c"]
KIND = f'multipart/mixed; boundary="{BOUNDARY}"'


def test_a_batch_is_what_the_reference_says() -> None:
    calls = gcs_batch.calls_of(KIND, encode_deletions(TARGETS))
    assert [(call.method, call.target, call.content_id) for call in calls] == [
        ("DELETE", target, f"<{number}>") for number, target in enumerate(TARGETS)
    ]


def test_answers_come_back_to_their_calls() -> None:
    calls = gcs_batch.calls_of(KIND, encode_deletions(TARGETS))
    statuses = {"<0>": (204, b""), "<1>": (403, b'{"a":\r\n\r\n1}'), "<2>": (404, b"{}")}
    content_type, body = gcs_batch.answers_to([calls[2], calls[0]], lambda call: statuses[call.content_id])
    answers = decode_answers(content_type, body, 3)
    assert [answer.status if answer else None for answer in answers] == [204, None, 404]
    content_type, body = gcs_batch.answers_to(calls, lambda call: statuses[call.content_id])
    whole = decode_answers(content_type, body, 3)
    assert [answer.status if answer else None for answer in whole] == [204, 403, 404]
    assert whole[1] is not None
    assert whole[1].body.strip() == b'{"a":\r\n\r\n1}'


OTHER = "--b\nContent-Type: application/http\n\nHTTP/1.1 {} X\nContent-Length: 0\n\n\n"


@pytest.mark.parametrize(
    ("statuses", "count", "expected"),
    [
        ((204, 500), 2, [204, 500]),
        ((204, 500), 3, [None, None, None]),
        ((), 1, [None]),
    ],
    ids=["in-order", "one-missing", "none"],
)
def test_answers_without_numbers_count_by_their_order(
    statuses: tuple[int, ...], count: int, expected: list[Any]
) -> None:
    body = "".join(OTHER.format(status) for status in statuses) + "--b--\n"
    answers = decode_answers("multipart/mixed; boundary=b", body.encode(), count)
    assert [answer.status if answer else None for answer in answers] == expected


def test_an_answer_that_is_cut_short_loses_what_is_not_whole() -> None:
    calls = gcs_batch.calls_of(KIND, encode_deletions(TARGETS))
    content_type, body = gcs_batch.answers_to(calls, lambda _call: (204, b""))
    cut = body[: body.rindex(b"--batch") - 5]
    answers = decode_answers(content_type, cut, 3)
    assert answers[0] is not None
    assert answers[2] is None


@pytest.mark.parametrize("content_type", ["", "text/html", "application/json", "multipart/mixed"])
def test_what_is_no_answer_to_a_batch(content_type: str) -> None:
    with pytest.raises(ValueError, match="the answer to a batch is"):
        decode_answers(content_type, b"<html>", 1)
