# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""moto's AWS stand-in as a process of its own on a free loopback port.

As a command: ``python -m tests.servers.moto --port-file FILE`` prints the endpoint and runs until SIGTERM.
From Python: ``with MotoServer() as server: boto3.client("s3", endpoint_url=server.endpoint, ...)``.

Thousands of object versions are put straight into moto's memory by ``seed_versions``; over HTTP that takes minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import threading
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

from tests.servers.child import ServerProcess, add_common_options, announce, stop_event
from tests.servers.moto_ec2 import with_launch_times
from tests.servers.moto_iam import correct_iam
from tests.servers.moto_s3 import correct_s3

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


def _with_seeding(application: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """Add the seeding request to moto's application. No bucket name begins with an underscore: nothing is hidden."""

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != SEED_PATH:
            return application(environ, start_response)
        _seed(json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))))
        start_response("204 No Content", [])
        return []

    return serve


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Serve until SIGTERM, SIGINT or the end of the parent."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers.moto", description="moto's AWS stand-in on loopback")
    add_common_options(parser)
    parser.add_argument(
        "--iam", action="store_true", help="be able to refuse what policies don't allow; see moto_iam.py"
    )
    options = parser.parse_args(arguments)

    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    class Quiet(MotoRequestHandler):
        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Write nothing: one line per request would be all that a test's log holds."""

    correct_s3()
    if options.iam:
        correct_iam()
    stop = stop_event(options.with_parent)
    application = with_launch_times(_with_seeding(DomainDispatcherApplication(create_backend_app)))
    server = make_server("127.0.0.1", options.port, application, threaded=True, request_handler=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    announce(f"http://127.0.0.1:{server.server_port}", options.port_file)
    stop.wait()
    # moto takes a millisecond for each object that it lets go of; nothing of it needs an orderly end.
    os._exit(0)


if __name__ == "__main__":
    main()
