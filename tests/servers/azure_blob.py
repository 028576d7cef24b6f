# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A storage account in memory, for what Azurite lacks: versions, soft delete, immutability, encryption scopes, slow deletions.

Written from Microsoft's reference; each behaviour names its page below https://learn.microsoft.com/rest/api/storageservices/.
Signatures are not verified: Azurite does that.

    with BlobServer(versioning=True) as server:
        server.container("logs").put("a", b"x")
        ...  # a client at server.endpoint
"""

from __future__ import annotations

import http.server
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime, parsedate_to_datetime
from itertools import count
from types import TracebackType
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from tests.servers.operations import name_azure_operation

ACCOUNT = "memory"
KEY = "bWVtb3J5"
LONG_AGO = datetime(2026, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Refusal(Exception):
    """An error answer (blob-service-error-codes)."""

    status: int
    code: str
    message: str = "refused"


@dataclass
class Record:
    """A blob, a version of one, or a snapshot of one."""

    name: str
    size: int
    modified: datetime
    snapshot: str = ""
    version_id: str = ""
    current: bool = True
    leased: bool = False
    legal_hold: bool = False
    locked_until: datetime | None = None
    days_left: int | None = None
    """None: not deleted."""

    def same(self, snapshot: str, version: str) -> bool:
        """Whether a request that names these means this one (delete-blob: without them, the current blob)."""
        if snapshot or version:
            return (self.snapshot, self.version_id if version else "") == (snapshot, version)
        return not self.snapshot and self.current


@dataclass
class ContainerState:
    """A container and what it holds."""

    name: str
    server: BlobServer
    metadata: dict[str, str] = field(default_factory=dict)
    access: str = ""
    acl: bytes = b"<SignedIdentifiers/>"
    scope: str = "$account-encryption-key"
    deny_override: bool = False
    leased: bool = False
    legal_hold: bool = False
    policy: bool = False
    version_level: bool = False
    modified: datetime = LONG_AGO
    records: list[Record] = field(default_factory=list)
    gone_at: float | None = None
    """When the deletion, which is under way, ends (seconds of time.monotonic); None: it isn't being deleted."""

    def put(self, name: str, size: int = 1, modified: datetime = LONG_AGO) -> Record:
        """Write a blob. With versioning, what was there becomes a previous version (versioning-overview)."""
        old = self.find(name)
        if old is not None and self.server.versioning:
            old.current = False
        elif old is not None:
            self.records.remove(old)
        record = Record(name, size, modified, version_id=self.server.next_id() if self.server.versioning else "")
        self.records.append(record)
        return record

    def take_snapshot(self, name: str, at: datetime | None = None) -> Record:
        """Take a snapshot (snapshot-blob)."""
        base = self.find(name)
        assert base is not None
        record = replace(base, snapshot=self.server.next_id(at), version_id="", leased=False)
        self.records.append(record)
        return record

    def find(self, name: str, snapshot: str = "", version: str = "") -> Record | None:
        """A record that isn't deleted."""
        return next(
            (one for one in self.records if one.name == name and one.days_left is None and one.same(snapshot, version)),
            None,
        )

    def holds(self) -> Counter[str]:
        """Count what is there, by kind."""
        kinds = (
            "deleted"
            if one.days_left is not None
            else "snapshot"
            if one.snapshot
            else "blob"
            if one.current
            else "version"
            for one in self.records
        )
        return Counter(kinds)


