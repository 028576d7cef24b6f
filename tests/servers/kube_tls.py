# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates for the Kubernetes stand-in: an authority of its own, the server's certificate, and one for a user."""

from __future__ import annotations

import ipaddress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

CA, SERVER, CLIENT = "ca", "server", "client"
_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "encipher_only",
    "decipher_only",
)
NAMES = ("localhost", "kubernetes", "kubernetes.default.svc")


def make_certificates(directory: Path) -> None:
    """Write ca, server and client as .crt and .key (PEM) into a directory.

    The server's is good for 127.0.0.1 and NAMES; the client's is that of the user ``certadmin`` in ``system:masters``.
    """
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID as Usage

    directory.mkdir(parents=True, exist_ok=True)
    authority = _Certificate(directory, CA, {"common_name": "stand-in authority"})
    authority.builder = authority.builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    # Python 3.13 and later insist on the authority's right to sign.
    usage = dict.fromkeys(_USAGES, False) | {"key_cert_sign": True, "crl_sign": True}
    authority.builder = authority.builder.add_extension(x509.KeyUsage(**usage), critical=True)
    authority.sign(authority)
    server = _Certificate(directory, SERVER, {"common_name": "kube-apiserver"})
    addresses = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), *map(x509.DNSName, NAMES)]
    server.builder = server.builder.add_extension(x509.SubjectAlternativeName(addresses), critical=False)
    server.builder = server.builder.add_extension(x509.ExtendedKeyUsage([Usage.SERVER_AUTH]), critical=False)
    server.sign(authority)
    client = _Certificate(directory, CLIENT, {"common_name": "certadmin", "organization_name": "system:masters"})
    client.builder = client.builder.add_extension(x509.ExtendedKeyUsage([Usage.CLIENT_AUTH]), critical=False)
    client.sign(authority)


class _Certificate:
    """A key and a certificate in the making."""

    def __init__(self, directory: Path, name: str, subject: dict[str, str]) -> None:
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import NameOID

        self._path = directory / name
        self.key = ec.generate_private_key(ec.SECP256R1())
        known = {"common_name": NameOID.COMMON_NAME, "organization_name": NameOID.ORGANIZATION_NAME}
        self.subject = x509.Name([x509.NameAttribute(known[field], text) for field, text in subject.items()])
        now = datetime.now(timezone.utc)
        self.builder: Any = (
            x509.CertificateBuilder()
            .subject_name(self.subject)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=2))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
        )

    def sign(self, issuer: _Certificate) -> None:
        """Let an authority sign it, and write it with its key."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization

        known = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
        builder = self.builder.issuer_name(issuer.subject).add_extension(known, critical=False)
        certificate = builder.sign(issuer.key, hashes.SHA256())
        self._path.with_suffix(".crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        secret = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self._path.with_suffix(".key").write_bytes(secret)
