# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection to Prometheus: what is refused before anybody is asked, and what is sent along."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._prometheus.client import Client, Connection

HERE = "http://127.0.0.1:9"


def connection(**given: Any) -> Connection:
    """From options."""
    return Connection.from_params({"url": HERE, **given})


@pytest.mark.parametrize("url", [HERE, "https://h", "HTTP://h:80/a/b/", "http://[::1]:9090", " http://h "])
def test_urls(url: str) -> None:
    found = connection(url=url)
    found.check()
    assert not found.url.endswith(("/", " "))


@pytest.mark.parametrize(
    "url",
    ["", "h:9090", "//h", "ftp://h", "http://", "http://h:0", "http://h:port", "http://h:99999", "http://[::1", "http://u:hush@h",
     "http://u@h", "http://h?a", "http://h#a"],
)  # fmt: skip
@pytest.mark.parametrize("option", ["url", "proxy"])
def test_urls_that_are_none(option: str, url: str) -> None:
    if option == "proxy" and not url:
        return
    with pytest.raises(Invalid, match=f"^{option} ") as caught:
        connection(**{option: url}).check()
    assert "hush" not in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_no_time(timeout: float) -> None:
    with pytest.raises(Invalid, match="timeout is"):
        connection(timeout=timeout).check()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, None),
        ({"bearer_token": " abc\n"}, "Bearer abc"),
        ({"username": "ü", "password": "p:w"}, "Basic " + base64.b64encode("ü:p:w".encode()).decode()),
        ({"username": "u", "password": ""}, "Basic " + base64.b64encode(b"u:").decode()),
        ({"secret_headers": {"Authorization": "Odd 1"}}, "Odd 1"),
    ],
)
def test_who_asks(options: dict[str, Any], expected: str | None) -> None:
    found = connection(**options)
    assert found.all_headers().get("Authorization") == expected
    for secret in ("abc", "p:w", "Odd"):
        assert secret not in repr(found)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"headers": {"authorization": "x-secret"}}, "headers has authorization"),
        ({"headers": {"Cookie": "x-secret"}}, "headers has Cookie"),
        ({"headers": {"a:b": "x-secret"}}, "a name that no header can have"),
        ({"headers": {"A": "x-secret\r\nB: 1"}}, "headers: the value for A"),
        ({"secret_headers": {"A": "x-secret\u20ac"}}, "secret_headers: the value for A"),
        ({"bearer_token": "x-secret\n1"}, "bearer_token: the value for Authorization"),
    ],
)
def test_headers_that_are_none(options: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid) as caught:
        connection(**options).all_headers()
    assert words in str(caught.value)
    assert "x-secret" not in str(caught.value)


def test_files_are_read_for_tls_only(tmp_path: Path) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_text("junk")
    files = {"client_cert": str(junk), "ca_cert": str(junk)}
    connection(**files).check()
    with pytest.raises(Invalid, match=f"^ca_cert: {junk} can't be used"):
        connection(url="https://h", **files).check()
    with pytest.raises(Invalid, match=f"^client_cert: {junk} can't be used"):
        connection(url="https://h", **files, validate_certs=False).check()


def test_a_client_asks_nothing_by_itself() -> None:
    client = Client(connection())
    client.open()
    assert client.calls.as_result() == {}