class BlobServer:
    """The account as a server in threads of this process; ``endpoint`` is its URL while it runs.

    :param versioning: every write and delete keeps what was there as a previous version.
    :param soft_delete_days: what is deleted is kept, and listed on request, for so long; 0: it isn't.
    :param deletion_seconds: how long a container that is deleted keeps its name.
    :param page: entries of a page, 5,000 at the most.
    """

    def __init__(
        self, *, versioning: bool = False, soft_delete_days: int = 0, deletion_seconds: float = 0.0, page: int = 5000
    ) -> None:
        self.versioning, self.soft_delete_days = versioning, soft_delete_days
        self.deletion_seconds, self.page = deletion_seconds, page
        self.public_access_allowed = True
        self.containers: dict[str, ContainerState] = {}
        self.calls: Counter[str] = Counter()
        self.refuse: Callable[[str], Refusal | None] = lambda _name: None
        """Asked for each blob that is to be deleted."""
        self.endpoint = ""
        self.lock = threading.RLock()
        self._ids = count()
        self._http: http.server.ThreadingHTTPServer | None = None

    def container(self, name: str) -> ContainerState:
        """A container, which is made where there is none."""
        with self.lock:
            return self.containers.setdefault(name, ContainerState(name, self))

    def next_id(self, at: datetime | None = None) -> str:
        """A time that nothing else has, as versions and snapshots are named."""
        return f"{(at or LONG_AGO).strftime('%Y-%m-%dT%H:%M:%S')}.{next(self._ids):07d}Z"

    def __enter__(self) -> BlobServer:
        handler = type("Handler", (_Handler,), {"account": self})
        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        self.endpoint = f"http://127.0.0.1:{self._http.server_port}/{ACCOUNT}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._http is not None:
            self._http.shutdown()
            self._http.server_close()

    # ---- containers

    def existing(self, name: str) -> ContainerState:
        """A container that is there (get-container-properties, delete-container: 404 or 409 while it is being deleted)."""
        found = self.containers.get(name)
        if found is not None and found.gone_at is not None:
            if time.monotonic() < found.gone_at:
                raise Refusal(409, "ContainerBeingDeleted")
            found = self.containers.pop(name) and None
        if found is None:
            raise Refusal(404, "ContainerNotFound", "The specified container does not exist.")
        return found

    def create(self, name: str, headers: Mapping[str, str]) -> None:
        """create-container."""
        try:
            self.existing(name)
        except Refusal as refusal:
            if refusal.status == 409:
                raise
        else:
            raise Refusal(409, "ContainerAlreadyExists")
        access = headers.get("x-ms-blob-public-access", "")
        self._check_access(access)
        state = self.container(name)
        state.metadata, state.access, state.modified = _metadata(headers), access, _now()
        state.scope = headers.get("x-ms-default-encryption-scope", state.scope)
        state.deny_override = headers.get("x-ms-deny-encryption-scope-override", "false").lower() == "true"

    def _check_access(self, access: str) -> None:
        """set-container-acl: 409 where the account doesn't allow public access."""
        if access and not self.public_access_allowed:
            raise Refusal(409, "PublicAccessNotPermitted", "Public access is not permitted on this storage account.")

    def delete(self, name: str) -> None:
        """delete-container: 412 where it is leased, 409 where it must be kept for as long as it holds a blob (immutable storage)."""
        state = self.existing(name)
        if state.leased:
            raise Refusal(412, "LeaseIdMissing", "There is currently a lease on the container.")
        if any(one.days_left is None for one in state.records):
            for kept, code in (
                (state.legal_hold, "ContainerHasLegalHold"),
                (state.policy, "ContainerImmutabilityPolicyLocked"),
                (state.version_level, "ContainerProtectedFromDeletion"),
            ):
                if kept:
                    raise Refusal(409, code)
        state.gone_at = time.monotonic() + self.deletion_seconds

    def set_acl(self, name: str, headers: Mapping[str, str], body: bytes) -> None:
        """set-container-acl replaces access and policies, and heeds If-Unmodified-Since."""
        state = self.existing(name)
        since = headers.get("if-unmodified-since")
        if since and state.modified.replace(microsecond=0) > parsedate_to_datetime(since):
            raise Refusal(
                412, "ConditionNotMet", "The condition specified using HTTP conditional header(s) is not met."
            )
        access = headers.get("x-ms-blob-public-access", "")
        self._check_access(access)
        state.access, state.acl, state.modified = access, body or b"<SignedIdentifiers/>", _now()

    # ---- blobs

    def delete_blob(self, container: str, name: str, query: Mapping[str, str], headers: Mapping[str, str]) -> None:
        """delete-blob."""
        state = self.existing(container)
        refusal = self.refuse(name)
        if refusal is not None:
            raise refusal
        snapshot, version = query.get("snapshot", ""), query.get("versionid", "")
        found = state.find(name, snapshot, version)
        if found is None:
            raise Refusal(404, "BlobNotFound", "The specified blob does not exist.")
        asked = headers.get("x-ms-delete-snapshots", "")
        if asked and (snapshot or version):
            raise Refusal(400, "InvalidHeaderValue", "x-ms-delete-snapshots goes with a base blob only.")
        if version and found.current:
            raise Refusal(409, "OperationNotAllowedOnRootBlob")
        snapshots = (
            []
            if snapshot or version
            else [one for one in state.records if one.name == name and one.snapshot and one.days_left is None]
        )
        if snapshots and asked != "include":
            raise Refusal(409, "SnapshotsPresent", "This operation is not permitted while the blob has snapshots.")
        _check_free(state, found)
        for one in snapshots:
            self._remove(state, one)
        if self.versioning and found.current and not snapshot:
            found.current = False
        else:
            self._remove(state, found)

    def _remove(self, state: ContainerState, record: Record) -> None:
        """soft-delete-blob-overview: kept for some days, listed with include=deleted."""
        if self.soft_delete_days:
            record.days_left = self.soft_delete_days
        else:
            state.records.remove(record)


