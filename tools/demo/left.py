# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say which buckets a server of the demo has: python tools/demo/left.py aws|azure|gcp. It fails when there is any."""

from __future__ import annotations

import os
import sys


def of_aws() -> list[str]:
    """Buckets of S3."""
    import boto3

    return [bucket["Name"] for bucket in boto3.client("s3").list_buckets()["Buckets"]]


def of_azure() -> list[str]:
    """Containers of Azure Blob Storage."""
    from azure.storage.blob import BlobServiceClient

    account = os.environ["AZURE_STORAGE_SERVICE_ENDPOINT"]
    with BlobServiceClient(account, os.environ["AZURE_STORAGE_KEY"]) as client:
        return [container.name for container in client.list_containers()]


def of_gcp() -> list[str]:
    """Buckets of Cloud Storage."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import storage

    endpoint = {"api_endpoint": os.environ["STORAGE_EMULATOR_HOST"]}
    client = storage.Client(os.environ["GCP_PROJECT"], AnonymousCredentials(), client_options=endpoint)
    return [bucket.name for bucket in client.list_buckets()]


def main(provider: str) -> None:
    """Ask, and say."""
    if names := {"aws": of_aws, "azure": of_azure, "gcp": of_gcp}[provider]():
        raise SystemExit(f"The server still has {', '.join(names)}.")
    print("No bucket is left. The server goes at the end of the demo.")


if __name__ == "__main__":
    main(sys.argv[1])
