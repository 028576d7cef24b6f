# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances of moto that were started a while ago: moto launches them now, and lets nobody say when."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone
from typing import Any

PATH = "/_launch_times"
ACCOUNT = "123456789012"
Application = Callable[..., Iterable[bytes]]


def set_launch_time(endpoint: str, region: str, ids: Sequence[str], when: datetime) -> None:
    """Let instances look as if they had been started at ``when`` (with a zone)."""
    asked = {"region": region, "ids": list(ids), "when": when.isoformat()}
    request = urllib.request.Request(endpoint + PATH, json.dumps(asked).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=60) as answer:
        answer.read()


def with_launch_times(application: Application) -> Application:
    """Add that request to moto's application. No bucket name begins with an underscore: nothing is hidden."""

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != PATH:
            return application(environ, start_response)
        _set(**json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))))
        start_response("204 No Content", [])
        return []

    return serve


def _set(region: str, ids: Sequence[str], when: str) -> None:
    from moto.ec2.models import ec2_backends

    backend = ec2_backends[ACCOUNT][region]
    for instance_id in ids:
        # moto keeps times without a zone, in UTC.
        backend.get_instance(instance_id).launch_time = (
            datetime.fromisoformat(when).astimezone(timezone.utc).replace(tzinfo=None)
        )
