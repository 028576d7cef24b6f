# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fill the demo's bucket: python tools/demo/fill_aws.py BUCKET.

The versions go straight into the server's memory, as putting each over HTTP would take longer than all the rest of the demo.
Delete markers and unfinished uploads are made as any client makes them.
"""

from __future__ import annotations

import os
import sys

import boto3

from tests.servers.moto import seed_versions

KEYS, VERSIONS, SIZE, DELETED, UPLOADS = 1500, 3, 1024, 500, 6


def main(bucket: str) -> None:
    """Fill, and print with what."""
    seed_versions(os.environ["AWS_ENDPOINT_URL"], bucket, KEYS, VERSIONS, "reports/", SIZE)
    s3 = boto3.client("s3")
    keys = [{"Key": f"reports/{number:07d}"} for number in range(DELETED)]
    s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
    for number in range(UPLOADS):
        s3.create_multipart_upload(Bucket=bucket, Key=f"incoming/{number}")
    print(
        f"{KEYS * VERSIONS:,} versions of {KEYS:,} keys, {SIZE:,} bytes each; "
        f"{DELETED} keys deleted afterwards, which leaves delete markers; {UPLOADS} unfinished uploads"
    )


if __name__ == "__main__":
    main(sys.argv[1])
