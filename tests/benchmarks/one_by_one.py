# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metrics of many instances with a request for each, as a playbook without cloudwatch_metric_info would have to ask for them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import boto3


def main() -> None:
    """Read the request's file, and ask."""
    asked = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    client = boto3.client("cloudwatch", endpoint_url=asked["endpoint"], region_name=asked["region"], **keys)
    for instance in asked["ids"]:
        metric = {
            "Namespace": "AWS/EC2",
            "MetricName": "CPUUtilization",
            "Dimensions": [{"Name": "InstanceId", "Value": instance}],
        }
        query = {"Id": "cpu", "MetricStat": {"Metric": metric, "Period": 3600, "Stat": "Average"}}
        answer = client.get_metric_data(MetricDataQueries=[query], StartTime=asked["start"], EndTime=asked["end"])
        if not answer["MetricDataResults"][0]["Values"]:
            raise SystemExit(f"no datapoints of {instance}")


if __name__ == "__main__":
    main()
