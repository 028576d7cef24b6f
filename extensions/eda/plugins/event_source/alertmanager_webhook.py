# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Event source: alerts that Alertmanager posts.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

DOCUMENTATION = r"""
short_description: Receive the alerts that Alertmanager posts to a webhook
description:
  - Listens for Alertmanager's webhook, checks what comes, and gives an event of type V(alert) for each alert in it. Its verdict is
    V(breached) while it is firing, and V(ok) once it is resolved.
  - Listens on loopback, unless told otherwise. Elsewhere it demands a token, and should have a certificate.
  - Answers only when the engine has taken the events. While the engine is too busy it answers 503, and Alertmanager tries again.
  - What isn't a message of Alertmanager is refused with a reason, and is an event of type V(error).
options:
  host:
    description: Address to listen on.
    type: str
    default: 127.0.0.1
  port:
    description: Port to listen on. With V(0), a free one, which the log tells.
    type: int
    default: 5001
  path:
    description: Path of the webhook.
    type: str
    default: /alerts
  token:
    description:
      - Token that Alertmanager sends (C(http_config.authorization.credentials)). Required where O(host) is not on loopback.
    type: str
  token_file:
    description: File with the token, instead of O(token). It is read anew for each message.
    type: str
  certfile:
    description: File with the certificate (PEM) to serve by TLS. It may hold the key as well.
    type: str
  keyfile:
    description: File with the certificate's key (PEM, not encrypted).
    type: str
  emit:
    description:
      - With V(change), an alert gives an event when it begins to fire and when it is resolved. With V(always), also each time that
        Alertmanager repeats it.
    type: str
    choices: [change, always]
    default: change
  max_size:
    description: The most bytes that a message may have.
    type: int
    default: 1048576
  max_connections:
    description: The most connections at once; those beyond are closed.
    type: int
    default: 32
  timeout:
    description: Time that a sender has for a message, and the engine for taking its events, as a duration.
    type: str
    default: 10s
"""

EXAMPLES = r"""
- name: alerts
  cloudops.core.alertmanager_webhook:
    port: 5001

- name: alerts from elsewhere
  cloudops.core.alertmanager_webhook:
    host: 0.0.0.0
    port: 5001
    token_file: /etc/rulebooks/token
    certfile: /etc/rulebooks/tls.crt
    keyfile: /etc/rulebooks/tls.key
"""

import asyncio
import contextlib
import hmac
import ipaddress
import json
import os
import re
import ssl
import sys
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

# The engine runs this file by its path, as a part of no package: what the sources share is found from there.
sys.path.append(str(Path(__file__).resolve().parents[1] / "module_utils"))

from cloudops_sources.arguments import Argument, ArgumentError, read_arguments
from cloudops_sources.events import Health, Printer, Queue, SourceFailure, logger_of, make_event

SOURCE = "alertmanager_webhook"
LOGGER = logger_of(SOURCE)

ARGUMENTS = {
    "host": Argument(default="127.0.0.1"),
    "port": Argument("integer", 5001, least=0, most=65535),
    "path": Argument(default="/alerts"),
    "token": Argument(),
    "token_file": Argument(),
    "certfile": Argument(),
    "keyfile": Argument(),
    "emit": Argument(default="change", choices=("change", "always")),
    "max_size": Argument("integer", 1 << 20, least=1),
    "max_connections": Argument("integer", 32, least=1),
    "timeout": Argument("duration", 10.0, least=0.1),
}
# Alerts whose last status is remembered; far more than a message can have.
REMEMBERED = 10_000
# Seconds for a sender to read that it was refused.
LINGER = 1.0
STATUSES = ("firing", "resolved")
REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    411: "Length Required",
    413: "Payload Too Large",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}


