# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fill the demo's bucket of Cloud Storage: python tools/demo/fill_gcp.py BUCKET."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

OBJECTS, SIZE, WORKERS = 300, 1024, 8


def main(name: str) -> None:
    """Fill, and print with what."""
    endpoint = {"api_endpoint": os.environ["STORAGE_EMULATOR_HOST"]}
    client = storage.Client(os.environ["GCP_PROJECT"], AnonymousCredentials(), client_options=endpoint)
    bucket = client.bucket(name)

    def put(number: int) -> None:
        bucket.blob(f"reports/{number:07d}").upload_from_string(b"x" * SIZE)

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(put, range(OBJECTS)))
    client.close()
    print(f"{OBJECTS} objects, {SIZE:,} bytes each")


if __name__ == "__main__":
    main(sys.argv[1])
