# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fill the demo's container on Azure: python tools/demo/fill_azure.py CONTAINER."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor

from azure.storage.blob import BlobServiceClient

BLOBS, SIZE, SNAPSHOTS, WORKERS = 300, 1024, 60, 8


def main(container: str) -> None:
    """Fill, and print with what."""
    service = BlobServiceClient(os.environ["AZURE_STORAGE_SERVICE_ENDPOINT"], os.environ["AZURE_STORAGE_KEY"])
    client = service.get_container_client(container)

    def put(number: int) -> None:
        blob = client.get_blob_client(f"reports/{number:07d}")
        blob.upload_blob(b"x" * SIZE, overwrite=True)
        if number < SNAPSHOTS:
            blob.create_snapshot()

    with service, ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(put, range(BLOBS)))
    print(f"{BLOBS} blobs, {SIZE:,} bytes each; a snapshot of {SNAPSHOTS} of them")


if __name__ == "__main__":
    main(sys.argv[1])