def read_options(args: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments.

    :raises ArgumentError: when they can't be right.
    """
    options = read_arguments(args, ARGUMENTS)
    if not options["path"].startswith("/") or not re.fullmatch(r"[!-~]+", options["path"]):
        raise ArgumentError("path", f"is {options['path']!r}", "It is like /alerts.")
    if options["token"] and options["token_file"]:
        raise ArgumentError("token_file", "is given together with token", "Give one or the other.")
    if not options["token"] and not options["token_file"] and not _on_loopback(options["host"]):
        cure = "Give token or token_file, or listen on 127.0.0.1: anybody could set off the rules otherwise."
        raise ArgumentError("token", f"is missing, and host {options['host']} is not on loopback", cure)
    for name in ("token_file", "certfile", "keyfile"):
        if options[name] and not os.path.isfile(options[name]):
            raise ArgumentError(
                name, f"is {options[name]}, which is no file", "Name a file of the host that runs the rulebook."
            )
    if options["keyfile"] and not options["certfile"]:
        raise ArgumentError("certfile", "is missing", "Give it with keyfile.")
    return options


def _on_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


# Messages


class Refused(Exception):
    """A message that isn't taken, with the status to answer and a reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True)
class Alert:
    """One alert of a message."""

    status: str
    fingerprint: str
    starts_at: str
    facts: Mapping[str, Any]


def read_message(body: bytes) -> list[Alert]:
    """The alerts of a message in Alertmanager's format.

    :raises Refused: for anything else; says where.
    """
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(400, "the body is no JSON") from None
    if not isinstance(message, dict) or not isinstance(message.get("alerts"), list):
        raise Refused(400, "the message has no list of alerts: it isn't Alertmanager's")
    if str(message.get("version", "4")) != "4":
        raise Refused(400, f"the message has version {message['version']!r}; only 4 is understood")
    names = {"receiver": "receiver", "group": "groupKey", "group_labels": "groupLabels", "external_url": "externalURL"}
    shared = {name: message.get(theirs) for name, theirs in names.items()}
    return [_read_alert(alert, f"alerts[{place}]", shared) for place, alert in enumerate(message["alerts"])]


def _read_alert(alert: Any, where: str, shared: Mapping[str, Any]) -> Alert:
    if not isinstance(alert, dict) or alert.get("status") not in STATUSES:
        raise Refused(400, f"{where}.status is neither firing nor resolved")
    labels, annotations = _texts(alert, "labels", where), _texts(alert, "annotations", where)
    starts_at = _time_of(alert, "startsAt", where)
    if not starts_at:
        raise Refused(400, f"{where}.startsAt is missing")
    # Senders that lack a fingerprint are told apart by what it is made of.
    fingerprint = str(alert.get("fingerprint") or json.dumps(labels, sort_keys=True))
    facts = {
        "alertname": labels.get("alertname", ""),
        "severity": labels.get("severity", ""),
        "labels": labels,
        "annotations": annotations,
        "starts_at": starts_at,
        "ends_at": _time_of(alert, "endsAt", where) if alert["status"] == "resolved" else None,
        "fingerprint": fingerprint,
        "generator_url": str(alert.get("generatorURL") or ""),
        **shared,
    }
    return Alert(alert["status"], fingerprint, starts_at, facts)


def _texts(alert: Mapping[str, Any], name: str, where: str) -> dict[str, str]:
    found = alert.get(name) or {}
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise Refused(400, f"{where}.{name} is no mapping of texts")
    return found


def _time_of(alert: Mapping[str, Any], name: str, where: str) -> str | None:
    """A time as ISO 8601; Alertmanager has nine digits after the second's point, of which Python reads six."""
    text = alert.get(name)
    if text in (None, ""):
        return None
    shorter = re.sub(r"(\.\d{1,6})\d*", lambda found: found[1].ljust(7, "0"), re.sub(r"[Zz]$", "+00:00", str(text)))
    try:
        moment = datetime.fromisoformat(shorter)
    except ValueError:
        raise Refused(400, f"{where}.{name} is no time: {str(text)[:60]!r}") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).isoformat()