def _check_free(state: ContainerState, found: Record) -> None:
    if state.legal_hold or found.legal_hold:
        raise Refusal(409, "BlobImmutableDueToLegalHold", "This operation is not permitted as the blob is immutable.")
    if found.locked_until is not None and found.locked_until > _now():
        raise Refusal(
            409, "BlobImmutableDueToPolicy", "This operation is not permitted as the blob is immutable due to a policy."
        )
    if found.leased:
        raise Refusal(412, "LeaseIdMissing", "There is currently a lease on the blob and no lease ID was specified.")


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _metadata(headers: Mapping[str, str]) -> dict[str, str]:
    return {name[10:]: value for name, value in headers.items() if name.startswith("x-ms-meta-")}


def _http_date(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)


# Answers


def _lease_xml(leased: bool) -> str:
    status, state = ("locked", "leased") if leased else ("unlocked", "available")
    duration = "<LeaseDuration>infinite</LeaseDuration>" if leased else ""
    return f"<LeaseStatus>{status}</LeaseStatus><LeaseState>{state}</LeaseState>{duration}"


def _container_xml(state: ContainerState) -> str:
    """list-containers."""
    flags = {
        "PublicAccess": state.access,
        "HasImmutabilityPolicy": str(state.policy).lower(),
        "HasLegalHold": str(state.legal_hold).lower(),
        "ImmutableStorageWithVersioningEnabled": str(state.version_level).lower(),
        "DefaultEncryptionScope": state.scope,
        "DenyEncryptionScopeOverride": str(state.deny_override).lower(),
    }
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in flags.items() if value)
    metadata = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in state.metadata.items())
    return (
        f"<Container><Name>{state.name}</Name><Properties><Last-Modified>{_http_date(state.modified)}</Last-Modified>"
        f'<Etag>"0x1"</Etag>{_lease_xml(state.leased)}{inner}</Properties><Metadata>{metadata}</Metadata></Container>'
    )


def _record_xml(record: Record, include: str) -> str:
    """list-blobs: policies and holds only where ``include`` names them."""
    parts = [f"<Name>{escape(record.name)}</Name>"]
    parts += ["<Deleted>true</Deleted>"] * (record.days_left is not None)
    parts += [f"<Snapshot>{record.snapshot}</Snapshot>"] * bool(record.snapshot)
    parts += [f"<VersionId>{record.version_id}</VersionId>"] * bool(record.version_id)
    parts += ["<IsCurrentVersion>true</IsCurrentVersion>"] * bool(record.version_id and record.current)
    own = [f"<Last-Modified>{_http_date(record.modified)}</Last-Modified><Etag>0x1</Etag>"]
    own.append(
        f"<Content-Length>{record.size}</Content-Length><BlobType>BlockBlob</BlobType>{_lease_xml(record.leased)}"
    )
    if record.locked_until is not None and "immutabilitypolicy" in include:
        own.append(f"<ImmutabilityPolicyUntilDate>{_http_date(record.locked_until)}</ImmutabilityPolicyUntilDate>")
        own.append("<ImmutabilityPolicyMode>Unlocked</ImmutabilityPolicyMode>")
    own += ["<LegalHold>true</LegalHold>"] * (record.legal_hold and "legalhold" in include)
    if record.days_left is not None:
        own.append(f"<DeletedTime>{_http_date(_now())}</DeletedTime>")
        own.append(f"<RemainingRetentionDays>{record.days_left}</RemainingRetentionDays>")
    return f"<Blob>{''.join(parts)}<Properties>{''.join(own)}</Properties></Blob>"


