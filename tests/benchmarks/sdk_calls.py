# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a playbook without our modules can do: a script around an SDK. Run by ansible.builtin.command: sdk_calls.py REQUEST.

The request is a JSON file: which script, and what it needs to know.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Asked = Mapping[str, Any]


def _container(asked: Asked) -> Any:
    from azure.storage.blob import BlobServiceClient

    service = BlobServiceClient(asked["endpoint"], credential=asked["key"])
    return service.get_container_client(asked["name"])


def azure_force(asked: Asked) -> None:
    """The calls of azure.azcollection.azure_rm_storageblob with state=absent and force=true: look at the container, delete it.

    It makes them to Azure Resource Manager (storage_client.blob_containers.get and .delete), which no emulator has. These are the same two
    to the storage account.
    """
    container = _container(asked)
    container.get_container_properties()
    container.delete_container()


def azure_empty(asked: Asked) -> None:
    """Delete what is listed, one blob after the other."""
    container = _container(asked)
    for name in container.list_blob_names():
        container.delete_blob(name)


def azure_remove(asked: Asked) -> None:
    """The same, and then the container."""
    azure_empty(asked)
    _container(asked).delete_container()


def gcs_remove(asked: Asked) -> None:
    """Delete what is listed, one object after the other, then the bucket: Bucket.delete(force=True) refuses more than 256 objects."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import storage

    client = storage.Client(
        project=asked["project"],
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": asked["endpoint"]},
    )
    bucket = client.bucket(asked["name"])
    for blob in client.list_blobs(bucket, versions=True):
        bucket.delete_blob(blob.name, generation=blob.generation)
    bucket.delete()


SCRIPTS: Mapping[str, Callable[[Asked], None]] = {
    script.__name__: script for script in (azure_force, azure_empty, azure_remove, gcs_remove)
}


if __name__ == "__main__":
    asked = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    SCRIPTS[asked["script"]](asked)