class Memory:
    """Which alerts have been told of. Has a bound: the ones that were heard of longest ago are forgotten."""

    def __init__(self, always: bool) -> None:
        self._always = always
        self._told: OrderedDict[str, tuple[str, str]] = OrderedDict()

    def is_new(self, alert: Alert) -> bool:
        """Whether there is an event about it."""
        return self._always or self._told.get(alert.fingerprint) != (alert.status, alert.starts_at)

    def note(self, alert: Alert) -> None:
        """Remember that there was."""
        self._told[alert.fingerprint] = (alert.status, alert.starts_at)
        self._told.move_to_end(alert.fingerprint)
        while len(self._told) > REMEMBERED:
            self._told.popitem(last=False)

    def event(self, alert: Alert, now: float) -> dict[str, Any]:
        """The event about it."""
        before = self._told.get(alert.fingerprint, (None, ""))[0]
        verdicts = {"firing": "breached", "resolved": "ok", None: None}
        verdict = {"verdict": verdicts[alert.status], "previous": verdicts[before], "changed": before != alert.status}
        return make_event(SOURCE, "alert", now, status=alert.status, **verdict, **alert.facts)


# The server


class Server:
    """As much of HTTP/1.1 as a webhook needs: one message for each connection."""

    def __init__(self, queue: Queue, options: Mapping[str, Any]) -> None:
        self._queue = queue
        self._options = options
        self._memory = Memory(options["emit"] == "always")
        self._health = Health(SOURCE, options["emit"] == "always")
        self._open = 0
        # Messages are taken one after the other, so that an alert that fires and is resolved does so in this order.
        self._turn = asyncio.Lock()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self._open += 1
        try:
            if self._open <= self._options["max_connections"]:
                status, reason = await self._answered(reader, writer)
                await self._send(writer, status, reason)
                if status != 200:
                    await self._linger(reader, writer)
        except (OSError, asyncio.TimeoutError) as error:
            LOGGER.info("a sender went away: %s", type(error).__name__)
        finally:
            self._open -= 1
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answered(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[int, str]:
        try:
            body = await asyncio.wait_for(self._received(reader, writer), self._options["timeout"])
            alerts = [] if body is None else read_message(body)
        except Refused as refused:
            LOGGER.warning("a message was refused: %s", refused)
            if refused.status == 400:
                await self._tell_refused(str(refused))
            return refused.status, str(refused)
        except asyncio.TimeoutError:
            return 408, "the message took too long"
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            return 400, "this is no HTTP/1.1"
        return await self._taken(alerts)

    async def _taken(self, alerts: list[Alert]) -> tuple[int, str]:
        """Hand the events over; what the engine has no time for, Alertmanager sends again."""
        try:
            await asyncio.wait_for(self._put(alerts), self._options["timeout"])
        except asyncio.TimeoutError:
            return 503, "the engine is busy; send it again"
        return 200, "taken"

    async def _put(self, alerts: list[Alert]) -> None:
        async with self._turn:
            for event in self._health.worked("messages", time.time()) if alerts else ():
                await self._queue.put(event)
            for alert in alerts:
                if self._memory.is_new(alert):
                    await self._queue.put(self._memory.event(alert, time.time()))
                    self._memory.note(alert)

    async def _tell_refused(self, reason: str) -> None:
        cure = "Send Alertmanager's webhook here, and nothing else."
        failure = SourceFailure("invalid", reason, "read a message", hint=cure)
        with contextlib.suppress(asyncio.TimeoutError):
            for event in self._health.failed("messages", failure, time.time(), 0):
                await asyncio.wait_for(self._queue.put(event), self._options["timeout"])

    async def _received(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes | None:
        """The body of a message; None for a question whether anybody is there."""
        try:
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        except asyncio.LimitOverrunError:
            raise Refused(431, "the headers are too long") from None
        method, _space, rest = first.partition(" ")
        target = rest.partition(" ")[0].partition("?")[0]
        pairs = (line.partition(":") for line in lines if line)
        headers = {name.strip().lower(): value.strip() for name, _colon, value in pairs}
        if method in ("GET", "HEAD") and target in ("/", "/-/healthy"):
            return None
        if target != self._options["path"]:
            raise Refused(404, f"there is only {self._options['path']} here")
        if method != "POST":
            raise Refused(405, "only POST is understood")
        self._check_token(headers.get("authorization", ""))
        return await self._body(headers, reader, writer)

    async def _body(
        self, headers: Mapping[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bytes:
        if not headers.get("content-length", "").isdigit():
            raise Refused(411, "Content-Length is missing")
        length = int(headers["content-length"])
        if length > self._options["max_size"]:
            raise Refused(413, f"the message has {length} bytes; max_size is {self._options['max_size']}")
        if headers.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return await reader.readexactly(length)

    def _check_token(self, sent: str) -> None:
        wanted = self._options["token"]
        if self._options["token_file"]:
            try:
                with open(self._options["token_file"], encoding="utf-8") as file:
                    wanted = file.read().strip()
            except OSError as error:
                raise Refused(503, f"token_file can't be read: {error.strerror}") from None
            if not wanted:
                raise Refused(503, "token_file is empty")
        if not wanted:
            return
        scheme, _space, token = sent.partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), wanted.encode()):
            raise Refused(401, "the token is missing or wrong")

    async def _send(self, writer: asyncio.StreamWriter, status: int, reason: str) -> None:
        body = (reason + "\n").encode()
        more = "WWW-Authenticate: Bearer\r\n" if status == 401 else "Retry-After: 5\r\n" if status == 503 else ""
        head = f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: text/plain; charset=utf-8\r\n{more}"
        writer.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        await asyncio.wait_for(writer.drain(), self._options["timeout"])

    async def _linger(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Throw away for a moment what a sender is still sending: closed at once, it would see a broken connection, and no answer."""
        if writer.can_write_eof():
            writer.write_eof()
        end = asyncio.get_running_loop().time() + LINGER
        with contextlib.suppress(asyncio.TimeoutError):
            while await asyncio.wait_for(reader.read(65536), max(0.0, end - asyncio.get_running_loop().time())):
                pass


def tls_context(options: Mapping[str, Any]) -> ssl.SSLContext | None:
    """What to serve by; None is without TLS.

    :raises ArgumentError: when certificate and key don't fit.
    """
    if not options["certfile"]:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(options["certfile"], options["keyfile"], password="")
    except (ssl.SSLError, OSError) as error:
        raise ArgumentError(
            "certfile", f"can't be used: {error}", "Give a certificate and its key, both PEM."
        ) from error
    return context


async def main(queue: Queue, args: dict[str, Any]) -> None:
    """Listen until cancelled, and put the alerts that come into the queue."""
    options = read_options(args)
    context = tls_context(options)
    service = Server(queue, options)
    busy: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(service.connected(reader, writer))
        busy.add(task)
        task.add_done_callback(busy.discard)

    try:
        server = await asyncio.start_server(connected, options["host"], options["port"], ssl=context, limit=65536)
    except OSError as error:
        cure = "Choose another port, or another host."
        raise ArgumentError(
            "port", f"{options['port']} of {options['host']} can't be listened on: {error}", cure
        ) from error
    LOGGER.info(
        "listening on %s",
        ", ".join(f"{place[0]}:{place[1]}" for place in (one.getsockname() for one in server.sockets)),
    )
    try:
        await asyncio.Event().wait()
    finally:
        server.close()
        for task in busy:
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)


if __name__ == "__main__":
    # To try it by hand: python alertmanager_webhook.py '{"port": 5001}'
    asyncio.run(main(Printer(), json.loads(sys.argv[1])))
