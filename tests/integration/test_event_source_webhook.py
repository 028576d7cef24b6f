# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The event source alertmanager_webhook: what it takes, what it refuses, and what it answers. A real Alertmanager is in test_rulebooks."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.eda import Event, Running, free_port, running, scenario
from tests.servers.certificates import Authority
from tests.unit.eda_sources import load

SOURCE = load("alertmanager_webhook")
BUSY = {
    "status": "firing",
    "labels": {"alertname": "Busy", "severity": "warning", "deployment": "web"},
    "annotations": {"summary": "{{ lookup('pipe', 'id') }}"},
    "startsAt": "2026-03-01T10:00:00.123456789Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "http://prometheus.example.com/graph",
    "fingerprint": "d1c1b2a3f4e5a6b7",
}
CALM = {**BUSY, "status": "resolved", "endsAt": "2026-03-01T10:05:00Z"}


def message(*alerts: Any, **more: Any) -> bytes:
    """A message as Alertmanager writes it."""
    shared = {"version": "4", "receiver": "rulebook", "groupKey": "{}", "groupLabels": {}, "externalURL": "http://am"}
    return json.dumps({**shared, "status": "firing", "alerts": list(alerts), **more}).encode()


async def send(port: int, request: bytes, context: ssl.SSLContext | None = None) -> tuple[int, str]:
    """Send bytes; status and body of the answer, 0 when there is none."""
    name = "127.0.0.1" if context else None
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
    try:
        writer.write(request)
        await writer.drain()
        answer = await asyncio.wait_for(reader.read(), 15)
    except ConnectionError:
        answer = b""
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    head, _empty, body = answer.partition(b"\r\n\r\n")
    return (int(head.split(b" ")[1]) if head else 0), body.decode().strip()


