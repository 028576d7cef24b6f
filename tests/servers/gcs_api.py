# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls of Cloud Storage's JSON API, from paths and queries to the store and back.

https://cloud.google.com/storage/docs/json_api/v1
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from urllib.parse import parse_qsl, unquote

from tests.servers import gcs_batch, gcs_fields
from tests.servers.gcs_bucket_rules import Document
from tests.servers.gcs_errors import GcsError, invalid, not_found
from tests.servers.gcs_store import Store, StoredBucket

Query = dict[str, str]
API, UPLOAD, BATCH = "/storage/v1/", "/upload/storage/v1/", "/batch/storage/v1"
PERMISSIONS = {"patch": "update", "getIamPolicy": "getIamPolicy", "setIamPolicy": "setIamPolicy", "insert": "create"}


@dataclass(frozen=True)
class Answer:
    """Status, content type and body."""

    status: int
    body: bytes = b""
    content_type: str = "application/json; charset=UTF-8"


@dataclass
class Refusal:
    """What some deletions of objects meet, ``times`` times for each generation; None: for ever."""

    matches: Callable[[str, str], bool]
    error: GcsError
    times: int | None = None
    struck: Counter[tuple[str, str]] = field(default_factory=Counter)


class JsonApi:
    """Answers requests. Not safe for threads: the server calls it under a lock.

    :param projects: those that the caller owns. Buckets of others may not even be looked at.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.projects = {"project-of-tests"}
        self.owns_buckets = True
        """Whether the caller may work on a bucket with requester pays without naming a project to bill."""
        self.billable = {"project-of-tests"}
        self.tokens: dict[str, str] = {}
        """Access tokens and whose they are. Empty: everybody may do everything, with or without one."""
        self.denied: set[tuple[str, str]] = set()
        """Permissions that the caller lacks, each with a bucket, or "" for all."""
        self.refusals: list[Refusal] = []
        self.calls: Counter[str] = Counter()
        """Calls by their names in the reference. Those within batches count by themselves, besides the batch."""
        self.batch_sizes: list[int] = []
        self.queries: list[tuple[str, Query]] = []
        """Operation and query of each call, in order."""
        self.skipped_answers = 0
        """So many calls of the next batches are carried out and left out of the answer."""

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer a request, whatever comes of it."""
        path, _mark, text = target.partition("?")
        try:
            if path == BATCH and method == "POST":
                return self._batch(headers, body)
            query = dict(parse_qsl(text, keep_blank_values=True))
            return self._call(method, path, query, headers, body)
        except GcsError as error:
            return Answer(error.status, error.body())

    # ---- batches

    def _batch(self, headers: Mapping[str, str], body: bytes) -> Answer:
        self.calls["batch"] += 1
        self._check_token(headers)
        calls = gcs_batch.calls_of(headers.get("content-type", ""), body)
        self.batch_sizes.append(len(calls))

        def carry_out(call: gcs_batch.Call) -> tuple[int, bytes]:
            answer = self.answer(call.method, call.target, {**headers, **call.headers}, call.body)
            return answer.status, answer.body

        kept, self.skipped_answers = self.skipped_answers, 0
        done = {id(call): carry_out(call) for call in calls}
        content_type, answer = gcs_batch.answers_to(calls[kept:], lambda call: done[id(call)])
        return Answer(200, answer, content_type)

    # ---- single calls

    def _call(self, method: str, path: str, query: Query, headers: Mapping[str, str], body: bytes) -> Answer:
        if path.startswith(UPLOAD):
            parts = path.removeprefix(UPLOAD).split("/")
            return self._shown(self._upload(unquote(parts[1]), query, headers, body), query)
        if not path.startswith(API):
            raise not_found("path")
        parts = [unquote(part) for part in path.removeprefix(API).split("/")]
        operation, arguments = _route(method, parts)
        self.calls[operation] += 1
        self.queries.append((operation, query))
        self._check_token(headers)
        document = self._carry_out(operation, arguments, query, json.loads(body) if body else {})
        return Answer(204) if document is None else self._shown(document, query)

    def _shown(self, document: Document, query: Query) -> Answer:
        wanted = gcs_fields.parse(query["fields"]) if query.get("fields") else {}
        return Answer(200, json.dumps(gcs_fields.pick(document, wanted)).encode())

    def _carry_out(self, operation: str, names: list[str], query: Query, body: Document) -> Document | None:
        resource, _dot, verb = operation.partition(".")
        if operation in ("buckets.list", "buckets.insert"):
            return self._of_project(operation, query, body)
        bucket = self._allowed(names[0], f"storage.{resource}.{PERMISSIONS.get(verb, verb)}", query)
        return (
            self._of_object(verb, names, query, body)
            if resource == "objects"
            else self._of_bucket(verb, bucket, query, body)
        )

    def _of_project(self, operation: str, query: Query, body: Document) -> Document:
        project = query.get("project")
        if not project:
            raise GcsError(400, "Required parameter: project", "required")
        verb = operation.partition(".")[2]
        permission = f"storage.buckets.{PERMISSIONS.get(verb, verb)}"
        if project not in self.projects or (permission, "") in self.denied:
            raise _denied(permission, "project")
        if verb == "insert":
            return self.store.insert(project, body).document()
        found = [bucket for bucket in self.store.buckets.values() if bucket.project == project]
        found = [bucket for bucket in found if bucket.name.startswith(query.get("prefix", ""))]
        found.sort(key=lambda bucket: bucket.name)
        return _page("buckets", ((bucket.name, bucket.document) for bucket in found), query)

    def _of_bucket(self, verb: str, bucket: StoredBucket, query: Query, body: Document) -> Document | None:
        name = bucket.name
        if verb == "delete":
            self.store.delete(name, query)
            return None
        if verb == "patch":
            return self.store.patch(name, body, query).document()
        if verb == "lockRetentionPolicy":
            return self.store.lock_retention(name, query).document()
        if verb == "setIamPolicy":
            bucket.iam = {"bindings": body.get("bindings", [])}
        if verb in ("getIamPolicy", "setIamPolicy"):
            kind = {"kind": "storage#policy", "resourceId": f"projects/_/buckets/{name}", "version": 1, "etag": "CAE="}
            return {**kind, **bucket.iam}
        return bucket.document()

    def _of_object(self, verb: str, names: list[str], query: Query, body: Document) -> Document | None:
        bucket = self.store.bucket(names[0])
        if verb == "list":
            return self._list_objects(bucket, query)
        if verb == "patch":
            return self.store.patch_object(names[0], names[1], body, query)
        if verb == "get":
            return self.store.find(bucket, names[1], query).document(bucket.period)
        self._refuse(names[1], query.get("generation", ""))
        self.store.delete_object(names[0], names[1], query)
        return None

    def _list_objects(self, bucket: StoredBucket, query: Query) -> Document:
        """https://cloud.google.com/storage/docs/json_api/v1/objects/list"""
        prefix, versions = query.get("prefix", ""), query.get("versions", "").lower() == "true"
        found = (
            (f"{one.name}\0{one.number:020d}", partial(one.document, bucket.period))
            for one in bucket.all()
            if (versions or one.replaced is None) and one.name.startswith(prefix)
        )
        return _page("objects", found, query)

    def _upload(self, bucket: str, query: Query, headers: Mapping[str, str], body: bytes) -> Document:
        """In one request: https://cloud.google.com/storage/docs/uploading-objects#uploading-an-object

        The content, or the metadata and the content: https://cloud.google.com/storage/docs/uploading-objects#rest-upload-objects
        """
        self.calls["objects.insert"] += 1
        self._check_token(headers)
        said: Document = {"name": query.get("name"), "contentType": headers.get("content-type", "")}
        if query.get("uploadType") == "multipart":
            said, body = _two_parts(headers.get("content-type", ""), body)
        elif query.get("uploadType") != "media":
            raise invalid("uploadType is media or multipart here.")
        if not isinstance(said.get("name"), str):
            raise GcsError(400, "Required parameter: name", "required")
        found = self._allowed(bucket, "storage.objects.create", query)
        md5 = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        if said.get("md5Hash", md5) != md5:
            raise invalid(f"Provided MD5 hash doesn't match calculated MD5 hash {md5}.")
        more = {key: said[key] for key in ("contentType", "metadata", "customTime") if said.get(key)}
        one = self.store.put(bucket, said["name"], len(body), more={**more, "md5Hash": md5})
        return one.document(found.period)

    # ---- who may

    def _check_token(self, headers: Mapping[str, str]) -> None:
        """https://cloud.google.com/storage/docs/json_api/v1/status-codes#401-unauthorized"""
        if not self.tokens:
            return
        given = headers.get("authorization", "")
        if not given:
            raise GcsError(401, "Anonymous caller does not have access to the Google Cloud Storage bucket.", "required")
        if given.removeprefix("Bearer ") not in self.tokens:
            raise GcsError(401, "Invalid Credentials", "authError")

    def _allowed(self, name: str, permission: str, query: Query) -> StoredBucket:
        """A bucket that the caller may do this to, and pays for.

        https://cloud.google.com/storage/docs/requester-pays, https://cloud.google.com/storage/docs/access-control/iam-permissions
        """
        bucket = self.store.bucket(name)
        refused = {(permission, ""), (permission, name)} & self.denied
        if refused or bucket.project not in self.projects:
            raise _denied(permission, "bucket")
        payer = query.get("userProject")
        if payer is not None and payer not in self.billable:
            raise GcsError(403, f"Caller does not have serviceusage.services.use access to {payer}.", "forbidden")
        if bucket.requester_pays and not self.owns_buckets and payer is None:
            raise GcsError(400, "Bucket is a requester pays bucket but no user project provided.", "required")
        return bucket

    def _refuse(self, name: str, generation: str) -> None:
        for refusal in self.refusals:
            seen = refusal.struck[name, generation]
            if refusal.matches(name, generation) and (refusal.times is None or seen < refusal.times):
                refusal.struck[name, generation] += 1
                raise refusal.error