def _listed(state: ContainerState, query: Mapping[str, str]) -> Iterator[Record]:
    """list-blobs: what ``include`` doesn't name isn't shown; by name, snapshots and versions from the oldest on."""
    include = set(query.get("include", "").split(","))
    for record in sorted(state.records, key=lambda one: (one.name, one.snapshot or "z", one.version_id)):
        shown = (
            (not record.snapshot or "snapshots" in include)
            and (record.current or "versions" in include)
            and (record.days_left is None or "deleted" in include)
        )
        if shown and record.name.startswith(query.get("prefix", "")):
            yield record


_PART = re.compile(rb"Content-ID: (\d+)\r\n.*?\r\n\r\nDELETE (\S+) HTTP/1.1\r\n(.*?)\r\n\r\n", re.S)


class _Handler(http.server.BaseHTTPRequestHandler):
    """Takes requests apart."""

    account: BlobServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        operation = name_azure_operation(self.command, self.path)
        _root, _account, container, *rest = (*parts.path.split("/", 3), "", "")
        blob = unquote(rest[0])
        with self.account.lock:
            self.account.calls[operation] += 1
            try:
                answer = self._answer(operation, container, blob, query, headers, body)
            except Refusal as refusal:
                answer = _refused(refusal)
        self._send(*answer)

    do_GET = do_PUT = do_DELETE = do_POST = do_HEAD = _serve

    def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), "x-ms-version": "2023-11-03", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _answer(  # noqa: C901  # one line for each operation
        self,
        operation: str,
        container: str,
        blob: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
    ) -> tuple[int, dict[str, str], bytes]:
        account = self.account
        match operation:
            case "ListContainers":
                return 200, _XML, self._containers(query)
            case "CreateContainer":
                account.create(container, headers)
                return 201, _stamp(_now()), b""
            case "DeleteContainer":
                account.delete(container)
                return 202, {}, b""
            case "SetContainerAcl":
                account.set_acl(container, headers, body)
                return 200, _stamp(_now()), b""
            case "SubmitBatch":
                return self._batch(container, body)
            case "DeleteBlob":
                account.delete_blob(container, blob, query, headers)
                return 202, {}, b""
        state = account.existing(container)
        match operation:
            case "GetContainerProperties":
                return 200, _properties(state), b""
            case "GetContainerAcl":
                return 200, {**_XML, **_stamp(state.modified), "x-ms-blob-public-access": state.access}, state.acl
            case "SetContainerMetadata":
                state.metadata, state.modified = _metadata(headers), _now()
                return 200, _stamp(state.modified), b""
            case "LeaseContainer" | "LeaseBlob":
                return _lease(state if operation == "LeaseContainer" else state.find(blob), headers)
            case "ListBlobs":
                return 200, _XML, self._blobs(state, query)
        raise Refusal(400, "APINotImplemented", operation)

    def _containers(self, query: Mapping[str, str]) -> bytes:
        prefix = query.get("prefix", "")
        found = [
            state
            for name, state in sorted(self.account.containers.items())
            if name.startswith(prefix) and state.gone_at is None
        ]
        inner = "".join(_container_xml(state) for state in found)
        text = f'<EnumerationResults ServiceEndpoint="{self.account.endpoint}"><Containers>{inner}</Containers>'
        return f'<?xml version="1.0"?>{text}<NextMarker /></EnumerationResults>'.encode()

    def _blobs(self, state: ContainerState, query: Mapping[str, str]) -> bytes:
        """A marker is the place to go on from; entries that were removed meanwhile don't move it."""
        found = list(_listed(state, query))
        names = [f"{one.name}\0{one.snapshot}\0{one.version_id}" for one in found]
        marker = unquote(query.get("marker", ""))
        start = next((place for place, name in enumerate(names) if name > marker), len(names)) if marker else 0
        page = found[start : start + self.account.page]
        more = start + self.account.page < len(found)
        following = quote(names[start + len(page) - 1]) if more else ""
        inner = "".join(_record_xml(one, query.get("include", "")) for one in page)
        where = f'ServiceEndpoint="{self.account.endpoint}" ContainerName="{state.name}"'
        text = f"<EnumerationResults {where}><Blobs>{inner}</Blobs><NextMarker>{following}</NextMarker></EnumerationResults>"
        return f'<?xml version="1.0" encoding="utf-8"?>{text}'.encode()

    def _batch(self, container: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """blob-batch: an answer for each, under its Content-ID; here from the last to the first, so that nobody relies on the order."""
        self.account.existing(container)
        asked = _PART.findall(body)
        if len(asked) > 256:
            raise Refusal(400, "ExceedsMaxBatchRequestCount")
        answers = []
        for number, target, lines in asked:
            parts = urlsplit(target.decode())
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            pairs = (line.partition(": ") for line in lines.decode().split("\r\n"))
            headers = {name.lower(): value for name, _colon, value in pairs}
            _root, _account, named, blob = parts.path.split("/", 3)
            try:
                assert named == container, f"{named} is not {container}"
                self.account.delete_blob(named, unquote(blob), query, headers)
                text = "HTTP/1.1 202 Accepted\r\nx-ms-version: 2023-11-03\r\n\r\n"
            except Refusal as refusal:
                _status, _headers, error = _refused(refusal)
                text = f"HTTP/1.1 {refusal.status} {refusal.message}\r\nx-ms-error-code: {refusal.code}\r\n\r\n{error.decode()}"
            answers.append(
                f"--batch_x\r\nContent-Type: application/http\r\nContent-ID: {number.decode()}\r\n\r\n{text}\r\n"
            )
        return (
            202,
            {"Content-Type": "multipart/mixed; boundary=batch_x"},
            ("".join(reversed(answers)) + "--batch_x--").encode(),
        )


_XML = {"Content-Type": "application/xml"}


def _refused(refusal: Refusal) -> tuple[int, dict[str, str], bytes]:
    text = (
        f'<?xml version="1.0"?><Error><Code>{refusal.code}</Code><Message>{escape(refusal.message)}</Message></Error>'
    )
    return refusal.status, {**_XML, "x-ms-error-code": refusal.code}, text.encode()


def _stamp(moment: datetime) -> dict[str, str]:
    return {"Last-Modified": _http_date(moment), "ETag": '"0x1"'}


def _properties(state: ContainerState) -> dict[str, str]:
    """get-container-properties."""
    status, lease = ("locked", "leased") if state.leased else ("unlocked", "available")
    return {
        **_stamp(state.modified),
        "x-ms-lease-status": status,
        "x-ms-lease-state": lease,
        **({"x-ms-blob-public-access": state.access} if state.access else {}),
        "x-ms-has-immutability-policy": str(state.policy).lower(),
        "x-ms-has-legal-hold": str(state.legal_hold).lower(),
        "x-ms-immutable-storage-with-versioning-enabled": str(state.version_level).lower(),
        "x-ms-default-encryption-scope": state.scope,
        "x-ms-deny-encryption-scope-override": str(state.deny_override).lower(),
        **{f"x-ms-meta-{name}": value for name, value in state.metadata.items()},
    }


def _lease(leased: ContainerState | Record | None, headers: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
    """lease-container, lease-blob: break only, at once."""
    if leased is None:
        raise Refusal(404, "BlobNotFound")
    if headers.get("x-ms-lease-action") != "break":
        raise Refusal(400, "APINotImplemented")
    if not leased.leased:
        raise Refusal(409, "LeaseNotPresentWithLeaseOperation")
    leased.leased = False
    return 202, {**_stamp(_now()), "x-ms-lease-time": "0"}, b""


def identifiers(acl: bytes) -> list[str]:
    """The ids of stored access policies."""
    return [str(one.text) for one in ElementTree.fromstring(acl).iter("Id")]


def in_days(days: float) -> datetime:
    """A moment from now."""
    return _now() + timedelta(days=days)
