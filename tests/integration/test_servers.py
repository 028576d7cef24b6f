# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The test bench itself: a fault that does not strike, or strikes the wrong request, makes every other test lie."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.integration.harness import ROOT
from tests.integration.s3 import Client, S3Server, put_all, set_versioning, versions_of
from tests.servers.child import ServerError, ServerProcess
from tests.servers.fault_proxy import FaultProxy, FaultProxyProcess
from tests.servers.moto import MotoServer, seed_versions
from tests.servers.operations import error_body, name_operation


class Echo(BaseHTTPRequestHandler):
    """A server that answers with what it was sent, and remembers it."""

    protocol_version = "HTTP/1.1"

    def _reply(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self._chunks() if "chunked" in self.headers.get("Transfer-Encoding", "") else self.rfile.read(length)
        self.server.seen.append((self.command, self.path, dict(self.headers), body))  # type: ignore[attr-defined]
        if self.path == "/close":
            self.close_connection = True
            self.connection.shutdown(2)
            return
        self.send_response(204 if self.path == "/empty" else 200)
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for part in (b"one", b"two" * 1000):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.write(b"0\r\n\r\n")
            return
        if self.path == "/until-close":
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(b"to the end")
            return
        if self.path != "/empty":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and self.path != "/empty":
            self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = _reply

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, *_args: object) -> None:
        """Stay silent."""