def post(body: bytes, path: str = "/alerts", token: str = "", length: int | None = None, method: str = "POST") -> bytes:
    """A request."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Content-Length: {len(body) if length is None else length}",
    ]
    lines += [f"Authorization: Bearer {token}"] if token else []
    return "\r\n".join([*lines, "", ""]).encode() + body


@contextlib.asynccontextmanager
async def listening(**args: Any) -> AsyncIterator[tuple[int, Running]]:
    """The source, once it listens; and its port."""
    port = free_port()
    async with running("alertmanager_webhook", {"port": port, **args}) as source:
        for _attempt in range(200):
            with contextlib.suppress(OSError):
                _reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                break
            assert not source.task.done(), source.task.exception()
            await asyncio.sleep(0.05)
        yield port, source


def given(source: Running) -> list[Event]:
    """The events that wait, which are all: an answer comes after its events."""
    return [source.queue.get_nowait() for _each in range(source.queue.qsize())]


def test_an_alert_is_told_when_it_begins_and_when_it_ends() -> None:
    async def play() -> None:
        async with listening() as (port, source):
            assert await send(port, post(message(BUSY))) == (200, "taken")
            (fires,) = given(source)
            assert (fires["type"], fires["status"], fires["verdict"], fires["previous"]) == (
                "alert",
                "firing",
                "breached",
                None,
            )
            assert (fires["alertname"], fires["severity"], fires["labels"]) == ("Busy", "warning", BUSY["labels"])
            assert (fires["starts_at"], fires["ends_at"]) == ("2026-03-01T10:00:00.123456+00:00", None)
            assert fires["annotations"] == {
                "summary": "{ { lookup('pipe', 'id') }}"
            }  # nothing that a playbook would run
            # Alertmanager repeats what goes on; only what is new in it is told.
            other = {**BUSY, "fingerprint": "e1", "labels": {"alertname": "Full"}}
            assert (await send(port, post(message(BUSY, other))))[0] == 200
            assert [one["alertname"] for one in given(source)] == ["Full"]
            assert (await send(port, post(message(CALM))))[0] == 200
            (ends,) = given(source)
            assert (ends["status"], ends["verdict"], ends["previous"]) == ("resolved", "ok", "breached")
            assert ends["ends_at"] == "2026-03-01T10:05:00+00:00"
            # The same alert once more is a new one.
            assert (await send(port, post(message({**BUSY, "startsAt": "2026-03-01T11:00:00Z"}))))[0] == 200
            assert [one["status"] for one in given(source)] == ["firing"]

    scenario(play)


def test_always_tells_of_repeated_alerts_too() -> None:
    async def play() -> None:
        async with listening(emit="always") as (port, source):
            for _time in range(2):
                assert (await send(port, post(message(BUSY))))[0] == 200
            assert [one["changed"] for one in given(source)] == [True, False]

    scenario(play)


REFUSED: list[tuple[bytes, int, str]] = [
    (post(b"{"), 400, "no JSON"),
    (post(b"[" * 100_000), 400, "no JSON"),
    (post(b"[]"), 400, "no list of alerts"),
    (post(message(BUSY, version="3")), 400, "version '3'"),
    (post(message({**BUSY, "status": "odd"})), 400, "alerts[0].status"),
    (post(message(BUSY, {**BUSY, "labels": {"a": 1}})), 400, "alerts[1].labels"),
    (post(message({**BUSY, "startsAt": "noon"})), 400, "alerts[0].startsAt is no time: 'noon'"),
    (post(message({**BUSY, "startsAt": ""})), 400, "alerts[0].startsAt is missing"),
    (post(b"", path="/"), 404, "only /alerts"),
    (post(b"", method="PUT"), 405, "only POST"),
    (b"POST /alerts HTTP/1.1\r\n\r\n", 411, "Content-Length"),
    (post(b"", length=2000), 413, "2000 bytes; max_size is 1000"),
    (post(b"a" * 5_000_000), 413, "5000000 bytes; max_size is 1000"),
    (b"POST /alerts HTTP/1.1\r\nA: " + b"a" * 70_000 + b"\r\n\r\n", 431, "too long"),
    (post(b"{}", length=50), 408, "too long"),
]


def test_what_is_no_message_is_refused_with_a_reason() -> None:
    async def play() -> None:
        async with (
            listening(max_size=200_000) as (port, source),
            listening(max_size=1000) as (strict, _refused),
            listening(timeout=0.5) as (hasty, _late),
        ):
            others = {413: strict, 408: hasty}
            for request, status, reason in REFUSED:
                answer = await send(others.get(status, port), request)
                assert answer[0] == status, (request[:80], answer)
                assert reason in answer[1]
            # Only what came as a message is an event, and the same reason is told once.
            events = given(source)
            assert [(one["type"], one["error"]["kind"]) for one in events] == [("error", "invalid")]
            assert (await send(port, post(message(BUSY))))[0] == 200
            assert [one["type"] for one in given(source)] == ["recovered", "alert"]

    scenario(play)


def test_the_token_is_asked_for_and_may_change(tmp_path: Path) -> None:
    async def play() -> None:
        file = tmp_path / "token"
        file.write_text("first\n")
        async with listening(token_file=str(file)) as (port, source):
            for token in ("", "second", "first-and-more"):
                status, reason = await send(port, post(message(BUSY), token=token))
                assert (status, reason) == (401, "the token is missing or wrong")
            assert given(source) == []
            assert (await send(port, b"GET /-/healthy HTTP/1.1\r\n\r\n"))[0] == 200
            assert (await send(port, post(message(BUSY), token="first")))[0] == 200
            file.write_text("second\n")
            assert (await send(port, post(message(BUSY), token="first")))[0] == 401
            assert (await send(port, post(message(BUSY), token="second")))[0] == 200
            file.unlink()
            assert (await send(port, post(message(BUSY), token="second")))[0] == 503

    scenario(play)


def test_messages_come_by_tls(tmp_path: Path) -> None:
    async def play() -> None:
        authority = Authority(tmp_path)
        certificate, key = authority.sign("webhook")
        async with listening(certfile=str(certificate), keyfile=str(key)) as (port, source):
            context = ssl.create_default_context(cafile=str(authority.ca))
            assert (await send(port, post(message(BUSY)), context))[0] == 200
            assert [one["type"] for one in given(source)] == ["alert"]
            assert (await send(port, post(message(CALM))))[0] == 0  # without TLS nobody is answered
            assert given(source) == []

    scenario(play)


def test_while_the_engine_takes_nothing_the_message_is_to_come_again() -> None:
    async def play() -> None:
        port, queue = free_port(), asyncio.Queue[Event](1)
        task = asyncio.ensure_future(SOURCE.main(queue, {"port": port, "timeout": 1}))
        try:
            while not task.done():
                with contextlib.suppress(OSError):
                    assert (await send(port, post(message(BUSY))))[0] == 200
                    break
                await asyncio.sleep(0.05)
            later = post(message({**BUSY, "fingerprint": "later"}))
            assert (await send(port, later))[0] == 503
            await queue.get()
            assert (await send(port, later))[0] == 200  # what wasn't taken counts as new still
            assert (await queue.get())["fingerprint"] == "later"
        finally:
            task.cancel()
            await asyncio.wait({task}, timeout=5)
        assert task.cancelled()

    scenario(play)


def test_it_is_cancelled_in_the_midst_of_a_message_and_frees_its_port() -> None:
    async def play() -> None:
        async with listening(max_connections=2) as (port, _source):
            waiting = [await asyncio.open_connection("127.0.0.1", port) for _each in range(2)]
            for _reader, writer in waiting:
                writer.write(b"POST /alerts HTTP/1.1\r\n")
                await writer.drain()
            await asyncio.sleep(0)
            assert (await send(port, post(message(BUSY))))[0] == 0  # beyond max_connections
        for reader, writer in waiting:
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()
        with socket.create_server(("127.0.0.1", port)):
            pass

    scenario(play)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ({"host": "0.0.0.0"}, "token is missing, and host 0.0.0.0 is not on loopback. Give token or token_file"),
        ({"host": "::"}, "token is missing, and host :: is not on loopback"),
        ({"path": "alerts"}, "path is 'alerts'. It is like /alerts."),
        ({"token": "a", "token_file": "/dev/null"}, "token_file is given together with token"),
        ({"token_file": "/nowhere"}, "token_file is /nowhere, which is no file"),
        ({"keyfile": __file__}, "certfile is missing. Give it with keyfile."),
        ({"certfile": __file__}, "certfile can't be used: "),
        ({"port": 70000}, "port is 70000. It is 65535 or less."),
        ({"prot": 1}, "prot is not an argument of this source. Did you mean port?"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_refuses_arguments(args: dict[str, Any], says: str) -> None:
    with pytest.raises(SOURCE.ArgumentError) as caught:
        asyncio.run(SOURCE.main(SOURCE.Printer(), args))
    assert says in str(caught.value)


def test_a_port_that_is_taken_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SOURCE.ArgumentError, match=f"port {port} of 127.0.0.1 can't be listened on"):
            asyncio.run(SOURCE.main(SOURCE.Printer(), {"port": port}))