def _two_parts(content_type: str, body: bytes) -> tuple[Document, bytes]:
    """Metadata and content: https://cloud.google.com/storage/docs/json_api/v1/how-tos/multipart-upload"""
    found = re.search(r'boundary="?([^";]+)"?', content_type)
    if not content_type.startswith("multipart/related") or not found:
        raise invalid("A multipart upload is multipart/related, with a boundary.")
    pieces = (b"\r\n" + body).split(b"\r\n--" + found[1].encode())
    if len(pieces) != 4:
        raise invalid("A multipart upload has two parts.")
    (_head, _blank, metadata), (head, _blank, content) = (piece.partition(b"\r\n\r\n") for piece in pieces[1:3])
    said: Document = json.loads(metadata)
    kind = re.search(rb"(?i)content-type: *([^\r\n]+)", head)
    return {"contentType": kind[1].decode() if kind else "", **said}, content


def _denied(permission: str, what: str) -> GcsError:
    words = (
        f"does not have {permission} access to the Google Cloud {'Storage bucket' if what == 'bucket' else 'project'}."
    )
    return GcsError(
        403, f"tester@example.com {words} Permission '{permission}' denied on resource (or it may not exist)."
    )


def _route(method: str, parts: list[str]) -> tuple[str, list[str]]:
    """Name of the call, and the names in its path. The name of an object is one part, whose slashes are encoded."""
    verbs = {"GET": "get", "PATCH": "patch", "DELETE": "delete"}
    match (method, *parts):
        case ("GET", "b"):
            return "buckets.list", []
        case ("POST", "b"):
            return "buckets.insert", []
        case ("GET" | "PATCH" | "DELETE", "b", bucket):
            return f"buckets.{verbs[method]}", [bucket]
        case ("GET", "b", bucket, "iam"):
            return "buckets.getIamPolicy", [bucket]
        case ("PUT", "b", bucket, "iam"):
            return "buckets.setIamPolicy", [bucket]
        case ("POST", "b", bucket, "lockRetentionPolicy"):
            return "buckets.lockRetentionPolicy", [bucket]
        case ("GET", "b", bucket, "o"):
            return "objects.list", [bucket]
        case ("GET" | "PATCH" | "DELETE", "b", bucket, "o", name):
            return f"objects.{verbs[method]}", [bucket, name]
    raise not_found("path")


def _page(kind: str, entries: Iterable[tuple[str, Callable[[], Document]]], query: Query) -> Document:
    """At most 1,000 entries, and the token of the next page: https://cloud.google.com/storage/docs/paginate-results."""
    try:
        size = min(int(query.get("maxResults", 1000)), 1000)
        after = base64.b64decode(query.get("pageToken", ""), validate=True).decode()
    except ValueError:
        raise invalid("Invalid value for maxResults or pageToken") from None
    if size < 1:
        raise invalid("Invalid unsigned integer value for maxResults")
    left = (entry for entry in entries if not after or entry[0] > after)
    taken = list(islice(left, size + 1))
    page: Document = {"kind": f"storage#{kind}"}
    if taken:
        page["items"] = [document() for _key, document in taken[:size]]
    if len(taken) > size:
        page["nextPageToken"] = base64.b64encode(taken[size - 1][0].encode()).decode()
    return page