class EchoServer(ThreadingHTTPServer):
    """The echoing server, with what it has seen and how many connections it took."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Echo)
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.connections = 0

    def get_request(self) -> tuple[object, object]:  # type: ignore[override]
        """Count the connection."""
        self.connections += 1
        return super().get_request()


@pytest.fixture
def echo() -> Iterator[EchoServer]:
    """A running echo server."""
    with EchoServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def before_echo(echo: EchoServer) -> Iterator[FaultProxy]:
    """A proxy before it."""
    with FaultProxy(f"http://127.0.0.1:{echo.server_port}") as proxy:
        yield proxy


@pytest.fixture
def connection(before_echo: FaultProxy) -> Iterator[http.client.HTTPConnection]:
    """One keep-alive connection to the proxy."""
    connection = http.client.HTTPConnection(urlsplit(before_echo.endpoint).netloc, timeout=30)
    yield connection
    connection.close()


def fetch(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None
) -> tuple[int, bytes]:
    """Send one request and return status and body."""
    connection.request(method, path, body)
    answer = connection.getresponse()
    return answer.status, answer.read()


# Plain forwarding


def test_host_and_other_headers_go_through_unchanged(
    echo: EchoServer, before_echo: FaultProxy, connection: http.client.HTTPConnection
) -> None:
    connection.request("PUT", "/b/k", b"body", {"X-Amz-Date": "now", "Authorization": "AWS4 x"})
    assert connection.getresponse().read() == b"body"
    _unused, path, headers, _ignored = echo.seen[0]
    assert path == "/b/k"
    assert headers["Host"] == urlsplit(before_echo.endpoint).netloc
    assert headers["X-Amz-Date"] == "now"
    assert headers["Authorization"] == "AWS4 x"


def test_one_client_connection_is_one_server_connection(
    echo: EchoServer, connection: http.client.HTTPConnection
) -> None:
    for number in range(20):
        assert fetch(connection, "POST", "/b/k", b"%d" % number) == (200, b"%d" % number)
    assert echo.connections == 1


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        pytest.param("HEAD", "/b/k", 200, b"", id="head"),
        pytest.param("GET", "/empty", 204, b"", id="204"),
        pytest.param("GET", "/chunked", 200, b"one" + b"two" * 1000, id="chunked"),
        pytest.param("GET", "/until-close", 200, b"to the end", id="until close"),
    ],
)
def test_framing_of_answers(
    connection: http.client.HTTPConnection, method: str, path: str, status: int, body: bytes
) -> None:
    for _again in range(2):
        assert fetch(connection, method, path) == (status, body)
    assert fetch(connection, "POST", "/b/k", b"the next one is right as well") == (
        200,
        b"the next one is right as well",
    )


@pytest.mark.parametrize("size", [0, 1, 70_000, 5_000_000])
def test_bodies_of_any_size_both_ways(connection: http.client.HTTPConnection, size: int) -> None:
    body = os.urandom(size)
    assert fetch(connection, "PUT", "/b/k", body) == (200, body)


def test_chunked_request(echo: EchoServer, connection: http.client.HTTPConnection) -> None:
    connection.request("PUT", "/b/k", iter([b"a" * 10, b"b" * 300_000]), encode_chunked=True)
    assert connection.getresponse().read() == b"a" * 10 + b"b" * 300_000
    assert fetch(connection, "GET", "/b/k") == (200, b"")


def test_expect_100_continue_is_answered_by_the_proxy(echo: EchoServer, before_echo: FaultProxy) -> None:
    connection = http.client.HTTPConnection(urlsplit(before_echo.endpoint).netloc, timeout=30)
    connection.putrequest("PUT", "/b/k")
    connection.putheader("Expect", "100-continue")
    connection.putheader("Content-Length", "4")
    connection.endheaders()
    assert connection.sock.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.send(b"late")
    assert connection.getresponse().read() == b"late"
    assert "Expect" not in echo.seen[0][2]
    connection.close()


def test_a_server_that_closes_without_an_answer_is_passed_on(connection: http.client.HTTPConnection) -> None:
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        fetch(connection, "GET", "/close")


def test_latency_is_added_to_each_request(before_echo: FaultProxy, connection: http.client.HTTPConnection) -> None:
    fetch(connection, "GET", "/b/k")
    before_echo.latency = 0.05
    start = time.monotonic()
    for _unused in range(4):
        fetch(connection, "GET", "/b/k")
    assert 0.2 <= time.monotonic() - start < 5


# Names of operations


@pytest.mark.parametrize(
    ("method", "target", "operation"),
    [
        ("GET", "/", "ListBuckets"),
        ("GET", "/?max-buckets=10", "ListBuckets"),
        ("PUT", "/b", "CreateBucket"),
        ("HEAD", "/b", "HeadBucket"),
        ("DELETE", "/b", "DeleteBucket"),
        ("GET", "/b?versions&prefix=policy", "ListObjectVersions"),
        ("GET", "/b?uploads", "ListMultipartUploads"),
        ("GET", "/b?list-type=2&prefix=acl", "ListObjectsV2"),
        ("GET", "/b", "ListObjects"),
        ("POST", "/b?delete", "DeleteObjects"),
        ("GET", "/b?location", "GetBucketLocation"),
        ("PUT", "/b?versioning", "PutBucketVersioning"),
        ("GET", "/b?publicAccessBlock", "GetPublicAccessBlock"),
        ("DELETE", "/b?publicAccessBlock", "DeletePublicAccessBlock"),
        ("DELETE", "/b?lifecycle", "DeleteBucketLifecycle"),
        ("PUT", "/b?lifecycle", "PutBucketLifecycleConfiguration"),
        ("DELETE", "/b?encryption", "DeleteBucketEncryption"),
        ("GET", "/b?object-lock", "GetObjectLockConfiguration"),
        ("GET", "/b?policyStatus", "GetBucketPolicyStatus"),
        ("DELETE", "/b?ownershipControls", "DeleteBucketOwnershipControls"),
        ("GET", "/b/k", "GetObject"),
        ("PUT", "/b/dir/", "PutObject"),
        ("DELETE", "/b/k?versionId=null", "DeleteObject"),
        ("PUT", "/b/k?retention", "PutObjectRetention"),
        ("POST", "/b/k?uploads", "CreateMultipartUpload"),
        ("PUT", "/b/k?partNumber=1&uploadId=x", "UploadPart"),
        ("DELETE", "/b/k?uploadId=x", "AbortMultipartUpload"),
        ("POST", "/b/k?uploadId=x", "CompleteMultipartUpload"),
        ("GET", "/b/k?uploadId=x", "ListParts"),
    ],
)
def test_names_of_s3_operations(method: str, target: str, operation: str) -> None:
    assert name_operation(method, target, {}) == ("s3", operation)


FORM = "application/x-www-form-urlencoded; charset=utf-8"


@pytest.mark.parametrize(
    ("headers", "target", "body", "named"),
    [
        pytest.param(
            {"content-type": FORM}, "/", b"Action=GetCallerIdentity&V=1", ("query", "GetCallerIdentity"), id="query"
        ),
        pytest.param(
            {"content-type": FORM, "authorization": "AWS4 Credential=K/20260101/us-east-1/ec2/aws4_request, x"},
            "/",
            b"V=1&Action=StopInstances",
            ("ec2", "StopInstances"),
            id="ec2",
        ),
        pytest.param({"x-amz-target": "AmazonSQS.SendMessage"}, "/", b"{}", ("json", "SendMessage"), id="json"),
        pytest.param(
            {"smithy-protocol": "rpc-v2-cbor"},
            "/service/GraniteServiceVersion20100801/operation/GetMetricData",
            b"\xa0",
            ("cbor", "GetMetricData"),
            id="cbor",
        ),
    ],
)
def test_names_of_other_protocols(headers: dict[str, str], target: str, body: bytes, named: tuple[str, str]) -> None:
    assert name_operation("POST", target, headers, body) == named


def test_error_bodies_are_each_protocols_own() -> None:
    assert b"<Error><Code>SlowDown</Code>" in error_body("s3", "SlowDown", "m")[1]
    assert b"<Response><Errors><Error><Code>X</Code>" in error_body("ec2", "X", "m")[1]
    assert b"<ErrorResponse><Error><Code>X</Code>" in error_body("query", "X", "m")[1]
    assert json.loads(error_body("json", "X", "m")[1]) == {"__type": "X", "message": "m"}
    assert error_body("cbor", "X", "m")[1] == b"\xa2\x79\x00\x06__type\x79\x00\x01X\x79\x00\x07message\x79\x00\x01m"


@pytest.mark.parametrize("service", ["ec2", "sts", "sqs", "cloudwatch"])
def test_boto3_reads_injected_errors(moto: MotoServer, service: str) -> None:
    calls = {
        "ec2": ("describe_instances", "DescribeInstances"),
        "sts": ("get_caller_identity", "GetCallerIdentity"),
        "sqs": ("list_queues", "ListQueues"),
        "cloudwatch": ("list_metrics", "ListMetrics"),
    }
    method, operation = calls[service]
    with FaultProxy(moto.endpoint) as proxy:
        client: Client = boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=proxy.endpoint,
            aws_access_key_id="a",
            aws_secret_access_key="b",
            region_name="us-east-1",
            config=Config(retries={"total_max_attempts": 1}),
        )
        getattr(client, method)()
        proxy.fail(operation, "TestedCode", message="said so")
        with pytest.raises(ClientError, match="said so") as caught:
            getattr(client, method)()
        client.close()
        assert caught.value.response["Error"]["Code"] == "TestedCode"
        assert proxy.calls == {operation: 2}
        assert proxy.faults == {operation: 1}


# Faults


def test_rules_count_only_what_they_match(before_echo: FaultProxy, connection: http.client.HTTPConnection) -> None:
    before_echo.fail("PutObject", "SlowDown", nth=2)
    before_echo.fail("GetObject", "InternalError", first=1, when=lambda request: request.key == "bad key")
    seen = [
        fetch(connection, method, path)[0]
        for method, path in [
            ("PUT", "/b/a"),
            ("GET", "/b/a"),
            ("PUT", "/b/a"),
            ("GET", "/b/bad%20key"),
            ("PUT", "/b/a"),
            ("GET", "/b/bad%20key"),
        ]
    ]
    assert seen == [200, 200, 503, 500, 200, 200]
    assert before_echo.calls == {"PutObject": 3, "GetObject": 3}
    assert before_echo.faults == {"PutObject": 1, "GetObject": 1}


def test_probability_is_seeded(before_echo: FaultProxy, connection: http.client.HTTPConnection) -> None:
    runs = []
    for _run in range(2):
        before_echo.reset()
        before_echo.fail(None, "SlowDown", probability=0.3, seed=7)
        runs.append([fetch(connection, "GET", "/b/k")[0] for _unused in range(60)])
    assert runs[0] == runs[1]
    assert 8 <= runs[0].count(503) <= 30


def test_an_injected_error_after_a_large_upload_keeps_the_connection_in_step(
    echo: EchoServer, before_echo: FaultProxy, connection: http.client.HTTPConnection
) -> None:
    before_echo.fail("PutObject", "AccessDenied", first=1)
    status, body = fetch(connection, "PUT", "/b/k", b"x" * 3_000_000)
    assert (status, b"<Code>AccessDenied</Code>" in body) == (403, True)
    assert fetch(connection, "PUT", "/b/k", b"again") == (200, b"again")
    assert len(echo.seen) == 1


@pytest.mark.parametrize(("after", "arrived"), [(False, 0), (True, 1)], ids=["before", "after"])
def test_drop(
    echo: EchoServer, before_echo: FaultProxy, connection: http.client.HTTPConnection, after: bool, arrived: int
) -> None:
    before_echo.drop("PutObject", after_forwarding=after, first=1)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        fetch(connection, "PUT", "/b/k", b"x")
    assert len(echo.seen) == arrived
    connection.close()
    assert fetch(connection, "PUT", "/b/k", b"x") == (200, b"x")


def test_truncate(before_echo: FaultProxy, connection: http.client.HTTPConnection) -> None:
    before_echo.truncate("PutObject", 10)
    with pytest.raises(http.client.IncompleteRead) as caught:
        fetch(connection, "PUT", "/b/k", b"x" * 1000)
    assert caught.value.partial == b"x" * 10


def test_delay_and_hook(before_echo: FaultProxy, connection: http.client.HTTPConnection) -> None:
    keys: list[str] = []
    before_echo.hook("GetObject", lambda request: keys.append(request.key))
    before_echo.delay("PutObject", 0.1)
    start = time.monotonic()
    fetch(connection, "GET", "/b/one")
    fetch(connection, "PUT", "/b/two", b"")
    assert time.monotonic() - start >= 0.1
    assert keys == ["one"]


def test_hold_until_released(echo: EchoServer, before_echo: FaultProxy, connection: http.client.HTTPConnection) -> None:
    hold = before_echo.hold("PutObject", nth=1)
    answers: list[tuple[int, bytes]] = []
    thread = threading.Thread(target=lambda: answers.append(fetch(connection, "PUT", "/b/k", b"held")))
    thread.start()
    assert hold.wait_until_reached(10)
    assert (echo.seen, answers) == ([], [])
    hold.release()
    thread.join(10)
    assert answers == [(200, b"held")]


def test_what_is_held_for_a_client_that_went_away_is_never_forwarded(echo: EchoServer, before_echo: FaultProxy) -> None:
    hold = before_echo.hold("PutObject")
    connection = http.client.HTTPConnection(urlsplit(before_echo.endpoint).netloc)
    connection.request("PUT", "/b/k", b"held")
    assert hold.wait_until_reached(10)
    connection.close()
    deadline = time.monotonic() + 10
    while before_echo.stats()["in_flight"] and time.monotonic() < deadline:
        time.sleep(0.01)
    hold.release()
    assert echo.seen == []


def test_in_flight_peak(before_echo: FaultProxy) -> None:
    before_echo.latency = 0.1

    def one() -> None:
        connection = http.client.HTTPConnection(urlsplit(before_echo.endpoint).netloc)
        fetch(connection, "GET", "/b/k")
        connection.close()

    threads = [threading.Thread(target=one) for _unused in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert before_echo.in_flight_peak == 5


# With a real client and server


@pytest.fixture
def through(s3_server: S3Server, fault_proxy: FaultProxy) -> Iterator[Client]:
    """A boto3 client that goes through the proxy."""
    client = s3_server.via(fault_proxy).client()
    yield client
    client.close()


ODD_KEYS = ["plain", "with space", "ünïcødé/日本", "a+b%20c&d<e>", "line\nbreak", "k" * 900]


def test_key_errors(bucket: str, s3: Client, through: Client, fault_proxy: FaultProxy) -> None:
    set_versioning(s3, bucket)
    put_all(s3, bucket, ODD_KEYS)
    everything = [{"Key": key, "VersionId": version} for _kind, key, version in versions_of(s3, bucket)]
    refused = fault_proxy.key_errors(lambda key, _version: key in ODD_KEYS[:-1], "InternalError", times=1)
    answer = through.delete_objects(Bucket=bucket, Delete={"Objects": everything, "Quiet": True})
    assert sorted(error["Key"] for error in answer["Errors"]) == sorted(ODD_KEYS[:-1])
    assert {error["Code"] for error in answer["Errors"]} == {"InternalError"}
    left = versions_of(s3, bucket)
    assert sorted(key for _kind, key, _version in left) == sorted(ODD_KEYS[:-1])
    assert {error["VersionId"] for error in answer["Errors"]} == {version for _kind, _key, version in left}
    again = [{"Key": error["Key"], "VersionId": error["VersionId"]} for error in answer["Errors"]]
    assert "Errors" not in through.delete_objects(Bucket=bucket, Delete={"Objects": again, "Quiet": True})
    assert versions_of(s3, bucket) == []
    assert sum(refused.refused.values()) == len(ODD_KEYS) - 1


def test_key_errors_for_all_keys_never_reach_the_server(
    bucket: str, s3: Client, through: Client, fault_proxy: FaultProxy
) -> None:
    put_all(s3, bucket, ["a", "b"])
    fault_proxy.key_errors(lambda _key, _version: True, "AccessDenied")
    for _again in range(2):
        answer = through.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a"}, {"Key": "b"}]})
        assert [error["Code"] for error in answer["Errors"]] == ["AccessDenied"] * 2
        assert "Deleted" not in answer
    assert len(versions_of(s3, bucket)) == 2


def test_large_object_through_the_proxy(bucket: str, through: Client) -> None:
    body = os.urandom(6_000_000)
    through.put_object(Bucket=bucket, Key="large", Body=body)
    assert through.get_object(Bucket=bucket, Key="large")["Body"].read() == body


def test_boto3_retries_what_is_dropped_or_cut_short(bucket: str, through: Client, fault_proxy: FaultProxy) -> None:
    fault_proxy.drop("PutObject", first=1)
    through.put_object(Bucket=bucket, Key="k", Body=b"x")
    fault_proxy.truncate("ListObjectVersions", 20, first=1)
    assert len(through.list_object_versions(Bucket=bucket)["Versions"]) == 1
    assert fault_proxy.calls == {"PutObject": 2, "ListObjectVersions": 2}


def test_remembered_configuration(bucket: str, through: Client, fault_proxy: FaultProxy) -> None:
    fault_proxy.remember("lifecycle", "NoSuchLifecycleConfiguration")
    with pytest.raises(ClientError, match="NoSuchLifecycleConfiguration"):
        through.get_bucket_lifecycle_configuration(Bucket=bucket)
    rule = {
        "ID": "one",
        "Status": "Enabled",
        "Filter": {"And": {"Prefix": "a", "ObjectSizeGreaterThan": 5}},
        "Expiration": {"Days": 3},
    }
    through.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    assert through.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == [rule]
    through.delete_bucket_lifecycle(Bucket=bucket)
    with pytest.raises(ClientError, match="NoSuchLifecycleConfiguration"):
        through.get_bucket_lifecycle_configuration(Bucket=bucket)


# Moto as S3 is


@pytest.mark.moto_only("they are moto's own corrections")
def test_paging_goes_on_when_the_last_version_given_out_is_deleted(
    s3_server: S3Server, s3: Client, bucket: str
) -> None:
    set_versioning(s3, bucket)
    seed_versions(s3_server.endpoint, bucket, keys=5, versions=5, prefix="d/")
    expected = versions_of(s3, bucket)
    seen: list[tuple[str, str, str]] = []
    markers: dict[str, str] = {}
    while True:
        page = s3.list_object_versions(Bucket=bucket, MaxKeys=3, **markers)
        found = [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in page["Versions"]]
        seen += [("version", entry["Key"], entry["VersionId"]) for entry in found]
        s3.delete_objects(Bucket=bucket, Delete={"Objects": found})
        if not page["IsTruncated"]:
            break
        markers = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}
    assert seen == expected
    assert len(seen) == 25
    assert versions_of(s3, bucket) == []


@pytest.mark.moto_only("they are moto's own corrections")
def test_more_than_1000_keys_at_once_are_refused(s3: Client, bucket: str) -> None:
    batch = [{"Key": str(number)} for number in range(1001)]
    with pytest.raises(ClientError, match="MalformedXML"):
        s3.delete_objects(Bucket=bucket, Delete={"Objects": batch})


@pytest.mark.moto_only("it looks at moto's listing")
def test_listing_order_and_latest(s3: Client, bucket: str) -> None:
    set_versioning(s3, bucket)
    put_all(s3, bucket, ["b", "a", "é", "Z"])
    first = s3.put_object(Bucket=bucket, Key="a", Body=b"")["VersionId"]
    s3.delete_object(Bucket=bucket, Key="a")
    page = s3.list_object_versions(Bucket=bucket)
    assert [entry["Key"] for entry in page["Versions"]] == ["Z", "a", "a", "b", "é"]
    assert [entry["IsLatest"] for entry in page["Versions"]] == [True, False, False, True, True]
    assert page["Versions"][1]["VersionId"] == first
    assert [(entry["Key"], entry["IsLatest"]) for entry in page["DeleteMarkers"]] == [("a", True)]


@pytest.mark.moto_only("they are moto's own corrections")
def test_suspended_versioning_keeps_what_is_there(s3: Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"null")
    set_versioning(s3, bucket)
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]
    s3.delete_object(Bucket=bucket, Key="never-there")
    set_versioning(s3, bucket, "Suspended")
    s3.put_object(Bucket=bucket, Key="k", Body=b"new null")
    assert versions_of(s3, bucket)[:2] == [("version", "k", "null"), ("version", "k", first)]
    s3.delete_object(Bucket=bucket, Key="k")
    assert ("marker", "k", "null") in versions_of(s3, bucket)
    assert len(versions_of(s3, bucket)) == 3
    for _kind, key, version in versions_of(s3, bucket):
        s3.delete_object(Bucket=bucket, Key=key, VersionId=version)
    assert versions_of(s3, bucket) == []


# The commands


@pytest.mark.parametrize("module", ["moto", "fault_proxy"])
def test_command_ends_cleanly_on_sigterm(tmp_path: Path, module: str) -> None:
    port_file, stats_file = tmp_path / "port", tmp_path / "stats"
    command = [sys.executable, "-m", f"tests.servers.{module}", "--port-file", str(port_file)]
    if module == "fault_proxy":
        command += ["--upstream", "http://127.0.0.1:1", "--stats-file", str(stats_file)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    endpoint = process.stdout.readline().strip()
    assert port_file.read_text(encoding="utf-8").strip() == endpoint
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == 0
    if module == "fault_proxy":
        assert json.loads(stats_file.read_text(encoding="utf-8"))["total"] == 0


def test_proxy_process_counts_and_resets(echo: EchoServer) -> None:
    with FaultProxyProcess(f"http://127.0.0.1:{echo.server_port}", latency_ms=1) as proxy:
        connection = http.client.HTTPConnection(urlsplit(proxy.endpoint).netloc)
        fetch(connection, "GET", "/b?versions")
        connection.close()
        assert proxy.stats(reset=True)["calls"] == {"ListObjectVersions": 1}
        assert proxy.stats()["total"] == 0


def test_a_server_that_does_not_start_says_why() -> None:
    with pytest.raises(ServerError, match="unrecognized arguments: --nonsense"):
        ServerProcess("tests.servers.fault_proxy", ["--upstream", "http://127.0.0.1:1", "--nonsense"]).start()


def test_a_server_ends_with_its_parent() -> None:
    code = (
        "import os, sys; from tests.servers.fault_proxy import FaultProxyProcess;"
        "print(FaultProxyProcess('http://127.0.0.1:1').start().pid, flush=True); os._exit(0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    pid, deadline = int(done.stdout), time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not Path(f"/proc/{pid}").exists()
