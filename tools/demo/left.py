# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say which buckets the demo's server has."""

from __future__ import annotations

import boto3

names = [bucket["Name"] for bucket in boto3.client("s3").list_buckets()["Buckets"]]
if names:
    raise SystemExit(f"The server still has {', '.join(names)}.")
print("No bucket. The server and its temporary files go now, too.")
