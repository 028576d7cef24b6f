# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""moto's AWS stand-in as a process of its own on a free loopback port.

As a command: ``python -m tests.servers.moto --port-file FILE`` prints the endpoint and runs until SIGTERM.
From Python: ``with MotoServer() as server: boto3.client("s3", endpoint_url=server.endpoint, ...)``.

Thousands of object versions are put straight into moto's memory by ``seed_versions``; over HTTP that takes minutes.
Where moto's S3 departs from the real one in what the tests lean on, ``_correct_s3`` sets it right:

- moto pages versions by looking for the last one it gave out. Once that is deleted, as happens whenever deletes run
  beside the listing, moto answers with an empty last page. It also copies the whole bucket for each page, a second
  per 12,000 versions.
- moto's routes do not match a key with a newline in it.
- moto takes any number of keys in one DeleteObjects request; S3 refuses more than 1,000.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import threading
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from tests.servers.child import ServerProcess, add_common_options, announce, stop_event

SEED_PATH = "/_seed"
ACCOUNT = "123456789012"


class MotoServer(ServerProcess):
    """A moto server process; ``endpoint`` is its URL while it runs."""

    def __init__(self, arguments: Sequence[str] = (), timeout: float = 60) -> None:
        env = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOTO_"))}
        super().__init__("tests.servers.moto", arguments, env, timeout)


def seed_versions(endpoint: str, bucket: str, keys: int, versions: int = 1, prefix: str = "", size: int = 1) -> None:
    """Put ``keys`` objects with ``versions`` versions of ``size`` bytes each into a bucket that is there.

    The keys are ``{prefix}{number:07d}``. In a bucket without versioning each later version replaces the earlier one.
    """
    asked = {"bucket": bucket, "keys": keys, "versions": versions, "prefix": prefix, "size": size}
    request = urllib.request.Request(endpoint + SEED_PATH, json.dumps(asked).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=300) as answer:
        answer.read()


def _seed(asked: Mapping[str, Any]) -> None:
    from moto.s3.models import s3_backends

    backend = s3_backends[ACCOUNT]["aws"]
    value = b"x" * asked["size"]
    for number in range(asked["keys"]):
        for _version in range(asked["versions"]):
            backend.put_object(asked["bucket"], f"{asked['prefix']}{number:07d}", value)


def _correct_s3() -> None:
    from moto.moto_server import werkzeug_app
    from moto.moto_server.utilities import RegexConverter
    from moto.s3.exceptions import MalformedXML
    from moto.s3.models import S3Backend

    listing, deleting = S3Backend.list_object_versions, S3Backend.delete_objects
    given: dict[tuple[str, str, str], Any] = {}

    def list_object_versions(
        backend: Any,
        bucket_name: str,
        delimiter: str | None = None,
        key_marker: str | None = None,
        max_keys: int | None = 1000,
        prefix: str = "",
        version_id_marker: str | None = None,
    ) -> Any:
        if delimiter or not max_keys:
            return listing(backend, bucket_name, delimiter, key_marker, max_keys, prefix, version_id_marker)
        keys = backend.get_bucket(bucket_name).keys
        after = given.get((bucket_name, key_marker or "", version_id_marker or ""))
        page = list(itertools.islice(_versions_after(keys, prefix, key_marker, after), max_keys + 1))
        if len(page) <= max_keys:
            return _page(page, None)
        last = page[max_keys - 1]
        given[(bucket_name, last.name, _id_of(last))] = last.last_modified
        return _page(page[:max_keys], last)

    def delete_objects(backend: Any, bucket_name: str, objects: list[Any], bypass_retention: bool = False) -> Any:
        if len(objects) > 1000:
            raise MalformedXML()
        return deleting(backend, bucket_name, objects, bypass_retention)

    class AnyCharacter(RegexConverter):
        def __init__(self, url_map: Any, *items: Any) -> None:
            super().__init__(url_map, f"(?s:{items[0]})")

    werkzeug_app.RegexConverter = AnyCharacter  # type: ignore[attr-defined]
    for corrected in (list_object_versions, delete_objects):
        setattr(S3Backend, corrected.__name__, corrected)


def _versions_after(keys: Any, prefix: str, marker: str | None, after: Any) -> Iterator[Any]:
    """Yield versions and delete markers in S3's order: keys by their UTF-8 bytes, versions from the newest on."""
    for name in sorted((name for name in list(keys) if name.startswith(prefix)), key=str.encode):
        if marker is not None and (name.encode() < marker.encode() or (name == marker and after is None)):
            continue
        newest_first = sorted(keys.getlist(name), key=lambda version: version.last_modified, reverse=True)
        for place, version in enumerate(newest_first):
            version.is_latest = place == 0
            if name != marker or version.last_modified < after:
                yield version


def _id_of(version: Any) -> str:
    return "null" if version.version_id is None else str(version.version_id)


def _page(entries: list[Any], last: Any) -> tuple[list[Any], list[str], list[Any], str | None, str | None]:
    from moto.s3.models import FakeKey

    versions = [entry for entry in entries if isinstance(entry, FakeKey)]
    markers = [entry for entry in entries if not isinstance(entry, FakeKey)]
    if last is None:
        return versions, [], markers, None, None
    return versions, [], markers, last.name, _id_of(last)


def _with_seeding(application: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """Add the seeding request to moto's application. No bucket name begins with an underscore: nothing is hidden."""

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != SEED_PATH:
            return application(environ, start_response)
        _seed(json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))))
        start_response("204 No Content", [])
        return []

    return serve


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM, SIGINT or the end of the parent."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers.moto", description="moto's AWS stand-in on loopback")
    add_common_options(parser)
    options = parser.parse_args(arguments)

    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    class Quiet(MotoRequestHandler):
        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Write nothing: one line per request would be all that a test's log holds."""

    _correct_s3()
    stop = stop_event(options.with_parent)
    application = _with_seeding(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", options.port, application, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    announce(f"http://127.0.0.1:{server.server_port}", options.port_file)
    stop.wait()
    server.shutdown()
    thread.join(5)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
